"""What an answer of the call for the account's numbers means. Pure: no answer whatsoever raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.numbers import Number
from bridge.domain.poll_answer import Failure, Malformed
from bridge.domain.redaction import clean_text
from bridge.source.responses import quote, read_object, refused, whole_number

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.transport.message import Reply

_CONNECTED = {"connected": True, "not_connected": False}
_LONGEST_NUMBER = 40
LARGEST_ID = 2**63 - 1


def read_numbers(reply: Reply, at: datetime) -> tuple[Number, ...] | Failure:
    """Read what ``/whatsapp/accounts/`` answered. An answer of which one number cannot be read says nothing at all.

    Args:
        reply: The answer as it came, with any status and any bytes.
        at: When it came.
    """
    body = read_object(reply, at)
    if not isinstance(body, dict):
        return body
    listed = body.get("whatsapp_clients")
    if not isinstance(listed, list):
        return refused(body) or Malformed("it has no whatsapp_clients")
    numbers = {}
    for item in listed:
        id_ = whole_number(item.get("whatsapp_client_id")) if isinstance(item, dict) else None
        connected = _CONNECTED.get(str(item["status"])) if id_ is not None and "status" in item else None
        if id_ is None or connected is None or not 0 < id_ <= LARGEST_ID:
            return Malformed(f"a number is {quote(item)}")
        shown = clean_text(str(item.get("whatsapp_number") or ""))[:_LONGEST_NUMBER]
        numbers[id_] = Number(id_, shown, connected)
    return tuple(numbers.values())
