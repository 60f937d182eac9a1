"""What there is to read in any answer over HTTP: the status in words, ``Retry-After``, a JSON object. Pure."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WAIT = 10**9  # seconds; more than that is beyond what timedelta and datetime add up


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
