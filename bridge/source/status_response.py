"""What an answer to the status call means. Pure: none raises, or says more than it states.

The facts, and the traps, are those of ``wbiztool-api.md``; [doc] and [client] below are its marks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.domain.http_answers import json_object
from bridge.domain.model import CODES, Observation, Status
from bridge.domain.poll_answer import Answer, Failure, Malformed, Refused
from bridge.domain.redaction import clean_text
from bridge.source.responses import NO_OBJECT, quote, read_object, whole_number

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.transport.message import Reply


@dataclass(frozen=True, slots=True)
class _Statement:
    """What an answer states of its message."""

    status: Status
    error: str | None = None


_STATUSES = {code: status for status, code in CODES.items()}
_DIGITS = {str(code): code for code in _STATUSES}
_UNKNOWN_ID = "unknown message id"
# What accompanies a status 0 that means Pending: "connected" [doc], or the same words as status_text [client].
_PENDING_WORDS = frozenset({"", "connected", "pending", "created", "queued"})
_WORDS = {**{str(status): status for status in CODES}, "canceled": Status.CANCELLED}
"""The words for a status, as ``status_text`` has them, and ``message`` too [client]."""

_NAMES = ("msg_id", "message_id")
_REFUSING = ("auth", "credential", "api key")


def read_answer(reply: Reply, at: datetime, message_id: int | None = None) -> Answer:
    """Read what the status call answered.

    Args:
        reply: The answer as it came, with any status and any bytes.
        at: When it came.
        message_id: Which message was asked for: an answer that names another says nothing of it.
    """
    if reply.status != HTTPStatus.OK or reply.cut:
        failure = read_object(reply, at)
        assert not isinstance(failure, dict)
        return failure
    named, stated = _read_body(reply.body)
    if message_id is not None:
        for name, value in named:
            if whole_number(value) != message_id:
                return Malformed(f"the answer is about another message: {name} is {quote(value)}")
    return Observation(stated.status, at, stated.error) if isinstance(stated, _Statement) else stated


@lru_cache(maxsize=64)
def _read_body(body: bytes) -> tuple[list[tuple[str, object]], _Statement | Failure]:
    """Read the body of a 200: which messages it names, and what it states. Most are the very bytes of one before."""
    found = json_object(body)
    if found is None:
        return [], NO_OBJECT
    return [(name, found[name]) for name in _NAMES if found.get(name) is not None], _read_state(found)


def _read_state(body: dict[str, Any]) -> _Statement | Failure:
    status = _status_of(body.get("status"))
    message, words = _lower(body.get("message")), _lower(body.get("status_text"))
    if _UNKNOWN_ID in {message, words}:
        # It comes as status 0, which would be Pending [client]. Beside another status it contradicts itself.
        contradiction = status not in {None, Status.PENDING}
        return Malformed("an unknown id with a status") if contradiction else _Statement(Status.UNKNOWN)
    if status is None:
        return Malformed(f"status is {quote(body['status'])}" if "status" in body else "there is no status")
    if status is Status.PENDING and not {message, words} <= _PENDING_WORDS:
        # WbizTool's other calls refuse with HTTP 200, status 0 and a message: that is no Pending [client].
        if any(word in said for said in (message, words) for word in _REFUSING):
            return Refused(quote(body.get("message") or body["status_text"]))
        if not words and message not in _PENDING_WORDS:
            return Malformed(quote(body["message"]))
    for name, said in (("status_text", words), ("message", message)):
        if _WORDS.get(said, status) is not status:
            return Malformed(f"status is {CODES[status]}, and {name} is {quote(body[name])}")
    return _Statement(status, _reason(body.get("error")) if status is Status.FAILED else None)


def _reason(error: object) -> str | None:
    """Read why a message failed. What is no text is kept as JSON; None where there is nothing to say."""
    if not isinstance(error, str):
        error = json.dumps(error, ensure_ascii=False) if error else ""
    return clean_text(error.strip()) or None


def _status_of(value: object) -> Status | None:
    """Read a status: an integer from 0 to 4, or one such digit as a string. Not a boolean, not a float."""
    if isinstance(value, str):
        value = _DIGITS.get(value)
    return _STATUSES.get(value) if type(value) is int else None


def _lower(value: object) -> str:
    return value.strip().rstrip(".!").lower() if isinstance(value, str) else ""
