"""What a receiver's summary says: the data of its event. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from bridge.domain import reasons
from bridge.domain.clock import isoformat
from bridge.domain.event_data import ReasonCount, SummaryData, SumsData
from bridge.domain.model import Status

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.domain.activity import Activity, Sums
    from bridge.domain.event_data import NumberSeen, SlowMessage
    from bridge.domain.summary_marks import DueSummary

MOST_REASONS: Final = 5
MOST_SLOWEST: Final = 3
"""How many reasons and messages a summary names."""

LATE: Final = timedelta(minutes=15)
"""A summary that is made later than that after it was due says from when to when its time was."""

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a summary says beside the sums.

    ``waiting`` counts the messages that are pending at that moment. ``numbers`` are those that were disconnected in its
    time or still are, each with whether it is connected now. ``dead_letters`` counts what was given up in its time.
    """

    waiting: int = 0
    slowest: tuple[SlowMessage, ...] = ()
    numbers: tuple[NumberSeen, ...] = ()
    dead_letters: int = 0


def summary_data(due: DueSummary, zone: tzinfo, found: Activity, beside: Circumstances, at: datetime) -> SummaryData:
    """Arrange a summary that is made at a moment, without its sequence."""
    late = at - due.due > LATE
    waits, sums = found.waits, found.sums
    return SummaryData(
        receiver=due.receiver,
        period=period(due, zone, late=late),
        since=isoformat(due.since),
        until=isoformat(due.until),
        due=isoformat(due.due),
        late=late,
        timezone=str(zone),
        sent=sums[Status.SENT],
        failed=sums[Status.FAILED],
        expired=sums[Status.EXPIRED],
        cancelled=sums[Status.CANCELLED],
        unknown=sums[Status.UNKNOWN],
        failure_share=sums.failure_share,
        before=None if found.before is None else _sums(found.before),
        waiting=beside.waiting,
        reasons=tuple(
            ReasonCount(reason=reasons.written(reason) or None, count=count)
            for reason, count in found.reasons[:MOST_REASONS]
        ),
        median_wait_seconds=None if waits is None else _seconds(waits.median),
        p95_wait_seconds=None if waits is None else _seconds(waits.p95),
        slowest=beside.slowest,
        numbers=beside.numbers,
        dead_letters=beside.dead_letters,
    )


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


def _sums(sums: Sums) -> SumsData:
    return SumsData(
        sent=sums[Status.SENT],
        failed=sums[Status.FAILED],
        expired=sums[Status.EXPIRED],
        cancelled=sums[Status.CANCELLED],
        unknown=sums[Status.UNKNOWN],
        failure_share=sums.failure_share,
    )


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M}"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
