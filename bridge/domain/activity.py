"""What became of messages, in sums: counted as it happens, quarter hour by quarter hour, and added up for people. Pure.

The days of all time zones begin with a quarter of an hour in UTC, so that sums by day are exact in each of them. How
long messages waited is counted in classes that grow by a fifth: a median is right within a tenth.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from bridge.domain import reasons
from bridge.domain.local_time import start_of_day
from bridge.domain.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from bridge.domain.reasons import Reason

SLOT: Final = timedelta(minutes=15)
"""What is counted together."""

COUNTED: Final = (Status.SENT, Status.FAILED, Status.EXPIRED, Status.CANCELLED, Status.UNKNOWN)
"""The statuses that are counted, each time that a message comes to have one."""

ALL: Final = ""
REASON: Final = "reason"
WAITED: Final = "waited"
TAGS: Final = "tags."
"""By what is counted: all, failures by reason, what was sent by how long it waited, and by each tag's value."""

OTHERS: Final = reasons.OTHERS.key
"""Stands for the values beyond MOST_VALUES."""

MOST_VALUES: Final = 100
"""How many values of a tag, and how many reasons, are counted by themselves within a slot."""

HOUR: Final = "hour"
DAY: Final = "day"
By: TypeAlias = str
"""What groups are added up by themselves: REASON, HOUR, DAY, or TAGS with the name of one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLASSES = 4  # within a doubling
_SHOWN = {HOUR: "%Y-%m-%d %H:%M", DAY: "%Y-%m-%d"}


class Key(NamedTuple):
    """What one sum counts. ``slot`` counts quarter hours since 1970."""

    slot: int
    kind: str
    value: str
    status: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A message that came to have one of the statuses that are counted.

    ``waited`` is how long it was seen waiting before it was sent; None where it was not.
    """

    status: Status
    at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    waited: timedelta | None = None


class Tally:
    """Counts. It remembers which values it has counted in the latest slot, so that there are never too many."""

    def __init__(self) -> None:
        self._slot = -1
        self._values: defaultdict[str, set[str]] = defaultdict(set)

    def count(self, ended: Iterable[Ended], first: int = 0) -> Counter[Key]:
        """Count messages. What belongs before the ``first`` slot counts in that one."""
        return Counter(key for each in ended for key in self._keys(each, first))

    def _keys(self, ended: Ended, first: int) -> Iterator[Key]:
        slot, status = max(slot_of(ended.at), first), str(ended.status)
        yield Key(slot, ALL, "", status)
        if ended.waited is not None:
            yield Key(slot, WAITED, str(_class_of(ended.waited)), status)
        if ended.status is Status.FAILED:
            yield Key(
                slot, REASON, self._kept(slot, REASON, reasons.written(reasons.reason_of(ended.error or ""))), status
            )
        for name, value in ended.tags.items():
            kind = f"{TAGS}{name}"
            yield Key(slot, kind, self._kept(slot, kind, value), status)

    def _kept(self, slot: int, kind: str, value: str) -> str:
        if slot != self._slot:
            self._slot = slot
            self._values.clear()
        values = self._values[kind]
        if value not in values and len(values) >= MOST_VALUES:
            return OTHERS
        values.add(value)
        return value


@dataclass(frozen=True, slots=True)
class Sums:
    """How many messages came to have each status. One that fails and is sent later counts as both."""

    counts: Mapping[Status, int]

    def __getitem__(self, status: Status) -> int:
        return self.counts.get(status, 0)

    @property
    def total(self) -> int:
        """All together."""
        return sum(self.counts.values())

    @property
    def failure_share(self) -> float | None:
        """The part of the sent, failed and expired that was not sent, in percent, with one decimal; None of nothing."""
        lost = self[Status.FAILED] + self[Status.EXPIRED]
        ended = self[Status.SENT] + lost
        return round(100 * lost / ended, 1) if ended else None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long messages waited until they were sent, of those that were seen waiting."""

    count: int
    median: timedelta
    p95: timedelta


@dataclass(frozen=True, slots=True)
class Group:
    """The sums of a part: a value of a tag (None for none), a reason, or the hour or day that begins at ``start``."""

    name: str
    sums: Sums
    value: str | None = None
    start: datetime | None = None
    waits: Waits | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened from ``since`` until ``until``, both at the edge of a slot.

    ``before`` are the sums of as long a time before; None if the bridge did not count all of it. ``counted_since`` is
    since when it counts at all, None where it has not begun.
    """

    since: datetime
    until: datetime
    sums: Sums
    waits: Waits | None
    reasons: tuple[tuple[Reason, int], ...]
    before: Sums | None = None
    counted_since: datetime | None = None
    groups: tuple[Group, ...] = ()


def slot_of(moment: datetime) -> int:
    """Return the number of the slot that a moment is in."""
    return (moment - _EPOCH) // SLOT


def slot_after(moment: datetime) -> int:
    """Return the first slot with nothing before that moment."""
    return -((_EPOCH - moment) // SLOT)


def start_of(slot: int) -> datetime:
    """Return when a slot begins."""
    return _EPOCH + slot * SLOT


def sums_of(rows: Iterable[tuple[str, int]]) -> Sums:
    """Add up counts by status. A status that somebody has written by hand is left out."""
    counts: Counter[Status] = Counter()
    for status, count in rows:
        if status in set(COUNTED):
            counts[Status(status)] += count
    return Sums(dict(counts))


def waits_of(rows: Iterable[tuple[str, int]]) -> Waits | None:
    """Sum up how long messages waited, from counts by class; None of nothing."""
    counts: Counter[int] = Counter()
    for value, count in rows:
        counts[int(value)] += count
    total = counts.total()
    return Waits(total, _quantile(counts, total / 2), _quantile(counts, total * 0.95)) if total else None


def reasons_of(rows: Iterable[tuple[str, int]]) -> tuple[tuple[Reason, int], ...]:
    """Sum up why messages failed, the most frequent first."""
    counts: Counter[str] = Counter()
    known: dict[str, Reason] = {}
    for text, count in sorted(rows, key=lambda row: -row[1]):
        reason = reasons.read(text)
        known.setdefault(reason.key, reason)
        counts[reason.key] += count
    return tuple((known[key], count) for key, count in counts.most_common())


def reason_groups(counted: Iterable[tuple[Reason, int]]) -> tuple[Group, ...]:
    """Arrange why messages failed as groups."""
    return tuple(Group(why.words(count), Sums({Status.FAILED: count}), why.key) for why, count in counted)


def tag_groups(tag: str, rows: Iterable[tuple[str, str, int]], all_: Sums) -> tuple[Group, ...]:
    """Sum up by a tag's values, where most failed first. What is left of all messages had no such tag.

    Args:
        tag: Its name.
        rows: Value, status and count.
        all_: The sums of all messages.
    """
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for value, status, count in rows:
        found[value].append((status, count))
    sums = {value: sums_of(counts) for value, counts in found.items()}
    left = Sums({status: all_[status] - sum(each[status] for each in sums.values()) for status in COUNTED})
    groups = [
        Group("all others", each) if value == OTHERS else Group(value, each, value) for value, each in sums.items()
    ]
    groups.sort(key=lambda group: (group.value is None, -group.sums[Status.FAILED], -group.sums.total, group.name))
    return tuple(groups) + ((Group(f"without {tag}", left),) if left.total else ())


def time_groups(
    by: By,
    zone: tzinfo,
    slots: range,
    counts: Iterable[tuple[int, str, int]],
    waits: Iterable[tuple[int, str, int]],
) -> tuple[Group, ...]:
    """Sum up by the hours or days of a time zone, the first one first; those without anything, too.

    Args:
        by: Which of them.
        zone: Where hours and days begin.
        slots: The period's.
        counts: Slot, status and count.
        waits: Slot, class and count.
    """
    begins = {slot: _begin(by, start_of(slot), zone) for slot in slots}
    ended: dict[datetime, list[tuple[str, int]]] = {start: [] for start in begins.values()}
    waited: defaultdict[datetime, list[tuple[str, int]]] = defaultdict(list)
    for found, rows in ((ended, counts), (waited, waits)):
        for slot, value, count in rows:
            found[begins[slot]].append((value, count))
    return tuple(
        Group(f"{start.astimezone(zone):{_SHOWN[by]}}", sums_of(rows), start=start, waits=waits_of(waited[start]))
        for start, rows in ended.items()
    )


def _begin(by: By, moment: datetime, zone: tzinfo) -> datetime:
    local = moment.astimezone(zone)
    if by == HOUR:
        return moment - timedelta(minutes=local.minute)
    return start_of_day(local.date(), zone)


def _class_of(waited: timedelta) -> int:
    return int(_CLASSES * math.log2(max(1.0, waited.total_seconds())))


def _quantile(counts: Mapping[int, int], wanted: float) -> timedelta:
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= wanted:
            break
    return timedelta(seconds=round(2 ** ((number + 0.5) / _CLASSES)))
