"""What follows from an attempt: what becomes of the deliveries it carried, and of the receiver's breaker. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from bridge.domain import breaker as breakers
from bridge.domain import retry
from bridge.domain.check import counted
from bridge.domain.model import DeliveryState
from bridge.domain.outcome import Dead, Delivered, Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import Delivery
    from bridge.domain.outcome import Outcome

_HOURS = retry.LIFETIME // timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an attempt.

    ``deliveries`` are those that the attempt carried, and ``breaker`` the receiver's, as they are from now on.
    ``release`` says that everything else that is queued is due at once (the receiver takes again), ``expire_before``
    that whatever was first due before then is given up too. ``probe`` says that it was a probe that failed: it used up
    no step of a schedule.
    """

    deliveries: tuple[Delivery, ...]
    breaker: CircuitBreaker
    release: bool = False
    expire_before: datetime | None = None
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """An attempt that has just ended, as the rules see it.

    Args:
        deliveries: What it carried: one, or all of a digest or a batch.
        outcome: How it ended.
        began: When its last call began.
        ended: When that was over.
        probe: Whether it was a probe.
    """

    deliveries: tuple[Delivery, ...]
    outcome: Outcome
    began: datetime
    ended: datetime
    probe: bool = False


def decide(made: Round, breaker: CircuitBreaker, *, concurrency: int, jitter: Callable[[], float]) -> Decision:
    """Decide what follows from an attempt.

    Args:
        made: The attempt.
        breaker: The receiver's, as it is now.
        concurrency: How many calls may be in flight to it.
        jitter: Returns a number from 0 to 1, at random.
    """
    now = made.ended
    match made.outcome:
        case Delivered():
            taken = tuple(_delivered(delivery, now) for delivery in made.deliveries)
            return Decision(taken, breakers.succeeded(breaker, now, concurrency), release=breaker.is_open)
        case Dead(why):
            after = _breaker_after(made, breaker, jitter)
            dead = tuple(_dead(delivery, why, now) for delivery in made.deliveries)
            return Decision(dead, after, expire_before=_expiry(made, breaker))
        case Retry(why, wait) if wait is not None:
            until = now + retry.pause(wait)
            after = breakers.asked_to_wait(breaker, why, until, now=now, jitter=jitter)
            waiting = tuple(_waits(delivery, why, until, made) for delivery in made.deliveries)
            return Decision(waiting, after, expire_before=_expiry(made, breaker), probe=made.probe)
        case Retry(why):
            after = _breaker_after(made, breaker, jitter)
            # A failed probe uses up no step of the schedule, unless it was for its own sake that it failed.
            free = made.probe and after.failures > breaker.failures
            tried = tuple(
                _probed(delivery, why, after, now) if free else _failed(delivery, why, now, jitter)
                for delivery in made.deliveries
            )
            return Decision(tried, after, expire_before=_expiry(made, breaker), probe=free)
        case _:
            assert_never(made.outcome)


def divided(deliveries: tuple[Delivery, ...], outcome: Outcome, breaker: CircuitBreaker) -> Decision:
    """Decide that what was refused together is sent again in smaller parts, at once.

    It counts neither as an attempt of theirs nor as a failure of the receiver: which event was meant shows only then.
    """
    why = f"refused as one of {len(deliveries)} in a batch" + (
        "" if isinstance(outcome, Delivered) else f": {outcome.why}"
    )
    return Decision(tuple(replace(delivery, reason=why) for delivery in deliveries), breaker)


def _delivered(delivery: Delivery, now: datetime) -> Delivery:
    attempts = delivery.attempts + 1
    return replace(delivery, state=DeliveryState.DELIVERED, attempts=attempts, finished_at=now, reason=None)


def _breaker_after(made: Round, breaker: CircuitBreaker, jitter: Callable[[], float]) -> CircuitBreaker:
    """Let the breaker learn of a failure: the receiver's, or one event's."""
    assert not isinstance(made.outcome, Delivered)
    outcome, now = made.outcome, made.ended
    if outcome.about_event:
        ids = [delivery.id for delivery in made.deliveries]
        return breakers.refused(breaker, ids, outcome.why, began=made.began, now=now, jitter=jitter, probe=made.probe)
    return breakers.failed(
        breaker,
        outcome.why,
        began=made.began,
        now=now,
        jitter=jitter,
        probe=made.probe,
        opens=isinstance(outcome, Dead),
    )


def _probed(delivery: Delivery, why: str, breaker: CircuitBreaker, now: datetime) -> Delivery:
    if retry.is_over(delivery.first_due_at, now):
        return _dead(delivery, f"given up after {_HOURS} hours; the last: {why}", now)
    due_at = delivery.due_at if breaker.probe_at is None else max(delivery.due_at, breaker.probe_at)
    return replace(delivery, probes=delivery.probes + 1, due_at=due_at, reason=why)


def _failed(delivery: Delivery, why: str, now: datetime, jitter: Callable[[], float]) -> Delivery:
    attempts = delivery.attempts + 1
    due_at = retry.next_attempt(attempts, delivery.first_due_at, now, jitter)
    if due_at is None:
        tries = counted(attempts, "attempt", "attempts")
        return _dead(delivery, f"given up after {_HOURS} hours and {tries}; the last: {why}", now)
    return replace(delivery, attempts=attempts, due_at=due_at, reason=why)


def _waits(delivery: Delivery, why: str, until: datetime, made: Round) -> Delivery:
    """Honour ``Retry-After``. It uses up no step of the schedule (the receiver said when), but time."""
    if retry.is_over(delivery.first_due_at, made.ended):
        return _dead(delivery, f"given up after {_HOURS} hours; the last: {why}", made.ended)
    return replace(delivery, probes=delivery.probes + made.probe, due_at=until, reason=why)


def _dead(delivery: Delivery, why: str, now: datetime) -> Delivery:
    return replace(delivery, state=DeliveryState.DEAD, attempts=delivery.attempts + 1, finished_at=now, reason=why)


def _expiry(made: Round, breaker: CircuitBreaker) -> datetime | None:
    """Return what a failed probe gives up, however it failed: else what no probe carries would be queued for ever."""
    return made.ended - retry.LIFETIME if breaker.is_open and made.probe else None
