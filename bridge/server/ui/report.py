"""The page of the report: what became of messages in a period, compared, and why they failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bridge.domain import reasons
from bridge.domain.activity import COUNTED
from bridge.domain.check import counted
from bridge.domain.clock import isoformat, precisely
from bridge.domain.model import Status
from bridge.receivers.next_steps import step_of_reason
from bridge.server.ui.formatting import address_of
from bridge.server.ui.period import PERIODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bridge.domain.activity import Activity, Group, Sums, Waits
    from bridge.domain.reasons import Reason
    from bridge.server.ui.chart import Chart
    from bridge.server.ui.period import Period, Wanted

_MOMENT: Final = timedelta(seconds=1)

MOST_VALUES: Final = 25
"""How many values of a tag are shown."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A period to choose."""

    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """How many messages have a status, or came to have it; ``unseen`` are those not seen yet.

    ``href`` lists them, and ``change`` says how that differs from the time before.
    """

    name: str
    count: int
    href: str
    change: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """How many messages failed for a reason; ``percent`` of all that failed. ``href`` lists them, if they can be."""

    words: str
    count: int
    percent: float
    href: str | None
    advice: str


@dataclass(frozen=True, slots=True)
class Value:
    """A tag's value; ``href`` lists what failed."""

    name: str
    sums: Sums
    href: str | None


@dataclass(frozen=True, slots=True)
class ByTag:
    """Tags to choose, the chosen one, and its values, where most failed first; ``count`` is how many it has."""

    tags: tuple[str, ...]
    chosen: str | None
    values: tuple[Value, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of messages."""

    dates: str
    says: str
    than: str | None
    partly: datetime | None
    totals: tuple[Tile, ...]
    rate: str | None
    rate_before: str | None
    whys: tuple[Why, ...]
    forgotten: int
    waits: str | None
    by_hour: Chart
    over_time: Chart
    by_tag: ByTag


@dataclass(frozen=True, slots=True)
class ReportPage:
    """All that the page shows; no ``report`` where what was asked for is ``wrong``."""

    wanted: Wanted
    tabs: tuple[Tab, ...]
    zone: str
    wrong: str | None = None
    report: Report | None = None


def tabs_of(wanted: Wanted) -> tuple[Tab, ...]:
    """List the periods to choose."""
    return tuple(
        Tab(name, wanted.address(period=key, since="", until=""), key == wanted.chosen) for key, name in PERIODS.items()
    )


def report(
    period: Period,
    now: datetime,
    found: Activity,
    before: Sums | None,
    charts: tuple[Chart, Chart],
    by_tag: ByTag,
    links: Links,
) -> Report:
    """Arrange it.

    Args:
        period: The one that was asked for.
        now: When.
        found: What happened in it.
        before: What happened in the time that it is compared with; None where that was not counted.
        charts: Over time, and by hour of the day.
        by_tag: By a tag.
        links: To the messages of the period.
    """
    over_time, by_hour = charts
    return Report(
        dates=_dates(period, now),
        says=_says(found.sums, before, period.than),
        than=None if before is None else period.than,
        partly=found.counted_since if found.counted_since and found.counted_since > found.since else None,
        totals=tuple(_totals(found.sums, before, links)),
        rate=_percent(found.sums),
        rate_before=None if before is None else _percent(before),
        whys=tuple(whys(found.reasons, links)),
        forgotten=found.sums[Status.FAILED] - sum(count for _, count in found.reasons),
        waits=None if found.waits is None else _waits(found.waits),
        by_hour=by_hour,
        over_time=over_time,
        by_tag=by_tag,
    )


@dataclass(frozen=True, slots=True)
class Links:
    """Writes addresses of lists of messages whose last change was from ``since`` until ``until``; None for now."""

    since: datetime
    until: datetime | None = None

    def to(self, **asked: str) -> str:
        """Write the address for some filters, from the first page."""
        bounds = {"since": isoformat(self.since)} | ({"until": isoformat(self.until)} if self.until else {})
        return address_of("messages", asked | bounds)


def whys(found: Sequence[tuple[Reason, int]], links: Links) -> Iterator[Why]:
    """Say why messages failed, the most frequent reason first."""
    failed = sum(count for _, count in found)
    for reason, count in found:
        # Others are many classes: no search finds them.
        href = None if reason == reasons.OTHERS else links.to(status=Status.FAILED, reason=reason.key)
        yield Why(reason.words(count), count, round(100 * count / failed, 1), href, step_of_reason(reason.key))


def by_tag(tags: Sequence[str], chosen: str | None, groups: Sequence[Group], links: Links) -> ByTag:
    """Arrange the values of a tag."""

    def value(group: Group) -> Value:
        if group.value is None:
            return Value(group.name, group.sums, None)
        return Value(group.name, group.sums, links.to(status=Status.FAILED, tag=f"{chosen}={group.value}"))

    return ByTag(tuple(tags), chosen, tuple(map(value, groups[:MOST_VALUES])), len(groups))


def change(count: int, before: int) -> str:
    """Compare two counts: ``5 fewer``."""
    if count == before:
        return "as many"
    return f"{count - before:,} more" if count > before else f"{before - count:,} fewer"


def _totals(sums: Sums, before: Sums | None, links: Links) -> Iterator[Tile]:
    for status in COUNTED:
        count = sums[status]
        difference = None if before is None else change(count, before[status])
        yield Tile(str(status), count, links.to(status=status), difference)


def _says(sums: Sums, before: Sums | None, than: str) -> str:
    sent, failed = sums[Status.SENT], sums[Status.FAILED]
    sentence = f"{counted(sent, 'message was', 'messages were')} sent, {failed:,} failed"
    if before is None:
        return f"{sentence}."
    difference = change(failed, before[Status.FAILED])
    return f"{sentence}: {difference} {'as' if difference == 'as many' else 'than'} {than}."


def _dates(period: Period, now: datetime) -> str:
    begin, end = (moment.astimezone(period.zone) for moment in (period.since, period.until))
    if period.until >= now:
        return f"{begin:%-d %b %Y, %H:%M} to now"
    if any((begin.hour, begin.minute, end.hour, end.minute)):
        return f"{begin:%-d %b %Y, %H:%M} to {end:%-d %b %Y, %H:%M}"
    last = (period.until - _MOMENT).astimezone(period.zone)
    return f"{begin:%a %-d %b %Y}" if begin.date() == last.date() else f"{begin:%a %-d %b %Y} to {last:%a %-d %b %Y}"


def _percent(sums: Sums) -> str | None:
    return None if sums.failure_share is None else f"{sums.failure_share:.1f} %"


def _waits(waits: Waits) -> str:
    half, most = (precisely(each.total_seconds()) for each in (waits.median, waits.p95))
    return f"Half of the messages were sent within {half}, 95 % within {most}"
