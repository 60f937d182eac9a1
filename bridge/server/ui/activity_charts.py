"""The charts of what became of messages: sent and failed over time, and how long they waited by hour. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bridge.domain.activity import DAY, HOUR, Group, Sums
from bridge.domain.check import counted
from bridge.domain.clock import precisely
from bridge.domain.local_time import zone_of
from bridge.domain.model import Status
from bridge.server.ui.chart import Chart, Column, Words, draw
from bridge.server.ui.formatting import short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.activity import By, Waits

_BY_HOUR: Final = timedelta(days=2)
"""Up to this long, a period is shown hour by hour."""

_MOST_DAYS: Final = 100
"""Longer periods are shown week by week."""

_MARKS: Final = 8
_WEEK: Final = 7

_WAITS: Final = (2, 4, 10, 20, 40, 60, 120, 240, 360, 600, 1200, 2400, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Where the scale of waits may end, in seconds: half of each is a round time, too."""


def step_of(length: timedelta) -> By:
    """Choose hours or days for a period."""
    return HOUR if length <= _BY_HOUR else DAY


def last_day(groups: Sequence[Group], zone: tzinfo) -> Chart:
    """Draw the hours of the last day, as the time zone has them. A viewer's own clock may name them."""
    columns = [_of_hour(each, start, zone, viewed=True) for each in groups if (start := each.start)]
    words = Words(
        "Sent and failed by hour",
        ("Hour", "Sent", "Failed"),
        ("sent", "failed"),
        _says(columns, "In the last 24 hours", "in the hour from"),
    )
    return draw(columns, words, scale(max((each.low + each.high for each in columns), default=0)), _count)


def over_time(groups: Sequence[Group], by: By, zone: tzinfo) -> Chart:
    """Draw the hours, days or weeks of a period, as the time zone has them."""
    if by == HOUR:
        columns = [_of_hour(each, start, zone) for each in groups if (start := each.start)]
        name, worst = "hour", "in the hour from"
    else:
        weekly = len(groups) > _MOST_DAYS
        parts = _weeks(groups) if weekly else groups
        every = -(-len(parts) // _MARKS)
        columns = [
            _of_day(each, start.astimezone(zone), at % every == 0, weekly=weekly)
            for at, each in enumerate(parts)
            if (start := each.start)
        ]
        name, worst = ("week", "in the week from") if weekly else ("day", "on")
    words = Words(
        f"Sent and failed by {name}",
        (name.capitalize(), "Sent", "Failed"),
        ("sent", "failed"),
        _says(columns, "In this period", worst),
    )
    return draw(columns, words, scale(max((each.low + each.high for each in columns), default=0)), _count)


def waiting(hours: Sequence[Waits | None]) -> Chart:
    """Draw how long messages waited until they were sent, for each hour of the day."""
    columns = [_of_waits(hour, waits) for hour, waits in enumerate(hours)]
    found = [(hour, waits) for hour, waits in enumerate(hours) if waits]
    says = "No message was seen waiting and then sent."
    if found:
        hour, slowest = max(found, key=lambda each: each[1].p95)
        says = f"It took longest from {hour:02}:00: {_in_words(slowest)}."
    words = Words(
        "How long until sent, by hour of the day", ("Hour", "Half within", "95 % within"), ("median", "p95"), says
    )
    longest = max((each.low + each.high for each in columns), default=0.0)
    return draw(columns, words, _scale_of_waits(longest), precisely)


def scale(most: float) -> int:
    """Choose where the scale ends: the next of 2, 4, 6, 8, 10, 20, 40, … that holds the highest bar."""
    power = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if most <= step * power:
                return step * power
        power *= 10


def _scale_of_waits(longest: float) -> float:
    top = next((each for each in _WAITS if longest <= each), _WAITS[-1])
    while top < longest:
        top *= 2
    return top


def _of_hour(group: Group, start: datetime, zone: tzinfo, *, viewed: bool = False) -> Column:
    local = start.astimezone(zone)
    name = f"{local:%H:%M} {zone_of(local)}" if viewed else f"{local:%H:%M}"
    mark = f"{local:%H:%M}" if local.hour % 3 == 0 else None
    return _counts(group, name, name, mark, start if viewed else None)


def _of_day(group: Group, local: datetime, marked: bool, *, weekly: bool) -> Column:
    name = f"{local:%-d %b %Y}" if weekly else f"{local:%a %-d %b}"
    return _counts(group, name, name, f"{local:%-d %b}" if marked else None, None)


def _counts(group: Group, name: str, title: str, mark: str | None, start: datetime | None) -> Column:
    sent, failed = group.sums[Status.SENT], group.sums[Status.FAILED]
    cells = (f"{sent:,}", f"{failed:,}")
    return Column(name, sent, failed, cells, f"{title}: {sent:,} sent, {failed:,} failed", mark, start)


def _of_waits(hour: int, waits: Waits | None) -> Column:
    name = f"{hour:02}:00"
    mark = name if hour % 3 == 0 else None
    if waits is None:
        return Column(name, 0, 0, ("-", "-"), f"{name}: none", mark)
    median, p95 = waits.median.total_seconds(), waits.p95.total_seconds()
    return Column(name, median, p95 - median, (precisely(median), precisely(p95)), f"{name}: {_in_words(waits)}", mark)


def _in_words(waits: Waits) -> str:
    return f"half within {precisely(waits.median.total_seconds())}, 95 % within {precisely(waits.p95.total_seconds())}"


def _weeks(days: Sequence[Group]) -> list[Group]:
    parts = [days[at : at + _WEEK] for at in range(0, len(days), _WEEK)]
    return [Group(part[0].name, _together(part), start=part[0].start) for part in parts]


def _together(groups: Sequence[Group]) -> Sums:
    counts: Counter[Status] = Counter()
    for group in groups:
        counts.update(group.sums.counts)
    return Sums(counts)


def _count(value: float) -> str:
    return short(int(value))


def _says(columns: Sequence[Column], when: str, worst_of: str) -> str:
    sent, failed = (int(sum(part)) for part in ([each.low for each in columns], [each.high for each in columns]))
    if not sent and not failed:
        return f"{when} no message was sent or failed."
    sentence = f"{when} {counted(sent, 'message was', 'messages were')} sent and {failed:,} failed."
    if not failed:
        return sentence
    worst = max(columns, key=lambda each: each.high)
    return f"{sentence} Most failed {worst_of} {worst.name}: {worst.cells[1]}."
