"""What a report is asked for, and how it is shown in JSON. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.activity import COUNTED, DAY, HOUR, REASON, TAGS
from bridge.domain.clock import isoformat
from bridge.domain.suggest import suggestion

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.domain.activity import Activity, By, Group, Sums, Waits

USUAL: Final = timedelta(days=7)
"""How long a period is whose beginning is not given."""

LONGEST: Final = timedelta(days=3660)
LONGEST_BY_HOUR: Final = timedelta(days=93)
"""The longest period that can be added up, and the longest one hour by hour."""

NUMBER: Final = "number"
"""The tag that says which of the account's numbers a message was sent from; ``by`` may name it so."""

_STEPS = (REASON, DAY, HOUR, NUMBER)
_TAG = "tag."

BY: Final = rf"^({'|'.join(_STEPS)}|tags?\..+)$"
"""How groups are named, as a regular expression."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A period, and the groups that are added up by themselves; ``zone`` is where hours and days begin."""

    since: datetime
    until: datetime
    zone: tzinfo
    by: By | None = None


def read_by(text: str) -> By:
    """Read what groups are meant: ``reason``, ``day``, ``hour``, ``number`` or ``tag.NAME``.

    Raises:
        ValueError: It is none of them; the text says what is allowed.
    """
    for prefix in (_TAG, TAGS):
        if text.startswith(prefix) and text != prefix:
            return f"{TAGS}{text.removeprefix(prefix)}"
    if text not in _STEPS:
        raise ValueError(f"unknown: {text!r} ({suggestion(text, [*_STEPS, 'tag.NAME'])})")
    return f"{TAGS}{NUMBER}" if text == NUMBER else text


def ask(now: datetime, zone: tzinfo, *, since: datetime | None, until: datetime | None, by: By | None) -> ReportQuery:
    """Put a question together; what is left out is the last seven days.

    Raises:
        ValueError: The period ends before it begins, has not begun yet, or is too long.
    """
    end = now if until is None else min(until, now)
    begin = end - USUAL if since is None else since
    if until is not None and until <= begin:
        raise ValueError("the period ends before it begins")
    if begin >= end:
        raise ValueError("the period begins in the future")
    if end - begin > LONGEST:
        raise ValueError(f"the period is too long (allowed: up to {LONGEST.days} days)")
    if by == HOUR and end - begin > LONGEST_BY_HOUR:
        raise ValueError(f"the period is too long by hour (allowed: up to {LONGEST_BY_HOUR.days} days)")
    return ReportQuery(begin, end, zone, by)


def report_json(query: ReportQuery, found: Activity, waiting: int) -> dict[str, Any]:
    """Arrange a report for JSON. ``waiting`` is how many messages are pending now."""
    return {
        "since": isoformat(found.since),
        "until": isoformat(query.until),
        "timezone": str(query.zone),
        "by": query.by,
        "counted_since": found.counted_since and isoformat(found.counted_since),
        **_sums_json(found.sums),
        "waiting_now": waiting,
        "seconds_until_sent": _waits_json(found.waits),
        "before": found.before and _sums_json(found.before),
        "reasons": [
            {"reason": reason.key, "words": reason.words(count), "count": count} for reason, count in found.reasons
        ],
        "groups": [_group_json(group) for group in found.groups],
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "value": group.value,
        "start": group.start and isoformat(group.start),
        **_sums_json(group.sums),
        "seconds_until_sent": _waits_json(group.waits),
    }


def _sums_json(sums: Sums) -> dict[str, Any]:
    return {str(status): sums[status] for status in COUNTED} | {"failure_percent": sums.failure_share}


def _waits_json(waits: Waits | None) -> dict[str, Any] | None:
    if waits is None:
        return None
    return {"messages": waits.count, "median": waits.median.total_seconds(), "p95": waits.p95.total_seconds()}
