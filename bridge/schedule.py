"""When is a message polled next, and what does its age make of it? The configuration's rules about time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.model import EventType, Status
from bridge.transition import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.model import Message, Observation

JITTER = 0.1
"""The share of an interval by which polls come early, at random: what was added together does not march in step."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Poll messages that are younger than ``until`` (None: all) every so often."""

    every: timedelta
    until: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rules of ``poll:`` in the configuration, under their names there.

    A message's age counts from when it began to be watched. ``intervals`` are in the order of age, and the last one is
    for all that are older. ``stuck_after`` and ``stop_after`` are None for "never".
    """

    intervals: tuple[Interval, ...]
    unknown_after: timedelta = timedelta(0)
    linger: timedelta = timedelta(0)
    stuck_after: timedelta | None = None
    stop_after: timedelta | None = None

    @property
    def longest(self) -> timedelta:
        """The longest that a poll may be away from the one before."""
        return max(interval.every for interval in self.intervals)

    def judge(self, message: Message, seen: Observation) -> Verdict:
        """Compare what a poll answered with what was known; without a transition, look at the message's age.

        A transition that is late goes first, and what age makes of the message is seen at its next poll, which is due
        at once: each poll tells one event at most.
        """
        verdict = judge(message, seen, self.unknown_after)
        state = verdict.state
        if verdict.event is not None or state is None or state.status.terminal:
            return verdict
        verdict = replace(verdict, stuck=message.stuck)
        if state.status is not seen.status:  # seen as unknown, for a moment maybe
            return verdict
        stop_at, stuck_at = self._stop_at(message), self._stuck_at(verdict)
        if stop_at is not None and seen.at >= stop_at:
            return replace(verdict, event=EventType.MESSAGE_ABANDONED)
        if stuck_at is not None and seen.at >= stuck_at:
            return replace(verdict, event=EventType.MESSAGE_STUCK, stuck=True)
        return verdict

    def next_poll(
        self, message: Message, verdict: Verdict | None, at: datetime, jitter: Callable[[], float]
    ) -> datetime | None:
        """Say when a message that was polled at ``at`` is due again; None when there is nothing left to poll for.

        Sooner than its interval says when a rule will hold before: that unknown has lasted, that it is stuck, that it
        is to be abandoned, that lingering ends.

        Args:
            message: As it was when it was polled.
            verdict: What :meth:`judge` made of the answer; None where no status came.
            at: When the answer arrived.
            jitter: Returns a number from 0 to 1, at random.
        """
        if verdict is None:
            verdict = Verdict(message.state, message.unknown_since, None, stuck=message.stuck)
        if verdict.event is EventType.MESSAGE_ABANDONED:
            return None
        usual = at + self._interval(message, at) * (1 - JITTER * jitter())
        state = verdict.state
        if verdict.unknown_since is not None:
            ahead = [verdict.unknown_since + self.unknown_after]
        elif state is not None and state.status.terminal:
            end = state.since + self.linger
            return min(usual, end) if end > at else None
        else:
            ahead = []
        late = [moment for moment in (self._stop_at(message), self._stuck_at(verdict)) if moment is not None]
        if verdict.event is not None and any(moment <= at for moment in late):
            return at
        return min([usual, *(moment for moment in (*ahead, *late) if moment > at)])

    def _interval(self, message: Message, at: datetime) -> timedelta:
        age = timedelta(0) if message.watched_since is None else at - message.watched_since
        return next(each.every for each in self.intervals if each.until is None or age < each.until)

    def _stop_at(self, message: Message) -> datetime | None:
        if self.stop_after is None or message.watched_since is None:
            return None
        return message.watched_since + self.stop_after

    def _stuck_at(self, verdict: Verdict) -> datetime | None:
        """Say when a message will be stuck, unless it is pending no more, or was told to be."""
        state = verdict.state
        if self.stuck_after is None or state is None or state.status is not Status.PENDING or verdict.stuck:
            return None
        return state.since + self.stuck_after
