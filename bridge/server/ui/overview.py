"""The overview. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.activity import COUNTED
from bridge.domain.check import counted
from bridge.domain.model import UNSEEN, Status
from bridge.domain.mute import Hold
from bridge.domain.reasons import OTHERS
from bridge.server.ui.activity_charts import last_day
from bridge.server.ui.report import Links, Tile, Why, whys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.activity import Activity
    from bridge.domain.summary import Summary, WatchedMessage
    from bridge.server.ui.chart import Chart
    from bridge.server.ui.health import Component
    from bridge.store.search import Totals

_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Queued:
    """How a receiver's deliveries are doing; ``state`` is why it gets none now, empty where it does."""

    name: str
    state: str
    queued: int
    dead: int


@dataclass(frozen=True, slots=True)
class Held:
    """How many deliveries are held until when, and why."""

    count: int
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """All that the overview shows. ``lately`` and what follows it is of the last 24 hours."""

    parts: tuple[Component, ...]
    summary: str
    held: tuple[Held, ...]
    waiting: tuple[Tile, ...]
    lately: tuple[Tile, ...]
    all: tuple[Tile, ...]
    chart: Chart
    whys: tuple[Why, ...]
    failed: tuple[WatchedMessage, ...]
    receivers: tuple[Queued, ...]

    @property
    def faults(self) -> tuple[Component, ...]:
        """The parts that are not well."""
        return tuple(part for part in self.parts if not part.ok)

    @property
    def is_new(self) -> bool:
        """Whether no message was ever watched."""
        return not any(tile.count for tile in (*self.waiting, *self.all))


def overview(
    totals: Totals,
    summary: Summary,
    parts: tuple[Component, ...],
    found: Activity,
    failed: tuple[WatchedMessage, ...],
    receivers: Sequence[str],
    due_later: Mapping[str, int],
    now: datetime,
    zone: tzinfo,
) -> OverviewPage:
    """Arrange it.

    Args:
        totals: Messages by status.
        summary: The bridge at a glance.
        parts: How each part does.
        found: What happened in the last 24 hours, hour by hour.
        failed: The latest failures, the newest first.
        receivers: Those in the configuration; others are shown where something was queued for them.
        due_later: How many deliveries to each receiver are queued and not due.
        now: When.
        zone: Where hours begin.
    """
    links = Links(found.since)
    unseen = totals.statuses.get(None, 0)
    waiting = [_known(totals, Status.PENDING), *([Tile(UNSEEN, unseen, _list_of(UNSEEN))] if unseen else [])]
    names = [*receivers, *(name for name in sorted(summary.deliveries) if name not in receivers)]
    failing = {part.receiver for part in parts if not part.ok}

    def state(name: str) -> str:
        if name in failing:
            return "failing"
        held = summary.held_by(name, now)
        return "" if held is None else "quiet hours" if isinstance(held, Hold) and held.mute is None else "muted"

    return OverviewPage(
        parts,
        _in_a_sentence(summary, totals, due_later, now),
        tuple(_held(summary, now)),
        tuple(waiting),
        tuple(Tile(str(status), found.sums[status], links.to(status=status)) for status in COUNTED),
        tuple(_known(totals, status) for status in COUNTED),
        last_day(found.groups, zone),
        _main_reasons(tuple(whys(found.reasons, links))),
        failed,
        tuple(Queued(name, state(name), summary.queued(name), summary.dead(name)) for name in names),
    )


def _known(totals: Totals, status: Status) -> Tile:
    return Tile(str(status), totals.statuses.get(status, 0), _list_of(str(status)))


def _list_of(status: str) -> str:
    return f"messages?status={status}"


def _main_reasons(found: tuple[Why, ...]) -> tuple[Why, ...]:
    """Sum up those that are not shown, so that the shares add up."""
    rest = found[_MOST_REASONS:]
    if len(rest) <= 1:
        return found
    count, percent = sum(why.count for why in rest), round(sum(why.percent for why in rest), 1)
    return (*found[:_MOST_REASONS], Why(OTHERS.words(count), count, percent, None, ""))


def _in_a_sentence(summary: Summary, totals: Totals, due_later: Mapping[str, int], now: datetime) -> str:
    if not totals.messages:
        return "The bridge runs, and waits for something to watch."
    free = [name for name in summary.deliveries if summary.held_by(name, now) is None]
    later = sum(due_later.get(name, 0) for name in free)
    queued = sum(map(summary.queued, free)) - later
    said = [f"{counted(summary.polled, 'message is', 'messages are')} polled"]
    said += [f"{counted(queued, 'delivery is', 'deliveries are')} under way"] if queued > 0 else []
    said += [f"{counted(later, 'delivery is', 'deliveries are')} due later"] if later else []
    return f"{', '.join(said[:-1])}, and {said[-1]}." if len(said) > 1 else f"{said[0]}."


def _held(summary: Summary, now: datetime) -> Iterator[Held]:
    """Count what is held, together where it is for the same reason and until the same moment."""
    counts: Counter[tuple[datetime, str]] = Counter()
    for name in summary.deliveries:
        if (held := summary.held_by(name, now)) is not None:
            counts[held.until, held.cause] += summary.queued(name)
    return (Held(count, until, why) for (until, why), count in sorted(counts.items()) if count)
