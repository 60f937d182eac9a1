"""What a receiver's summary says: the data of its event. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.domain import reasons
from bridge.domain.activity import COUNTED
from bridge.domain.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from bridge.domain.activity import Activity, Sums
    from bridge.domain.summary_marks import DueSummary

MOST_REASONS: Final = 5
MOST_SLOWEST: Final = 3
"""How many reasons and messages a summary names."""

LATE: Final = timedelta(minutes=15)
"""A summary that is made later than that after it was due says from when to when its time was."""

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Slow:
    """A message that was sent, and how long it was seen waiting before."""

    message_id: int
    label: str | None
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a summary says beside the sums.

    ``waiting`` counts the messages that are pending at that moment. ``numbers`` are those that were disconnected in its
    time or still are, each with whether it is connected now. ``dead_letters`` counts what was given up in its time.
    """

    waiting: int = 0
    slowest: tuple[Slow, ...] = ()
    numbers: Mapping[str, bool] | None = None
    dead_letters: int = 0


def summary_data(due: DueSummary, zone: tzinfo, found: Activity, beside: Circumstances, at: datetime) -> dict[str, Any]:
    """Arrange a summary that is made at a moment, without its sequence."""
    late = at - due.due > LATE
    waits = found.waits
    return {
        "receiver": due.receiver,
        "period": period(due, zone, late=late),
        "since": isoformat(due.since),
        "until": isoformat(due.until),
        "due": isoformat(due.due),
        "late": late,
        "timezone": str(zone),
        **_counts(found.sums),
        "before": None if found.before is None else _counts(found.before),
        "waiting": beside.waiting,
        "reasons": [
            {"reason": reasons.written(reason) or None, "count": count}
            for reason, count in found.reasons[:MOST_REASONS]
        ],
        "median_wait_seconds": None if waits is None else _seconds(waits.median),
        "p95_wait_seconds": None if waits is None else _seconds(waits.p95),
        "slowest": [
            {"message_id": each.message_id, "label": each.label, "waited_seconds": _seconds(each.waited)}
            for each in beside.slowest
        ],
        "numbers": [{"number": name, "connected": connected} for name, connected in (beside.numbers or {}).items()],
        "dead_letters": beside.dead_letters,
    }


def period(due: DueSummary, zone: tzinfo, *, late: bool) -> str:
    """Name the time that a summary covers, as clocks in the zone show it and as somebody there says it that day.

    ``Yesterday``, ``Since yesterday 09:00``, ``Since Friday 09:00``, ``23 Nov 09:00 to 24 Nov 09:00``.
    """
    since, until = due.since.astimezone(zone), due.until.astimezone(zone)
    days = (until.date() - since.date()).days
    if late:
        return f"{_date(since)} to {_date(until)}"
    if days == 1 and since.time() == until.time() == time(0):
        return "Yesterday"
    if days == 0:
        return f"Since {since:%H:%M}"
    if days == 1:
        return f"Since yesterday {since:%H:%M}"
    return f"Since {since:%A %H:%M}" if due.until - due.since < _WEEK else f"Since {_date(since)}"


def _counts(sums: Sums) -> dict[str, Any]:
    return {**{str(status): sums[status] for status in COUNTED}, "failure_share": sums.failure_share}


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M}"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
