"""What an answer of the account's report means. Pure: no answer whatsoever raises, or says more than it states.

The facts, and the traps, are those of ``wbiztool-api.md``: ``status`` is always 0, also on success, and the presence of
``total`` is the success sign; of a row, only ``id`` and ``message_status`` are documented, the latter without its
spelling, so that it is only compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL
from bridge.domain.poll_answer import Failure, Malformed
from bridge.domain.redaction import clean_text
from bridge.domain.report import Row
from bridge.source.responses import quote, read_object, refused, whole_number

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.transport.message import Reply

PAGE = 200
"""How many rows a page has."""

LARGEST_PAGE = 4 * 1024 * 1024
"""In bytes: 200 rows with a text of some 20,000 each."""

_LABELS = ("label", "campaign_name", "campaign", "name", "phone", "receiver", "to", "number")
"""Where a row may say what it is about, best first. None of them is documented."""

_LONGEST_HINT = 64
_ZONES = timedelta(days=1)
"""How far a day of the account's time zone, which is not known, may lie before or after a day of UTC."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. ``total`` counts the rows of all pages, ``shown`` those of this one, and ``rows`` has the readable."""

    total: int
    shown: int
    rows: tuple[Row, ...]


def days(now: datetime, count: int) -> tuple[str, str]:
    """Name the days to ask for, ``DD-MM-YYYY``, so that the last ``count`` times 24 hours are in them in any zone.

    The end day itself is not included by the API.
    """
    first, last = now - timedelta(days=count) - _ZONES, now + _ZONES + timedelta(days=1)
    return first.strftime("%d-%m-%Y"), last.strftime("%d-%m-%Y")


def window(count: int) -> timedelta:
    """Say how far back a report of this many days may reach."""
    return timedelta(days=count) + 2 * _ZONES


def read_page(reply: Reply, at: datetime) -> Page | Failure:
    """Read what the report call answered.

    Args:
        reply: The answer as it came, with any status and any bytes.
        at: When it came.
    """
    body = read_object(reply, at)
    if not isinstance(body, dict):
        return body
    if "total" not in body:
        return refused(body) or Malformed("it has no total")
    total, history = whole_number(body["total"]), body.get("history")
    if total is None or total < 0:
        return Malformed(f"total is {quote(body['total'])}")
    if not isinstance(history, list):
        return Malformed("history is no list")
    return Page(total, len(history), tuple(row for row in map(_row, history) if row is not None))


def _row(item: object) -> Row | None:
    """Read a row; None where it has no id, so that it is no message that could be watched."""
    if not isinstance(item, dict):
        return None
    id_ = whole_number(item.get("id"))
    if id_ is None or not 0 < id_ <= LARGEST_ID:
        return None
    return Row(id_, _hint(item.get("message_status")), _label(item))


def _hint(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONGEST_HINT else hashlib.sha256(text.encode()).hexdigest()


def _label(item: dict[str, Any]) -> str | None:
    for name in _LABELS:
        value = item.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return clean_text(str(value).strip()[:LONGEST_LABEL])
    return None
