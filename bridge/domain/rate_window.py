"""Counts final statuses of the last while, by group, in slices of time: what an alert looks at. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge.domain.failure_rate import FAILURES, Counts, tag_of
from bridge.domain.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.domain.failure_rate import Alert

SLICES = 60
"""How many slices the alert's time has. At any moment, the last 59 to 60 of them are counted."""

MOST_VALUES = 1000
MOST_REASONS_COUNTED = 50
"""How many values of a tag, and reasons of each, are counted in one slice. The rest is ignored."""

_LONGEST_REASON = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Final:
    """A final status that a message got: the position of its event, and what it says."""

    position: int
    at: datetime
    status: str
    tags: Mapping[str, str]
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it failed or expired."""
        return self.status in FAILURES


@dataclass(slots=True)
class _Tally:
    finals: int = 0
    failed: int = 0
    reasons: Counter[str | None] = field(default_factory=Counter)


class Window:
    """What one alert has counted.

    Args:
        alert: Which.
    """

    def __init__(self, alert: Alert) -> None:
        self._by = alert.by
        self._slice = alert.within / SLICES
        self._slices: defaultdict[int, dict[str | None, _Tally]] = defaultdict(dict)

    def add(self, final: Final) -> None:
        """Count one. The order does not matter."""
        tallies = self._slices[self._number(final.at)]
        value = None if self._by is None else tag_of(self._by, final.tags)
        tally = tallies.get(value)
        if tally is None:
            if len(tallies) >= MOST_VALUES:
                return
            tally = tallies[value] = _Tally()
        tally.finals += 1
        if not final.failed:
            return
        tally.failed += 1
        expired = final.status == Status.EXPIRED
        reason = final.status if expired else final.error and final.error[:_LONGEST_REASON]
        if reason in tally.reasons or len(tally.reasons) < MOST_REASONS_COUNTED:
            tally.reasons[reason] += 1

    def counts(self, at: datetime) -> Mapping[str | None, Counts]:
        """Count by value, and forget what is too old."""
        oldest = self._number(at) - SLICES
        for number in [number for number in self._slices if number <= oldest]:
            del self._slices[number]
        found: dict[str | None, Counts] = {}
        for tallies in self._current(at):
            for value, tally in tallies.items():
                finals, failed = found.get(value, (0, 0))
                found[value] = Counts(finals + tally.finals, failed + tally.failed)
        return found

    def reasons(self, value: str | None, at: datetime) -> Sequence[tuple[str | None, int]]:
        """List why those of a group failed, the most frequent first."""
        found: Counter[str | None] = Counter()
        for tallies in self._current(at):
            if value in tallies:
                found.update(tallies[value].reasons)
        return found.most_common()

    def _current(self, at: datetime) -> Iterator[dict[str | None, _Tally]]:
        """Return the slices of the alert's time, without those that a clock leaves in the future if set back."""
        now = self._number(at)
        return (tallies for number, tallies in sorted(self._slices.items()) if now - SLICES < number <= now)

    def _number(self, at: datetime) -> int:
        return (at - _EPOCH) // self._slice
