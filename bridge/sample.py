"""Sample events: one to try receivers with, and all kinds of them, to try templates with. Pure."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.clock import isoformat
from bridge.events import SOURCE, health_event, receiver_subject, transition_event
from bridge.model import Event, EventType, Message, State, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AT = datetime(2026, 11, 23, 20, 11, 12, 345_000, tzinfo=UTC)
_EARLIER = _AT - timedelta(minutes=16)
_DATABASE = "a sample"
_NASTY = (
    'A "quote", a \\ slash, {{ braces }}, <b>&amp;</b>,\n\ta line, O\'Hara, $HOME `x` %s 漢字 👍🏽 \u202e \u2028 ..'
)
_LONG = _NASTY * 40

_STATUS = {
    EventType.MESSAGE_STUCK: Status.PENDING,
    EventType.MESSAGE_ABANDONED: Status.UNKNOWN,
    **{EventType.of_status(status): status for status in Status},
}


def sample_event(now: datetime) -> Event:
    """Make a ``message.failed`` whose id no real event has, about a message that cannot be real (its id is 0)."""
    pending = State(Status.PENDING, now - timedelta(minutes=1))
    failed = State(Status.FAILED, now, "This is a test by `wbiz-bridge test`; no message failed")
    message = Message(0, "Test of this receiver", {"test": "true"}, pending, sequence=1)
    return transition_event(f"test-{secrets.token_hex(16)}", message, failed, EventType.MESSAGE_FAILED, now)


def samples(tags: Mapping[str, str]) -> Iterator[Event]:
    """Make events of every type: with all that they can hold, with as little as they can, and with nasty texts.

    Args:
        tags: Those that stand on every message.
    """
    for type_ in EventType:
        if type_ in _STATUS:
            yield from _about_messages(type_, tags)
        else:
            yield from _about_others(type_)


def _about_messages(type_: EventType, tags: Mapping[str, str]) -> Iterator[Event]:
    rich = {"team": "billing", **tags}
    yield _about_a_message(type_, "Invoice 88", rich, "Invalid phone number", numbers=["+4915112345678"])
    yield _about_a_message(type_, None, tags, None, first=True)
    yield _about_a_message(type_, _NASTY, {_NASTY: _NASTY, "items": "x", **tags}, _LONG, numbers=[_NASTY, "7"])


def _about_a_message(
    type_: EventType,
    label: str | None,
    tags: Mapping[str, str],
    error: str | None,
    *,
    numbers: list[str] | None = None,
    first: bool = False,
) -> Event:
    status = _STATUS[type_]
    told = type_ in {EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED}  # of a state that is known
    earlier = Status.UNKNOWN if status is Status.PENDING else Status.PENDING
    before = State(status if told else earlier, _EARLIER)
    state = before if told else State(status, _AT, error if status is Status.FAILED else None)
    known = None if first and not told else before
    message = Message(12346, label, tags, known, sequence=0 if first else 1, watched_since=None if first else _EARLIER)
    return transition_event(_DATABASE, message, state, type_, _AT, numbers)


def _about_others(type_: EventType) -> Iterator[Event]:
    told: dict[str, Any]
    came, went = {"since": isoformat(_AT)}, {"since": isoformat(_EARLIER)}
    texts = ("Auth Error", _LONG)
    match type_:
        case EventType.SOURCE_DOWN:
            for number, text in enumerate(texts, 1):
                yield _about(type_, SOURCE, number, {**went, "reason": text})
        case EventType.SOURCE_UP:
            yield _about(type_, SOURCE, 2, {**came, "reason": None, "down_since": isoformat(_EARLIER)})
            yield _about(type_, SOURCE, 4, {**came, "reason": None})
        case EventType.RECEIVER_DOWN:
            for number, text in enumerate(texts, 1):
                data = {"receiver": "another-receiver", **went, "reason": text}
                yield _about(type_, receiver_subject("another-receiver"), number, data)
        case EventType.RECEIVER_UP:
            told = {"receiver": "another-receiver", **came, "reason": None}
            yield _about(type_, receiver_subject("another-receiver"), 2, {**told, "down_since": isoformat(_EARLIER)})
            yield _about(type_, receiver_subject("another-receiver"), 4, told)
        case _:
            told = {"whatsapp_client_id": 7, **went}
            yield _about(type_, "number/7", 1, {"number": "+4915112345678", **told, "disconnected_seconds": 960})
            yield _about(type_, "number/7", 2, {"number": _NASTY, **told})
            yield _about(type_, "number/7", 3, {"number": "", **told})


def _about(type_: EventType, subject: str, sequence: int, data: Mapping[str, Any]) -> Event:
    return health_event(_DATABASE, type_, subject, sequence, _AT, data)
