"""Finds message ids in whatever WbizTool's webhook sends: its shape is not documented. Pure; nothing makes it raise.

Ids are all that is taken: what else it says, a status too, is a hint to look, never the state (wbiztool-api.md).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from bridge.domain.model import LARGEST_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_IDS = 1000
"""How many ids of one call count."""

_DEEPEST = 12
_MOST_VALUES = 20_000
_SURE = frozenset({"msgid", "msgids", "messageid", "messageids"})
_LIKELY = frozenset({"id", "ids"})
_NOT_IN_A_NAME = re.compile(r"[^a-z]")
_NUMBER = re.compile(r"[0-9]{1,19}\Z")
_IN_TEXT = re.compile(
    r"(?<![A-Za-z])(?:msg|message)[_ -]?ids?(?![A-Za-z])[^0-9A-Za-z]{1,40}?([0-9]{1,19})(?![0-9])", re.IGNORECASE
)
"""The name, and a number soon after: in XML, say, or in a form of several parts."""


def ids_in(query: str, body: bytes) -> list[int]:
    """List the ids that a call names, each once: under ``msg_id`` and its like, else under ``id``.

    Args:
        query: The part of the URL behind its question mark.
        body: JSON, a form, or anything.
    """
    text = body.decode("utf-8", "replace").strip()
    parsed = _json(text)
    named = list(_pairs([*_form(query), *(_form(text) if parsed is None else [parsed])]))
    sure = [value for name, value in named if name in _SURE]
    likely = [value for name, value in named if name in _LIKELY]
    found = list(_numbers(sure)) or list(_numbers(likely))
    if not found and parsed is None:
        found = list(_numbers(_IN_TEXT.findall(text)))
    return list(dict.fromkeys(found))[:MOST_IDS]


def _json(text: str) -> dict[str, Any] | list[Any] | None:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _form(text: str) -> list[dict[str, str]]:
    try:
        return [{name: value} for name, value in parse_qsl(text, max_num_fields=MOST_IDS)]
    except ValueError:  # more fields than that
        return []


def _pairs(parsed: object) -> Iterator[tuple[str, Any]]:
    """List every name in a document with its value, outermost first; JSON that is in a text is read, too."""
    level: list[Any] = [parsed]
    left = _MOST_VALUES
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for value in level:
            left -= 1
            if left < 0:
                return
            if isinstance(value, dict):
                for name, each in value.items():
                    yield _NOT_IN_A_NAME.sub("", str(name).lower()), each
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and value[:1] in {"{", "["}:
                inner.append(_json(value))
        level = inner


def _numbers(values: Iterable[Any]) -> Iterator[int]:
    left = _MOST_VALUES
    waiting = list(values)[::-1]
    while waiting and left:
        left -= 1
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value[::-1][-left:]
        elif isinstance(value, str):
            for part in value.strip(" []")[: 32 * MOST_IDS].split(","):
                if _NUMBER.match(part.strip(" \"'")) and 0 < (number := int(part.strip(" \"'"))) <= LARGEST_ID:
                    yield number
        elif type(value) is int and 0 < value <= LARGEST_ID:
            yield value
