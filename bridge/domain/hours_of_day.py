"""Sums for each hour of the day, of all days of a period together. Pure."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Final

from bridge.domain.activity import SLOT, start_of, waits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from bridge.domain.activity import Waits

HOURS: Final = 24
SLOTS_OF_HOUR: Final = 4
SLOTS_OF_DAY: Final = HOURS * SLOTS_OF_HOUR


def same_offset(slots: range, zone: tzinfo) -> Iterator[tuple[range, int]]:
    """Divide a period where the clocks of a time zone change: each part, and how many slots the zone is ahead there."""

    def ahead(slot: int) -> int:
        offset = start_of(slot).astimezone(zone).utcoffset()
        assert offset is not None
        return offset // SLOT

    for offset, part in groupby(slots, ahead):
        found = list(part)
        yield range(found[0], found[-1] + 1), offset


def waits_by_hour(rows: Iterable[tuple[int, str, int]]) -> tuple[Waits | None, ...]:
    """Sum up how long messages waited, for each hour of the day.

    Args:
        rows: Hour, class and count.
    """
    found: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for hour, value, count in rows:
        found[hour].append((value, count))
    return tuple(waits_of(found[hour]) for hour in range(HOURS))
