"""When is a delivery tried again, and when is it given up? Pure: decisions are data, time and chance come in.

Two things are decided after each attempt: what becomes of the delivery, and what becomes of the receiver's *gate*. A
gate is open while its receiver takes what it gets. It shuts when several attempts in a row have failed; then one probe
at a time goes through, on the same schedule, until one succeeds. A receiver is never switched off for good.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from bridge.model import Dead, Delivered, Delivery, DeliveryState, Outcome, Retry

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The waits between attempts that Standard Webhooks recommends. After the tenth attempt a delivery is a dead letter."""

LIFETIME = sum(SCHEDULE, timedelta(0))
"""How long a delivery is tried: 75 hours, 35 minutes and 5 seconds."""

SHUTS_AFTER = 3
"""Failed attempts in a row, of whichever deliveries, after which a receiver's gate shuts."""

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=24)
"""Bounds to a ``Retry-After``: less would be a hot loop, more a slip of whoever set it."""

ASKS_IN_VAIN = timedelta(minutes=15)
"""A receiver that has asked for a pause again and again for so long, and taken nothing, counts as failing: one that
answers ``Retry-After: 1`` to everything would cost an attempt a second for days, and nobody would hear of it."""

SHORTEST_PROBE_PAUSE = timedelta(minutes=1)
"""A failing receiver is probed no more often than that, whatever it asks for."""

FRESH_PROBE = timedelta(minutes=5)
"""An event that comes while its receiver's gate is shut need not wait for the next probe: it may be one itself, so long
after the last. Else an event that a receiver refuses would hold up the next message's for hours."""

JITTER = 0.1
"""A wait is longer than the schedule says by up to this share of it, so that many don't come back together."""

LONGEST_WAIT = SCHEDULE[-1] * (1 + JITTER)
"""No delivery waits longer than that for its next attempt."""


class Change(enum.Enum):
    """What a gate's change is to be told to others as."""

    DOWN = enum.auto()
    UP = enum.auto()


@dataclass(frozen=True, slots=True)
class Gate:
    """How a receiver does.

    ``failures`` counts attempts that failed in a row, ``failing_since`` is the first of them, ``reason`` the latest.
    While ``shut``, the next probe is due at ``probe_at``, and ``step`` of the schedule have been used; ``tried_at`` is
    when the latest attempt failed. Until ``paused_until``, by the receiver's own wish, nothing goes to it.
    """

    receiver: str
    failures: int = 0
    failing_since: datetime | None = None
    shut: bool = False
    step: int = 0
    probe_at: datetime | None = None
    paused_until: datetime | None = None
    reason: str | None = None
    tried_at: datetime | None = None

    def admits(self, now: datetime, in_flight: int, room: int, *, fresh: bool = False) -> int:
        """Say how many more attempts may start now, at most ``room``.

        ``fresh`` says that something is owed which came after the latest attempt.
        """
        if self.paused_until is not None and now < self.paused_until:
            return 0
        if not self.shut:
            return room
        due = self.probe_at is None or now >= self.probe_at or (fresh and self.welcomes_fresh(now))
        return min(room, 1) if due and not in_flight else 0

    def welcomes_fresh(self, now: datetime) -> bool:
        """Tell whether something that came after the latest attempt may be the next probe already."""
        return self.shut and self.tried_at is not None and now >= self.tried_at + FRESH_PROBE


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an attempt.

    ``deliveries`` are those that the attempt carried, as they are from now on; ``gate`` likewise. ``change`` is set
    when others are to be told. ``release`` says that everything else that is owed is due at once (the receiver takes
    again), ``expire_before`` that whatever was first due before then is given up too (it has failed for too long).
    """

    deliveries: tuple[Delivery, ...]
    gate: Gate
    change: Change | None = None
    release: bool = False
    expire_before: datetime | None = None


def decide(
    deliveries: tuple[Delivery, ...],
    outcome: Outcome,
    gate: Gate,
    *,
    probe: bool,
    now: datetime,
    jitter: Callable[[], float],
) -> Decision:
    """Decide what follows from an attempt that has just ended.

    Args:
        deliveries: What the attempt carried: one, or all that a digest told of.
        outcome: How it ended.
        gate: The receiver's gate as it is now.
        probe: Whether the attempt was a probe through a shut gate.
        now: When it ended.
        jitter: Returns a number from 0 to 1, at random.
    """
    match outcome:
        case Delivered():
            return _delivered(deliveries, gate, now)
        case Dead(why, about_event):
            dead = tuple(_given_up(delivery, why, now) for delivery in deliveries)
            failed = _failed(gate, why, now)
            if probe or (not gate.shut and (not about_event or failed.failures >= SHUTS_AFTER)):
                step = gate.step + 1
                failed = replace(failed, shut=True, step=step, probe_at=_later(step, now, jitter))
            change = Change.DOWN if failed.shut and not gate.shut else None
            return Decision(dead, failed, change, expire_before=_expiry(gate, probe, now))
        case Retry(why, after) if after is not None:
            until = now + min(max(after, SHORTEST_PAUSE), LONGEST_PAUSE)
            return _asked_to_wait(deliveries, gate, why, until, probe=probe, now=now)
        case Retry(why):
            return _to_retry(deliveries, gate, why, probe=probe, now=now, jitter=jitter)
        case _:
            assert_never(outcome)


def divided(deliveries: tuple[Delivery, ...], outcome: Outcome, gate: Gate) -> Decision:
    """Decide that what was refused together is sent again in smaller parts, at once.

    It counts neither as an attempt of theirs nor as a failure of the receiver: which event was meant shows only then.
    """
    why = f"refused as one of {len(deliveries)} in a batch" + (
        "" if isinstance(outcome, Delivered) else f": {outcome.why}"
    )
    return Decision(tuple(replace(delivery, reason=why) for delivery in deliveries), gate)


def _delivered(deliveries: tuple[Delivery, ...], gate: Gate, now: datetime) -> Decision:
    done = tuple(
        replace(delivery, state=DeliveryState.DELIVERED, attempts=delivery.attempts + 1, finished_at=now, reason=None)
        for delivery in deliveries
    )
    # It may have been in flight when another attempt was asked to wait: that wish still holds.
    paused_until = gate.paused_until if gate.paused_until is not None and gate.paused_until > now else None
    opened = Gate(gate.receiver, paused_until=paused_until)
    return Decision(done, opened, Change.UP if gate.shut else None, release=gate.shut)


def _to_retry(
    deliveries: tuple[Delivery, ...], gate: Gate, why: str, *, probe: bool, now: datetime, jitter: Callable[[], float]
) -> Decision:
    failed = _failed(gate, why, now)
    step = max(delivery.attempts for delivery in deliveries) + 1
    wait_until = _later(step, now, jitter)
    change = None
    if gate.shut and probe:
        step = gate.step + 1
        wait_until = _later(step, now, jitter)
        failed = replace(failed, step=step, probe_at=wait_until)
    elif not gate.shut and failed.failures >= SHUTS_AFTER:
        failed = replace(failed, shut=True, step=step, probe_at=wait_until)
        change = Change.DOWN
    tried = tuple(
        _given_up(delivery, f"given up after {len(SCHEDULE) + 1} attempts; the last: {why}", now)
        if delivery.attempts >= len(SCHEDULE)
        else replace(delivery, attempts=delivery.attempts + 1, due_at=wait_until, reason=why)
        for delivery in deliveries
    )
    return Decision(tried, failed, change, expire_before=_expiry(gate, probe, now))


def _asked_to_wait(
    deliveries: tuple[Delivery, ...], gate: Gate, why: str, until: datetime, *, probe: bool, now: datetime
) -> Decision:
    """Honour ``Retry-After``. It uses up no step of the schedule (the receiver is well, and said when), but time.

    Attempts that were in flight together may ask for different waits: the longest holds.
    """
    failing_since = gate.failing_since or now
    shut = gate.shut or now - failing_since >= ASKS_IN_VAIN
    if shut:
        until = max(until, now + SHORTEST_PROBE_PAUSE)
    waiting = tuple(
        _given_up(delivery, f"given up after {LIFETIME // timedelta(hours=1)} hours; the last: {why}", now)
        if now - delivery.first_due_at >= LIFETIME
        else replace(delivery, due_at=until, reason=why)
        for delivery in deliveries
    )
    paused_until = until if gate.paused_until is None else max(until, gate.paused_until)
    asked = replace(gate, failing_since=failing_since, paused_until=paused_until, reason=why)
    if shut:
        asked = replace(asked, shut=True, failures=max(gate.failures, 1), probe_at=until, tried_at=now)
    change = Change.DOWN if shut and not gate.shut else None
    return Decision(waiting, asked, change, expire_before=_expiry(gate, probe, now))


def _failed(gate: Gate, why: str, now: datetime) -> Gate:
    return replace(gate, failures=gate.failures + 1, failing_since=gate.failing_since or now, tried_at=now, reason=why)


def _given_up(delivery: Delivery, why: str, now: datetime) -> Delivery:
    return replace(delivery, state=DeliveryState.DEAD, attempts=delivery.attempts + 1, finished_at=now, reason=why)


def _expiry(gate: Gate, probe: bool, now: datetime) -> datetime | None:
    """Say what a failed probe gives up, however it failed: else a backlog would shrink by one for each probe."""
    return now - LIFETIME if gate.shut and probe else None


def _later(step: int, now: datetime, jitter: Callable[[], float]) -> datetime:
    """Say when the attempt after the ``step``-th failed one is due. Beyond the end, the last wait repeats."""
    wait = SCHEDULE[min(max(step, 1), len(SCHEDULE)) - 1]
    return now + wait * (1 + JITTER * jitter())
