"""A receiver's circuit breaker: does it take what it gets, and when is it tried while it does not? Pure.

The breaker is closed while the receiver takes events. Several failed attempts in a row open it; then one probe at a
time goes through, until one succeeds. The wait between probes grows with the outage but never beyond a minute, so that
a receiver is found soon after its return, however long it was away. A receiver is never switched off for good.

What counts is a failure of the receiver (no connection, a time-out, 5xx, 401, 404, …). An answer that speaks of one
event (400, 422, …) neither opens nor closes the breaker, unless several different events are refused in a row.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bridge.domain.retry import JITTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OPENS_AFTER = 3
"""Failed attempts in a row, of whichever deliveries, that open a breaker."""

REFUSALS = 5
"""Different events refused in a row after which each refusal counts as a failure of the receiver."""

PAUSES_FOR = timedelta(minutes=15)
"""A receiver that has only asked for pauses for so long, and taken nothing, counts as failing: one that answers
``Retry-After: 1`` to everything would cost an attempt a second for days, and nobody would hear of it."""

PROBE_SHARE = 4
"""The wait to the next probe is this part of the time since the first failure."""

SHORTEST_PROBE_WAIT = timedelta(seconds=1)
LONGEST_PROBE_WAIT = timedelta(seconds=55)

SUSPECT_WAIT = timedelta(seconds=5)
"""A receiver that has failed, but not often enough to open its breaker, is probed after that if nothing else is due:
one event whose schedule says 15 s must not be all that finds out that the receiver is back."""


class State(enum.StrEnum):
    """What a breaker lets through: everything, nothing, or one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Change(enum.Enum):
    """What the other receivers are to be sent about this one."""

    DOWN = enum.auto()
    UP = enum.auto()


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """How a receiver does.

    ``failures`` counts attempts that failed in a row, ``failing_since`` is the first of them, ``reason`` the latest.
    The next probe is due at ``probe_at``. Until ``paused_until``, as the receiver asked, nothing goes to it.
    ``refused`` holds the ids of different deliveries refused in a row, up to :data:`REFUSALS`. ``allowed`` is how many
    calls may be in flight after it closed; None for as many as the configuration says. ``down_since`` is set from
    ``receiver.down`` to ``receiver.up``, and ``well_since`` when the breaker closed between the two.
    """

    receiver: str
    failures: int = 0
    failing_since: datetime | None = None
    is_open: bool = False
    probe_at: datetime | None = None
    paused_until: datetime | None = None
    reason: str | None = None
    refused: tuple[int, ...] = ()
    allowed: int | None = None
    well_since: datetime | None = None
    down_since: datetime | None = None

    def state(self, now: datetime) -> State:
        """Return what it lets through now."""
        if not self.is_open:
            return State.CLOSED
        return State.HALF_OPEN if self._probe_is_due(now) else State.OPEN

    def admits(self, now: datetime, in_flight: int, room: int) -> int:
        """Return how many more calls may start, at most ``room``; while it is open, each of them is a probe."""
        if self.is_paused(now):
            return 0
        if self.is_open:
            return min(room, 1) if self._probe_is_due(now) and not in_flight else 0
        return room if self.allowed is None else max(0, min(room, self.allowed - in_flight))

    def wants_probe(self, now: datetime, in_flight: int) -> bool:
        """Tell whether a probe may go through a closed breaker where nothing else is due: the receiver is suspect."""
        return bool(self.failures) and not in_flight and self._probe_is_due(now) and not self.is_paused(now)

    def is_paused(self, now: datetime) -> bool:
        """Tell whether the receiver asked to be left alone still."""
        return self.paused_until is not None and now < self.paused_until

    def changes_at(self, settle: timedelta) -> datetime | None:
        """Return when ``receiver.down`` or ``receiver.up`` is to be sent, if it stays as it is; None if neither is."""
        if self.is_open:
            since = self.failing_since if self.down_since is None else None
        else:
            since = self.well_since if self.down_since is not None and not self.failures else None
        return None if since is None else since + settle

    def _probe_is_due(self, now: datetime) -> bool:
        return self.probe_at is None or now >= self.probe_at


def succeeded(breaker: CircuitBreaker, now: datetime, concurrency: int) -> CircuitBreaker:
    """Note that the receiver took something: the breaker is closed, and lets through more with each success."""
    allowed = 1 if breaker.is_open else None if breaker.allowed is None else breaker.allowed * 2
    well_since = now if breaker.is_open or breaker.well_since is None else breaker.well_since
    return CircuitBreaker(
        breaker.receiver,
        # It may have been in flight when another attempt was asked to wait: that wish still holds.
        paused_until=breaker.paused_until if breaker.is_paused(now) else None,
        allowed=None if allowed is None or allowed >= concurrency else allowed,
        well_since=None if breaker.down_since is None else well_since,
        down_since=breaker.down_since,
    )


def failed(
    breaker: CircuitBreaker,
    why: str,
    *,
    began: datetime,
    now: datetime,
    jitter: Callable[[], float],
    probe: bool = False,
    opens: bool = False,
) -> CircuitBreaker:
    """Note a failure of the receiver.

    Args:
        breaker: As it was.
        why: The reason.
        began: When the attempt began: one that hangs for its whole time-out must not put off the next.
        now: When it ended.
        jitter: Returns a number from 0 to 1, at random. It only shortens the wait to the next probe.
        probe: Whether the attempt was a probe. Others that were in flight when the breaker opened put off no probe.
        opens: Whether this failure opens it by itself.
    """
    since = breaker.failing_since or now
    failures = breaker.failures + 1
    is_open = breaker.is_open or opens or failures >= OPENS_AFTER
    probe_at = breaker.probe_at
    if probe or not breaker.is_open:
        wait = _wait(began - since) if is_open else SUSPECT_WAIT
        probe_at = now + max(wait * (1 - JITTER * jitter()), SHORTEST_PROBE_WAIT)
    return replace(
        breaker,
        failures=failures,
        failing_since=since,
        is_open=is_open,
        probe_at=probe_at,
        reason=why,
        allowed=None if is_open else breaker.allowed,
        well_since=None if is_open else breaker.well_since,
    )


def refused(
    breaker: CircuitBreaker,
    ids: Iterable[int],
    why: str,
    *,
    began: datetime,
    now: datetime,
    jitter: Callable[[], float],
    probe: bool = False,
) -> CircuitBreaker:
    """Note that an answer spoke of these deliveries' events, not of the receiver.

    A probe that ends so says nothing about others: the next one, with another delivery, is due at once.
    """
    known = tuple(dict.fromkeys((*breaker.refused, *ids)))[:REFUSALS]
    noted = replace(breaker, refused=known)
    if len(known) >= REFUSALS:
        return failed(noted, why, began=began, now=now, jitter=jitter, probe=probe, opens=True)
    if not breaker.failures:
        noted = replace(noted, reason=why)
    return replace(noted, probe_at=now) if probe else noted


def asked_to_wait(
    breaker: CircuitBreaker, why: str, until: datetime, *, now: datetime, jitter: Callable[[], float]
) -> CircuitBreaker:
    """Note a ``Retry-After``. It opens the breaker only where the receiver has done nothing else for long.

    Attempts that were in flight together may ask for different waits: the longest holds.
    """
    since = breaker.failing_since or now
    until = until if breaker.paused_until is None else max(until, breaker.paused_until)
    asked = replace(breaker, failing_since=since, paused_until=until, reason=why)
    if not breaker.is_open and now - since < PAUSES_FOR:
        return asked
    wait = max(_wait(now - since) * (1 - JITTER * jitter()), SHORTEST_PROBE_WAIT)
    return replace(
        asked,
        failures=max(breaker.failures, 1),
        is_open=True,
        probe_at=max(until, now + wait),
        allowed=None,
        well_since=None,
    )


def paused_with_another(breaker: CircuitBreaker, until: datetime, why: str) -> CircuitBreaker:
    """Leave a receiver alone until then because another was asked to wait, by a limit that holds for both."""
    until = until if breaker.paused_until is None else max(until, breaker.paused_until)
    return replace(breaker, paused_until=until, reason=breaker.reason if breaker.failures else why)


def announced(breaker: CircuitBreaker, now: datetime, settle: timedelta) -> tuple[CircuitBreaker, Change] | None:
    """Return what the other receivers are to be sent now, and the breaker after it; None if nothing is.

    Args:
        breaker: As it is.
        now: When.
        settle: For how long the receiver must have failed, or have been well.
    """
    at = breaker.changes_at(settle)
    if at is None or now < at:
        return None
    if breaker.is_open:
        return replace(breaker, down_since=breaker.failing_since), Change.DOWN
    return replace(breaker, down_since=None, well_since=None), Change.UP


def _wait(failing_for: timedelta) -> timedelta:
    return min(max(failing_for / PROBE_SHARE, SHORTEST_PROBE_WAIT), LONGEST_PROBE_WAIT)
