"""When a receiver's summary is due, and which time it covers. Pure.

A summary covers the time from the end of the one before until it was due, to the quarter hour in which messages are
counted (:mod:`bridge.domain.activity`). Several that were missed are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from apscheduler.triggers.cron import CronTrigger

from bridge.domain.activity import slot_of, start_of
from bridge.domain.local_time import first_moment
from bridge.domain.quiet_hours import EVERY_DAY
from bridge.domain.summary_marks import DueSummary, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, time, tzinfo

FURTHEST_AHEAD = timedelta(days=1)
"""A mark that lies further ahead than that was made by a clock that was wrong, and is moved back."""

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_NEXT_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SummaryRule:
    """Due when clocks in ``zone`` show ``at``, on each of ``days`` (Monday is 0).

    A time that clocks skip, when they are set forward, is the moment when they are set; one that they show twice counts
    the first time.
    """

    at: time
    zone: tzinfo
    days: frozenset[int] = EVERY_DAY

    def next_after(self, moment: datetime) -> datetime:
        """Return when the first one after a moment is due."""
        return next(due for due in self._from(moment - 2 * _DAY) if due > moment)

    def latest(self, now: datetime) -> datetime:
        """Return when the latest one until now was due."""
        found = now
        for due in self._from(now - _WEEK - 2 * _DAY):
            if due > now:
                break
            found = due
        return found

    def __str__(self) -> str:
        """Write it down, to see whether it has changed."""
        return f"{self.at:%H:%M} {sorted(self.days)} {self.zone}"

    def _from(self, moment: datetime) -> Iterator[datetime]:
        """List when it is due from about that moment on.

        The trigger counts in the time that clocks show, as if it were UTC: a day on which they are set has one of each.
        """
        trigger = _trigger(self.at, self.days)
        shown = moment.astimezone(self.zone).replace(tzinfo=UTC)
        while True:
            shown = trigger.get_next_fire_time(None, shown)
            yield first_moment(shown.replace(tzinfo=None), self.zone)
            shown += _NEXT_INSTANT


def adopt(
    marks: Mapping[str, Mark], rules: Mapping[str, SummaryRule], now: datetime, counted_since: datetime | None
) -> dict[str, Mark]:
    """Let the marks follow the configuration and the clock.

    A receiver that is new begins with the time since its summary would last have been due, as far as the bridge counts
    since then. What would have been due by a changed rule before is not sent late. A receiver without summaries is
    forgotten.

    Args:
        marks: By receiver.
        rules: By receiver.
        now: When.
        counted_since: Since when messages are counted; None where they are not yet.
    """
    return {
        name: _begun(rule, now, counted_since) if (mark := marks.get(name)) is None else _followed(mark, rule, now)
        for name, rule in rules.items()
    }


def due_summary(receiver: str, mark: Mark, rule: SummaryRule, now: datetime) -> DueSummary | None:
    """Tell which summary is due; None where none is, or its time would be empty."""
    due = rule.latest(now)
    until = _slot_start(due)
    if due <= mark.after or due > now or until <= mark.until:
        return None
    return DueSummary(receiver, mark.until, until, due)


def done(summary: DueSummary, rule: SummaryRule) -> Mark:
    """Return the mark of a summary that is made."""
    return Mark(summary.until, summary.due, str(rule))


def next_due(receiver: str, mark: Mark | None, rule: SummaryRule, now: datetime) -> datetime:
    """Tell when a receiver's next summary is due: now, where one was missed."""
    if mark is None or mark.rule != str(rule):
        return rule.next_after(now)
    return rule.next_after(max(now, mark.after)) if due_summary(receiver, mark, rule, now) is None else now


def _begun(rule: SummaryRule, now: datetime, counted_since: datetime | None) -> Mark:
    since = now if counted_since is None else min(now, max(rule.latest(now), counted_since))
    return Mark(_slot_start(since), now, str(rule))


def _followed(mark: Mark, rule: SummaryRule, now: datetime) -> Mark:
    until, after = mark.until, mark.after
    if max(until, after) > now + FURTHEST_AHEAD:
        until, after = min(until, _slot_start(now)), min(after, now)
    return Mark(until, after if mark.rule == str(rule) else now, str(rule))


def _slot_start(moment: datetime) -> datetime:
    return start_of(slot_of(moment))


@lru_cache(maxsize=64)
def _trigger(at: time, days: frozenset[int]) -> CronTrigger:
    return CronTrigger(day_of_week=",".join(map(str, sorted(days))), hour=at.hour, minute=at.minute, timezone=UTC)
