"""What people read about a failure rate: how many of how many failed, whose, and why. Pure.

As in :mod:`bridge.receivers.wording`, what is missing in an event's data, or of another type, reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.domain.failure_rate import TAGS
from bridge.domain.model import EventType, Status
from bridge.domain.reasons import reason_of
from bridge.receivers.text import fit, one_line

if TYPE_CHECKING:
    from bridge.domain.model import Event

RATES = frozenset({EventType.ACCOUNT_FAILING, EventType.ACCOUNT_RECOVERED})
"""The types that are about a failure rate."""

RATE_DATA = frozenset({"by", "group", "failed", "of", "share", "within_seconds", "reasons"})
"""The data of these events that the words here include."""

_GROUP, _REASON = 60, 100


def group_of(event: Event) -> str:
    """Name the messages that it is about: ``team billing``, ``messages without team``, ``all messages``."""
    tag, group = one_line(event.json.get("by")).removeprefix(TAGS), one_line(event.json.get("group"))
    if not tag:
        return "all messages"
    return f"{tag} {group}" if group else f"messages without {tag}"


def rate_of(event: Event, group: str) -> str:
    """Say how many failed: ``12 of 50 messages failed in the last 15 min (24%), team billing``."""
    failed, of = _number(event, "failed"), _number(event, "of")
    last = f"in the last {_span(_number(event, 'within_seconds'))}"
    group = fit(group, _GROUP)
    grouped = bool(one_line(event.json.get("by")))
    if event.type is EventType.ACCOUNT_FAILING:
        return f"{failed:,} of {of:,} messages failed {last} ({_share(event)}%){f', {group}' if grouped else ''}"
    whose = (
        (f"Messages of {group}" if one_line(event.json.get("group")) else f"M{group[1:]}") if grouped else "Messages"
    )
    if not of:
        return f"{whose} are no longer failing: none got a final status {last}"
    return f"{whose} are being sent again: {failed:,} of {of:,} failed {last}"


def failures_of(event: Event) -> str:
    """Say how many failed, and why: ``12 of 50 failed (24%): 8 invalid numbers, 4 not on WhatsApp``."""
    counts = f"{_number(event, 'failed'):,} of {_number(event, 'of'):,} failed ({_share(event)}%)"
    return ": ".join(filter(None, [counts, reasons_of(event)]))


def _words(reason: str, count: int) -> str:
    """Put a reason into words; that a message expired is the bridge's own word, and not quoted."""
    return reason if reason == Status.EXPIRED else reason_of(reason).words(count)


def reasons_of(event: Event) -> str:
    """Say why: ``8 invalid numbers, 4 not on WhatsApp``."""
    reasons = event.json.get("reasons")
    return ", ".join(
        f"{each['count']:,} {fit(_words(one_line(each.get('reason')), each['count']), _REASON)}"
        for each in (reasons if isinstance(reasons, list) else ())
        if isinstance(each, Mapping) and isinstance(each.get("count"), int)
    )


def _number(event: Event, key: str) -> int:
    value: Any = event.json.get(key)
    return value if isinstance(value, int) else 0


def _share(event: Event) -> str:
    share = event.json.get("share")
    return f"{share:g}" if isinstance(share, int | float) else "?"


def _span(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
