"""Sums by days, and by hours of the day, that the database adds up: it knows no time zones, only offsets. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from bridge.domain.activity import SLOT, Group, start_of, sums_of, waits_of
from bridge.domain.local_time import start_of_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from bridge.domain.activity import Waits

HOURS: Final = 24
SLOTS_OF_HOUR: Final = 4
SLOTS_OF_DAY: Final = HOURS * SLOTS_OF_HOUR

_FIRST_DAY: Final = date(1970, 1, 1)


def same_offset(slots: range, zone: tzinfo) -> Iterator[tuple[range, int]]:
    """Divide a period where the clocks of a time zone change: each part, and how many slots the zone is ahead there."""

    def ahead(slot: int) -> int:
        offset = start_of(slot).astimezone(zone).utcoffset()
        assert offset is not None
        return offset // SLOT

    def known() -> Iterator[tuple[range, int]]:
        for start in range(slots.start, slots.stop, SLOTS_OF_DAY):
            day = range(start, min(start + SLOTS_OF_DAY, slots.stop))
            if (offset := ahead(day[0])) == ahead(day[-1]):
                yield day, offset
            else:  # the day of the change
                yield from ((range(slot, slot + 1), ahead(slot)) for slot in day)

    for offset, parts in groupby(known(), lambda each: each[1]):
        found = [part for part, _ in parts]
        yield range(found[0].start, found[-1].stop), offset


def days_of(
    parts: Iterable[tuple[range, int]], zone: tzinfo, rows: Iterable[tuple[int, str, int]]
) -> tuple[Group, ...]:
    """Sum up by the days of a time zone, the first one first; those without anything, too.

    Args:
        parts: What :func:`same_offset` made of the period.
        zone: Where days begin.
        rows: Number of the day, by the zone's clocks, since 1970; status and count.
    """
    numbers = [part[at] + ahead for part, ahead in parts for at in (0, -1)]
    found: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for number, status, count in rows:
        found[number].append((status, count))
    groups = []
    for number in range(numbers[0] // SLOTS_OF_DAY, numbers[-1] // SLOTS_OF_DAY + 1):
        day = _FIRST_DAY + timedelta(days=number)
        groups.append(Group(str(day), sums_of(found[number]), start=start_of_day(day, zone)))
    return tuple(groups)


def waits_by_hour(rows: Iterable[tuple[int, str, int]]) -> tuple[Waits | None, ...]:
    """Sum up how long messages waited, for each hour of the day.

    Args:
        rows: Hour, class and count.
    """
    found: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for hour, value, count in rows:
        found[hour].append((value, count))
    return tuple(waits_of(found[hour]) for hour in range(HOURS))
