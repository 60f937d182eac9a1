"""What an answer of WbizTool's API means, whichever call it answers: HTTP statuses, and bodies that are no JSON. Pure.

The facts, and the traps, are those of ``wbiztool-api.md``; [client] below is its mark.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.domain.http_answers import http_words, json_object, retry_after
from bridge.domain.poll_answer import Failure, Malformed, Refused, Throttled, Unavailable
from bridge.domain.redaction import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.transport.message import Reply

NO_OBJECT = Malformed("the answer is not a JSON object")

_QUOTED = 60
_LONGEST_NUMBER = 20


def read_object(reply: Reply, at: datetime) -> dict[str, Any] | Failure:
    """Read the JSON object of a 200, or why there is none."""
    if reply.status == HTTPStatus.OK:
        return _object_in(reply)
    words = http_words(reply.status)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(words, retry_after(reply.headers, at))
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in reply.headers:
        return Throttled(words, retry_after(reply.headers, at))
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(words)
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return Unavailable(f"{words} to {_host_of(reply)}: redirects are not followed, the call carries the API key")
    if reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        # A refusal comes with a JSON message [client]; a firewall's 403 page says nothing about the credentials.
        body = _object_in(reply)
        found = refused(body) if isinstance(body, dict) else None
        return found or Unavailable(words)
    return Malformed(words)


def refused(body: Mapping[str, Any]) -> Refused | None:
    """Read the message of an answer that lacks what was asked for; None where there is none."""
    message = body.get("message")
    return Refused(quote(message)) if isinstance(message, str) and message.strip() else None


def _object_in(reply: Reply) -> dict[str, Any] | Malformed:
    if reply.cut:
        return Malformed("the answer is longer than any answer of this call")
    body = json_object(reply.body)
    return NO_OBJECT if body is None else body


def whole_number(value: object) -> int | None:
    """Read an integer, or one as a string of digits. Not a boolean, not a float."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _LONGEST_NUMBER:
        return int(value)
    return value if type(value) is int else None


def quote(value: object) -> str:
    """Show a value from outside, short and on one line."""
    text = clean_text(value if isinstance(value, str) else repr(value))
    text = " ".join(text.split())
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _host_of(reply: Reply) -> str:
    try:
        return quote(urlsplit(reply.headers.get("location", "")).hostname or "another place on the same host")
    except ValueError:
        return "an unreadable address"
