"""Reads events back from the form in which receivers get them and ``events --json`` lists them. Pure."""

# ruff: noqa: TRY004 -- what was given is wrong, not how this was called

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.domain.errors import UsageError
from bridge.domain.events import MESSAGE_SUBJECT
from bridge.domain.model import Event, EventType, Status
from bridge.domain.suggest import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_WORDS = {str: "text", int: "a whole number", dict: "an object"}


def read_events(text: str, now: datetime) -> list[Event]:
    """Read one event, a list of them, or one after the other (``events --follow --json``).

    Args:
        text: JSON.
        now: Stands for when they happened: it makes no difference to who wants them.

    Raises:
        ValueError: It is something else; the text names the place.
    """
    return [_event(value, place, now) for value, place in _documents(text)]


def read_event(text: str, now: datetime) -> Event:
    """Read the one event that a caller asks about; see :func:`read_events`.

    Raises:
        UsageError: It is something else; the text names the place.
    """
    try:
        (event,) = read_events(text, now)
    except ValueError as error:
        raise UsageError(f"event: {error}") from None
    return event


def _documents(text: str) -> list[tuple[object, str]]:
    """Take apart what is in a text, each with the words for its place."""
    found: list[object] = []
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.lineno}:{error.colno}: this is not JSON ({error.msg})") from None
        except RecursionError:
            raise ValueError("this is no event: it is nested too deeply") from None
        found += value if isinstance(value, list) else [value]
    if not found:
        raise ValueError("there is no event in it")
    return [(value, f"[{index}]." if len(found) > 1 else "") for index, value in enumerate(found)]


def _event(value: object, place: str, now: datetime) -> Event:
    """Check as much of an event as routing looks at; the rest is taken as it is."""
    if not isinstance(value, dict):
        raise ValueError(f"{place.rstrip('.') or 'this'}: must be an event: an object with type and data")
    type_ = value.get("type")
    if type_ not in list(EventType):
        raise ValueError(f"{place}type: must be a type of event ({suggestion(str(type_), EventType)})")
    data = _of(value, "data", dict, place, required=True)
    inside = f"{place}data."
    for key in ("label", "receiver"):
        _of(data, key, str, inside)
    for key, tag in _of(data, "tags", dict, inside).items():
        if not isinstance(tag, str):
            raise ValueError(f"{inside}tags.{key}: must be text")
    current = _of(data, "current", dict, inside)
    _of(current, "error", str, f"{inside}current.")
    status = current.get("status", Status.SENT)
    if status not in list(Status):
        raise ValueError(f"{inside}current.status: must be a status ({suggestion(str(status), Status)})")
    about_message = type_.startswith("message.")
    message_id = _of(data, "message_id", int, inside, required=True) if about_message else None
    return Event(
        id=_of(value, "id", str, place) or "no id",
        type=EventType(type_),
        at=now,
        subject="" if message_id is None else f"{MESSAGE_SUBJECT}{message_id}",
        sequence=0,
        json=data,
        message_id=message_id,
        test=value.get("test") is True,
    )


def _of(within: Mapping[str, Any], key: str, kind: type, place: str, *, required: bool = False) -> Any:
    """Return what is under a key, of the kind that it must be; empty where it may be missing or null."""
    value = within.get(key)
    if value is None and not required:
        return kind()
    if not isinstance(value, kind) or isinstance(value, bool):
        missing = "is missing: it " if key not in within else ""
        raise ValueError(f"{place}{key}: {missing}must be {_WORDS[kind]}")
    return value
