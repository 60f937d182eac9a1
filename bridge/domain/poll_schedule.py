"""When is a message polled next, and what does its age make of it? The configuration's rules about time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain.model import EventType, Status, Unread
from bridge.domain.transition_detector import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.domain.model import Message, Observation, State

JITTER = 0.1
"""The share of an interval by which polls come early, at random: what was added together does not march in step."""


LAZILY = timedelta(minutes=30)
"""How often a message is polled that is not expected to be sent yet: it may be cancelled."""

SETTLES = timedelta(minutes=1)
"""How long a message is polled as usual after the report showed a change of it. The status call may lag behind."""


@dataclass(frozen=True, slots=True)
class Hints:
    """The account's report is read again and again: what does not change in it needs few polls.

    ``relaxed`` is the interval of such polls, ``window`` how far back the report is read.
    """

    relaxed: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class Interval:
    """Poll messages that are younger than ``until`` (None: all) at this interval."""

    every: timedelta
    until: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rules of ``poll:`` in the configuration, under their names there.

    A message's age counts from when it began to be watched, or, where that is later, from when it is expected to be
    sent. ``intervals`` are in the order of age, and the last one is for all that are older. ``stuck_after`` and
    ``stop_after`` are None for "never".
    """

    intervals: tuple[Interval, ...]
    unknown_after: timedelta = timedelta(0)
    linger: timedelta = timedelta(0)
    stuck_after: timedelta | None = None
    stop_after: timedelta | None = None

    @property
    def longest(self) -> timedelta:
        """The longest that a poll may be away from the one before, by age alone."""
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
        if message.stuck:
            verdict = replace(verdict, stuck=True)
        if state.status is not seen.status:  # seen as unknown, for a moment maybe
            return verdict
        stop_at, stuck_at = self._stop_at(message), self._stuck_at(message, verdict)
        if stop_at is not None and seen.at >= stop_at:
            return replace(verdict, event=EventType.MESSAGE_ABANDONED)
        if stuck_at is not None and seen.at >= stuck_at:
            return replace(verdict, event=EventType.MESSAGE_STUCK, stuck=True)
        return verdict

    def judge_unread(self, message: Message, why: str, at: datetime, well_since: datetime | None = None) -> Verdict:
        """Note that an answer about a message could not be read; look at how long that has been so.

        After ``stuck_after`` it is ``message.stuck``, once; ``stop_after`` ends the polls of what was reported so.

        Args:
            message: As it was when it was polled.
            why: What is wrong with the answer.
            at: When it came.
            well_since: When the source came back after it was down for all; that time does not count.
        """
        unread = replace(message.unread, why=why) if message.unread is not None else Unread(at, why)
        verdict = Verdict(message.state, message.unknown_since, None, stuck=message.stuck, unread=unread)
        if self.stuck_after is None or (message.state is not None and message.state.status.terminal):
            return verdict
        stop_at = self._stop_at(message)
        if unread.reported:
            given_up = stop_at is not None and at >= stop_at
            return replace(verdict, event=EventType.MESSAGE_ABANDONED) if given_up else verdict
        if at - max(unread.since, well_since or unread.since) < self.stuck_after:
            return verdict
        return replace(verdict, event=EventType.MESSAGE_STUCK, unread=replace(unread, reported=True))

    def next_poll(
        self,
        message: Message,
        verdict: Verdict | None,
        at: datetime,
        jitter: Callable[[], float],
        hints: Hints | None = None,
    ) -> datetime | None:
        """Say when a message that was polled at ``at`` is due again; None when there is nothing left to poll for.

        Sooner than its interval says when a rule will hold before: that unknown has lasted, that it is stuck, that it
        is to be abandoned, that lingering ends.

        Args:
            message: As it was when it was polled.
            verdict: What :meth:`judge` or :meth:`judge_unread` made of the answer; None where there was none.
            at: When the answer arrived.
            jitter: Returns a number from 0 to 1, at random.
            hints: What the report is good for now; None while it is not read.
        """
        if verdict is not None and verdict.event is EventType.MESSAGE_ABANDONED:
            return None
        relaxed = timedelta(0)
        unread = message.unread if verdict is None else verdict.unread
        if verdict is None or unread is not None:
            verdict = Verdict(message.state, message.unknown_since, None, stuck=message.stuck)
        elif hints is not None and _hint_would_come(message, at, hints):
            relaxed = hints.relaxed
        usual = at + max(self._interval(message, at), relaxed) * (1 - JITTER * jitter())
        if message.expected_at is not None and at < message.expected_at:
            usual = min(max(usual, at + LAZILY), message.expected_at)
        state = verdict.state
        if verdict.unknown_since is not None:
            ahead = [verdict.unknown_since + self.unknown_after]
        elif state is not None and state.status.terminal:
            end = state.since + self.linger
            return min(usual, end) if end > at else None
        else:
            ahead = []
        if unread is not None and not unread.reported and self.stuck_after is not None:
            ahead.append(unread.since + self.stuck_after)
        late = [moment for moment in (self._stop_at(message), self._stuck_at(message, verdict)) if moment is not None]
        if verdict.event is not None and any(moment <= at for moment in late):
            return at
        return min([usual, *(moment for moment in (*ahead, *late) if moment > at)])

    def _interval(self, message: Message, at: datetime) -> timedelta:
        begins = awaited_since(message)
        age = timedelta(0) if begins is None else at - begins
        return next(each.every for each in self.intervals if each.until is None or age < each.until)

    def _stop_at(self, message: Message) -> datetime | None:
        begins = awaited_since(message)
        return None if self.stop_after is None or begins is None else begins + self.stop_after

    def _stuck_at(self, message: Message, verdict: Verdict) -> datetime | None:
        """Say when a message will be stuck, unless it is pending no more, or was reported to be."""
        state = verdict.state
        if self.stuck_after is None or state is None or state.status is not Status.PENDING or verdict.stuck:
            return None
        return pending_since(message, state) + self.stuck_after


def pending_since(message: Message, state: State) -> datetime:
    """Say since when a message could have been sent: the bridge has seen it pending, and it is expected to be."""
    return max(state.since, message.expected_at or state.since)


def awaited_since(message: Message) -> datetime | None:
    """Say from when a message's age counts: since it is watched, and is to be sent. None for a sample."""
    if message.watched_since is None:
        return None
    return max(message.watched_since, message.expected_at or message.watched_since)


def _hint_would_come(message: Message, at: datetime, hints: Hints) -> bool:
    """Tell whether the report would show a change of this message, and shows none now."""
    if message.hinted_at is None or message.watched_since is None:
        return False
    return at - message.hinted_at >= SETTLES and at - message.watched_since < hints.window
