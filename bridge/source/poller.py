"""Polls what is due and records what it found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bridge.domain.clock import isoformat
from bridge.domain.errors import InternalError
from bridge.domain.event_data import SourceData
from bridge.domain.events import SOURCE
from bridge.domain.model import EventType, Message, Observation
from bridge.domain.poll_answer import Malformed, Unavailable
from bridge.source import api_health
from bridge.store.poll_results import PollResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.domain.poll_answer import Answer
    from bridge.domain.poll_schedule import Hints, Schedule
    from bridge.domain.routing import Routes
    from bridge.source.api import WbizTool
    from bridge.store.store import Store

FOLLOW_EVERY = 10.0
"""Seconds between looks at what other nodes found."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A poll that has been made: of which message, what came back, when, and how long that took with its retries."""

    message: Message
    answer: Answer
    at: datetime
    seconds: float


class Poller:
    """Watches messages.

    Args:
        schedule: When messages are polled, and what their age makes of them.
        hints: Says what the account's report is good for now.
        jitter: Returns a number from 0 to 1, at random.
        routes: Who wants which events.
    """

    def __init__(
        self,
        store: Store,
        source: WbizTool,
        *,
        schedule: Schedule,
        hints: Callable[[], Hints | None] = lambda: None,
        jitter: Callable[[], float],
        routes: Routes,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._store = store
        self._source = source
        self._schedule = schedule
        self._hints = hints
        self._jitter = jitter
        self._routes = routes
        self._clock = clock
        self._listener = listener
        self._busy: set[int] = set()
        self._probe: int | None = None
        self._follow_at = float("-inf")
        self.health = _health_from(store.fact(SOURCE))
        self._offset_before = self._offset()
        self._well_since: datetime | None = None

    def claim(self, room: int) -> Sequence[Message]:
        """List messages to poll now, and count them as being polled."""
        self._follow_others()
        now = self._clock.now()
        most = self.health.admits(now, len(self._busy), room)
        if not most or not self._store.node.share():
            return ()
        found = self._store.messages.claim(now, most, self._busy)
        for message in found:
            if message.fault is not None:
                self._set_aside(message.id, InternalError(message.fault))
        readable = [message for message in found if message.fault is None]
        self._busy.update(message.id for message in readable)
        if self.health.down and readable:
            self._probe = readable[0].id
        return readable

    def begin(self, job: Message, done: Callable[[Answered | Message | Exception], None]) -> None:
        """Poll one message; hand it back as it was when asked to stop, or when the source went down meanwhile."""
        if self.health.down and job.id != self._probe:
            done(job)
            return
        started = self._clock.monotonic()

        def ended(answer: Answer | Exception | None) -> None:
            if answer is None:
                done(job)
            elif isinstance(answer, Exception):
                done(answer)
            else:
                at = answer.at if isinstance(answer, Observation) else self._clock.now()
                done(Answered(job, answer, at, self._clock.monotonic() - started))

        self._source.begin_poll(job.id, ended)

    def record(self, results: Sequence[Answered | Message]) -> None:
        """Write what the polls found, in one transaction, and what it says about the source."""
        answered = [each for each in results if isinstance(each, Answered)]
        recorded = self._store.record_polls([self._judged(each) for each in answered], self._routes.subscriptions)
        self._store.messages.let_go([each.id for each in results if isinstance(each, Message)])
        self._busy.difference_update(each.message.id if isinstance(each, Answered) else each.id for each in results)
        self._follow_clock()
        for each in answered:
            self._listener.polled(each.message.id, each.answer, each.seconds)
            self._follow_health(each)
        for event in recorded:
            self._listener.event_recorded(event)

    def set_aside(self, item: Answered | Message, error: Exception) -> None:
        """Poll a message again later whose poll, or what it found, made us raise."""
        message_id = item.message.id if isinstance(item, Answered) else item.id
        self._set_aside(message_id, InternalError.of(error))
        self._busy.discard(message_id)

    def succeed(self, before: Poller) -> None:
        """Go on from what the one before knows of the source; the first poll then shows how it is now."""
        self.health = _health_from(_health_fact(before.health))

    def _set_aside(self, message_id: int, error: InternalError) -> None:
        self._store.quarantine.set_message_aside(message_id, str(error), self._clock.now())
        self._listener.internal_error(f"message {message_id}", error)

    def next_due(self) -> float | None:
        """Say when the next message is due: the beat alone would come up to half a second later."""
        now = self._clock.now()
        due_at = None if self.health.down else self._store.messages.next_due(now)
        return None if due_at is None else (due_at - now).total_seconds()

    def _judged(self, each: Answered) -> PollResult:
        message, answer, at = each.message, each.answer, each.at
        verdict = None
        if isinstance(answer, Observation):
            verdict = self._schedule.judge(message, answer)
        elif isinstance(answer, Malformed | Unavailable) and not self.health.down:
            verdict = self._schedule.judge_unread(message, answer.why, at, self._well_since)
        due_at = self._schedule.next_poll(message, verdict, at, self._jitter, self._hints())
        return PollResult(message, verdict, at, due_at)

    def _follow_others(self) -> None:
        """Learn now and then that another node found the source down: that node may be gone when it is back."""
        now = self._clock.monotonic()
        if self._store.node.alone or self.health.down or now < self._follow_at:
            return
        self._follow_at = now + FOLLOW_EVERY
        found = _health_from(self._store.fact(SOURCE))
        if found.down:
            self.health = found

    def _follow_clock(self) -> None:
        offset = self._offset()
        if offset != self._offset_before:
            self.health = self.health.shifted(timedelta(seconds=offset - self._offset_before))
            if self._well_since is not None:
                self._well_since += timedelta(seconds=offset - self._offset_before)
            self._offset_before = offset

    def _follow_health(self, each: Answered) -> None:
        before = self.health
        current, type_ = api_health.after(before, each.answer, each.at)
        if current.failing_since is None:
            self._store.node.answered(each.at)
        if type_ is not None:
            self._tell(type_, before, current, each.at)
        if type_ is EventType.SOURCE_UP:
            self._well_since = each.at
        self.health = current

    def _offset(self) -> float:
        """Say how far the time is from the steady clock: it changes when the wall clock was set, and is followed."""
        return round(self._clock.now().timestamp() - self._clock.monotonic(), 1)

    def _tell(
        self, type_: EventType, before: api_health.SourceHealth, current: api_health.SourceHealth, at: datetime
    ) -> None:
        down_since = before.failing_since if type_ is EventType.SOURCE_UP else None
        data = SourceData(
            since=isoformat(current.failing_since or at),
            reason=current.reason,
            down_since=None if down_since is None else isoformat(down_since),
        )
        event = self._store.health_events.record_source(
            type_,
            data,
            at,
            self._routes.subscriptions,
            fact=_health_fact(current),
            failing_since=current.failing_since,
        )
        if event is not None:
            self._listener.event_recorded(event)


def _health_fact(current: api_health.SourceHealth) -> str:
    if not current.down or current.failing_since is None:
        return "{}"
    since = current.failing_since.isoformat()
    return json.dumps({"failing_since": since, "reason": current.reason, "refused": current.refused})


def _health_from(fact: str | None) -> api_health.SourceHealth:
    """Go on from what was reported before a restart; the first poll then shows how it is now."""
    try:
        known = json.loads(fact or "{}")
        if not known:
            return api_health.SourceHealth()
        since = datetime.fromisoformat(known["failing_since"])
        return api_health.SourceHealth(since, known["reason"], refused=known["refused"], down=True)
    except (ValueError, KeyError, TypeError):  # somebody has damaged it: the first poll shows how it is
        return api_health.SourceHealth()
