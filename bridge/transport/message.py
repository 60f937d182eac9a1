"""What a call sends and what comes back, and why nothing does. No I/O."""

from __future__ import annotations

import email.utils
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_LIMIT = 64 * 1024
"""How many bytes of an answer's body are read, unless the request says otherwise. A longer body is cut off there, its
connection closed, and ``cut`` is set."""

_LONGEST_WAIT = 10**9  # seconds; more than that is beyond what timedelta and datetime add up


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: the body's bytes, and headers beside those that the client itself sets.

    ``limit`` is how many bytes of the answer's body are read; ``path`` is added to the client's address.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = BODY_LIMIT
    path: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case; ``cut`` says that the body was longer than was read."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes."""
        return self.body.decode("utf-8", "replace")


_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: (.*?))?\r?\n", re.IGNORECASE)
_INTERIM = b"1"


def read_head(lines: Sequence[bytes]) -> tuple[int, str, dict[str, str]]:
    """Read status, reason and headers (the last of each) of the answer among an exchange's header lines.

    Interim answers may stand before it, and trailers behind it.

    Raises:
        ValueError: There is no whole one. The text says what the other side does instead.
    """
    status: re.Match[bytes] | None = None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if status is None or line[:5].upper() == b"HTTP/":
            status, headers = _STATUS.fullmatch(line), {}
            if status is None:
                raise ValueError("does not answer in HTTP")
        elif colon:
            headers[name.strip().decode("latin-1")] = value.strip().decode("latin-1")
        elif not line.strip():
            if status[1][:1] != _INTERIM:
                return int(status[1]), (status[2] or b"").decode("latin-1"), headers
            status = None
    raise ValueError("cut its answer in the middle")


class TransportError(Exception):
    """No whole answer came. The text says why in plain words, names the host at most, and holds no secret."""


class StoppedError(TransportError):
    """The client was closed before an answer came. That says nothing about the other side."""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read ``Retry-After`` in both of its forms (RFC 9110, 10.2.3): a number of seconds, or a date.

    A date in the past is no wait. None where the header is missing or unreadable. The value is not bounded here.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:12]), _LONGEST_WAIT))
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # no date; one beyond all dates
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def http_words(status: int) -> str:
    """Name an HTTP status: ``HTTP 404 Not Found``, or just the number where it has no name."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def json_object(body: bytes) -> dict[str, Any] | None:
    """Read a body as a JSON object; None where it is none, whatever its bytes."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # bad JSON, bad UTF-8, a number of 5,000 digits; brackets without end
        return None
    return value if isinstance(value, dict) else None
