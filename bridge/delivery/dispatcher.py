"""Hands one receiver what is queued for it. Each has a dispatcher of its own: none waits for another."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import tenacity

from bridge.delivery.attempt import begin_attempt
from bridge.delivery.parcel import Parcel, Sent, asked_until, asks_to_wait, undivided, worth_a_quick_try
from bridge.delivery.receiver_health import announce
from bridge.delivery.reminding import Reminding
from bridge.domain.delivery_decision import Decision, Round, decide, divided
from bridge.domain.errors import InternalError
from bridge.domain.events import outgoing
from bridge.domain.quarantine import Halving
from bridge.domain.redaction import clean_text
from bridge.store.deliveries import DeliveryResult
from bridge.store.membership import Ownership
from bridge.transport.message import StoppedError
from bridge.transport.retried_call import RetriedCall

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from bridge.delivery.batching import Pack, Packer
    from bridge.delivery.holding import Held, Holding
    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.clock import Clock
    from bridge.domain.model import Attempt, Delivery
    from bridge.domain.observer import Listener
    from bridge.domain.redaction import Redactor
    from bridge.domain.routing import Routes
    from bridge.domain.threads import Thread
    from bridge.receivers.protocol import Sender
    from bridge.store.store import Store
    from bridge.transport.rate_limiter import RateLimiter

QUICK_TRIES = 3
"""Tries within one attempt's round, while the receiver's server fails: most such faults are over within a second."""

_QUICK_WAIT = 0.25
_LONGEST_QUICK_WAIT = 1.0


class Dispatcher:
    """Delivers to one receiver, in order for each message, by the rules of :mod:`bridge.domain.delivery_decision`.

    Args:
        sender: Leads to the receiver.
        concurrency: POSTs in flight at once.
        holding: Holds everything back while the receiver is muted, or in its quiet hours.
        remind: How often it is reminded of what is still wrong; None for never.
        settle: How long it must have failed, or have been well, before others are sent ``receiver.down`` or ``.up``.
        packer: Says which events go together in one POST.
        divide: Says what of a pack belongs in which thread, for a receiver that has threads.
        pace: Spaces the POSTs.
        slowed: Called with the time until which the receiver asked to be left alone.
        redact: Takes secrets out of what is recorded.
        routes: Who wants the events about this receiver.
        jitter: Returns a number from 0 to 1, at random.
        stop: Ends waits at once when it is set.
    """

    def __init__(
        self,
        sender: Sender,
        store: Store,
        *,
        concurrency: int,
        holding: Holding,
        settle: timedelta,
        packer: Packer,
        pace: RateLimiter,
        redact: Redactor,
        routes: Routes,
        clock: Clock,
        jitter: Callable[[], float],
        listener: Listener,
        stop: threading.Event,
        remind: timedelta | None = None,
        divide: Callable[[Pack], Sequence[tuple[Pack, Thread | None]]] = undivided,
        slowed: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self.name = sender.name
        self._sender = sender
        self._store = store
        self._concurrency = concurrency
        self._settle = settle
        self._packer = packer
        self._divide = divide
        self._pace = pace
        self._slowed = slowed
        self._redact = redact
        self._routes = routes
        self._clock = clock
        self._jitter = jitter
        self._listener = listener
        self._stop = stop
        self._holding = holding
        self._reminding = Reminding(self.name, remind, store, together=packer.tells_together)
        self._busy: set[int] = set()
        self._halving = Halving()
        self._in_flight = 0
        self._claims = 0
        self._recalled = 0
        self._asked_to_wait = False
        self._has_tried = False
        self._look_at: datetime | None = None
        self._quick = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(QUICK_TRIES) | tenacity.stop_when_event_set(stop),
            wait=tenacity.wait_random_exponential(multiplier=_QUICK_WAIT, max=_LONGEST_QUICK_WAIT),
            retry=tenacity.retry_if_result(worth_a_quick_try),
        )

    def claim(self, room: int) -> Sequence[Parcel]:
        """List parcels to send now, and count their deliveries as being sent."""
        self._look_at = None
        if not self._is_ours() or self._asked_to_wait:
            return ()
        now = self._clock.now()
        held, breaker = self._holding.look(now)
        if held is not None and held.begins:
            self._recalled = self._claims  # what was claimed before, and is not on its way, waits
        if held is None:
            self._reminding.queue_due(now)
        queue = self._store.deliveries if held is None else held.queue
        probe = breaker.is_open
        most = breaker.admits(now, self._in_flight, room)
        packs: Sequence[Pack] = ()
        if most and not probe:
            packs = self._packer.pack(queue, now, most, self._busy)
            probe = not packs and breaker.wants_probe(now, self._in_flight)
        if most and probe:
            packs = self._packer.probe(queue, now, breaker.refused)
        # A receiver that was down when the bridge ended may be back since: the first probe comes before the news.
        if self._has_tried or not (breaker.is_open and (packs or self._in_flight)):
            breaker = announce(self._store, breaker, self._settle, now, self._routes.subscriptions, self._listener)
        if len(packs) < room:
            self._look_at = self._next_look(breaker, now, held, queued=bool(most))
        return self._parcels(packs, now, probe=probe) if packs else ()

    def _parcels(self, packs: Sequence[Pack], now: datetime, *, probe: bool) -> Sequence[Parcel]:
        self._claims += 1
        readable = [part for each in self._reminding.current(packs, now) for part in self._readable(each)]
        parcels = [
            Parcel(part, self._claims, probe, thread) for each in readable for part, thread in self._divide(each)
        ]
        if probe:
            parcels = parcels[:1]
        if not parcels:
            self._look_at = now  # what was left out no longer holds up what comes after it
        self._busy.update(delivery.id for parcel in parcels for delivery in parcel.deliveries)
        self._in_flight += len(parcels)
        return parcels

    def begin(self, job: Parcel, done: Callable[[Sent | Exception], None]) -> None:
        """Begin one round of attempts: a few quick tries where that makes sense, a single one for a probe.

        None more once the receiver asked, of another parcel, to be left alone, or its breaker opened: what was not
        tried stays due.
        """
        events = [outgoing(delivery) for delivery in job.deliveries]
        made: list[Attempt] = []

        def call(ended: Callable[[Callable[[], Attempt | None]], None]) -> None:
            if job.claim <= self._recalled or self._store.node.ownership(self.name) is Ownership.NONE:
                ended(lambda: None)
                return
            begin_attempt(
                self._sender,
                events,
                lambda get: ended(partial(tried, get)),
                thread=job.thread,
                clock=self._clock,
                redact=self._redact,
            )

        def tried(get: Callable[[], Attempt]) -> Attempt | None:
            try:
                made.append(replace(get(), probe=True) if job.probe else get())
            except StoppedError:
                return None
            return made[-1]

        def finished(result: Attempt | Exception | None) -> None:
            if isinstance(result, Exception) and not made:
                done(result)
                return
            # What was tried before an error is recorded; the next round raises at once.
            if made and asks_to_wait(made[-1]):
                self._recalled = self._claims  # what is claimed later finds the pause,
                self._asked_to_wait = True  # and nothing is claimed until that is recorded
            done(Sent(job, tuple(made), self._clock.now()))

        RetriedCall(
            call,
            passing=lambda made: not job.probe and worth_a_quick_try(made),
            retrying=self._quick,
            limiter=self._pace,
            stop=self._stop,
            done=finished,
        ).begin()

    def record(self, results: Sequence[Sent]) -> None:
        """Write what became of parcels, and the breaker, in one transaction."""
        attempted = [each for each in results if each.attempts]
        if attempted:
            self._write(attempted)
            if any(asks_to_wait(each.attempts[-1]) for each in attempted):
                self._asked_to_wait = False
        for each in results:
            self._busy.difference_update(delivery.id for delivery in each.parcel.deliveries)
        self._in_flight -= len(results)

    def set_aside(self, item: Parcel | Sent, error: Exception) -> None:
        """Send deliveries later that made us raise; several in smaller parts, until the one at fault is alone."""
        parcel = item.parcel if isinstance(item, Sent) else item
        if not self._halving.failed(parcel.deliveries):
            self._set_aside(parcel.deliveries[0], InternalError.of(error))
        self._busy.difference_update(delivery.id for delivery in parcel.deliveries)
        self._in_flight -= 1
        if isinstance(item, Sent) and item.attempts and asks_to_wait(item.attempts[-1]):
            self._asked_to_wait = False  # it can't be recorded; of another parcel's, nothing is known here

    def _set_aside(self, delivery: Delivery, error: InternalError) -> None:
        why = self._redact(clean_text(f"internal error: {error}"))
        now, every = self._clock.now(), self._reminding.every
        gone = self._store.quarantine.set_delivery_aside(delivery.id, why, now, remind=every)
        self._listener.internal_error(f"delivery {delivery.id} to {self.name}", error)
        if gone:
            self._listener.expired(self.name, gone)

    def _readable(self, pack: tuple[Delivery, ...]) -> list[tuple[Delivery, ...]]:
        """Set aside what can't be read in the store (what follows it waits), and divide what failed as a whole."""
        bad = {each.event.subject: each for each in reversed(pack) if each.fault is not None}
        for each in bad.values():
            self._set_aside(each, InternalError(each.fault or ""))
        readable = tuple(each for each in pack if each.event.subject not in bad)
        return self._halving.divided(readable) if readable else []

    def _write(self, sent: Sequence[Sent]) -> None:
        for until in filter(None, map(asked_until, sent)):
            self._slowed(until)  # first: what fails after the record would be recorded twice
        recorded = self._store.record_deliveries(self.name, partial(self._judge, sent), remind=self._reminding.every)
        self._has_tried = True
        if recorded.breaker.is_open:
            self._recalled = self._claims  # what was claimed before it opened, and is not on its way, waits
        for result in recorded.tried:
            self._listener.tried(self.name, result.decision.deliveries, result.attempts)
        for result in recorded.tried:
            self._halving.forget(result.decision.deliveries)
            self._packer.learn(result.attempts[-1], result.decision.deliveries)
            if result.decision.release:
                self._packer.forget()
        if recorded.expired:
            self._packer.forget(each.id for each in recorded.expired)
            self._listener.expired(self.name, recorded.expired)

    def _is_ours(self) -> bool:
        """Tell whether it is this node that delivers to the receiver; hand over what is another's from now on."""
        ownership = self._store.node.ownership(self.name)
        if ownership is Ownership.LEAVING and not self._busy:
            self._store.node.let_go(self.name)
        return ownership is Ownership.OURS

    def _next_look(self, breaker: CircuitBreaker, now: datetime, held: Held | None, *, queued: bool) -> datetime | None:
        """Return when something may be sent that the look at ``now`` found not due; None if nothing is queued."""
        moments = [breaker.changes_at(self._settle), self._packer.full_at(), None if held is None else held.until]
        if held is None:
            moments.append(self._reminding.next_due())
        if queued:
            moments.append(self._store.deliveries.next_due(self.name, now))
        if breaker.failures or breaker.paused_until is not None:
            moments += [breaker.probe_at, breaker.paused_until]
        return min((moment for moment in moments if moment is not None and moment > now), default=None)

    def next_due(self) -> float | None:
        """Return in how many seconds to look again; None for not before being woken."""
        return None if self._look_at is None else max(0.0, (self._look_at - self._clock.now()).total_seconds())

    def _judge(self, sent: Sequence[Sent], breaker: CircuitBreaker) -> Sequence[DeliveryResult]:
        tried: list[DeliveryResult] = []
        for each in sent:
            decision = self._decide(each, breaker)
            breaker = decision.breaker
            tried.append(DeliveryResult(each.attempts, decision, each.at))
        return tried

    def _decide(self, each: Sent, breaker: CircuitBreaker) -> Decision:
        last, carried = each.attempts[-1], each.parcel.deliveries
        if self._packer.divides(last, len(carried)):
            return divided(carried, last.outcome, breaker)
        made = Round(carried, last.outcome, last.at, each.at, each.parcel.probe)
        return decide(made, breaker, concurrency=self._concurrency, jitter=self._jitter)
