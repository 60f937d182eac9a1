"""When one event is tried again, and when it is given up. Pure: time and chance come in.

How the receiver does is another question: see :mod:`bridge.domain.breaker`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(seconds=45),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=20),
    timedelta(minutes=40),
    timedelta(minutes=80),
)
"""The waits between the first attempts. The 5 minutes that Standard Webhooks recommends after the second one are too
long for an alert."""

LAST_STEP = timedelta(hours=3)
"""The wait between all later attempts."""

LIFETIME = timedelta(hours=75)
"""How long a delivery is tried. Then it is a dead letter."""

JITTER = 0.1
"""A wait differs from the schedule by up to this share of it, at random, so that many don't come back together."""

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=24)
"""Bounds to a ``Retry-After``: less would be a hot loop, more a slip of whoever set it."""

LONGEST_WAIT = max(LONGEST_PAUSE, LAST_STEP * (1 + JITTER))
"""No delivery waits longer than that for its next attempt."""


def next_attempt(attempts: int, first_due_at: datetime, now: datetime, jitter: Callable[[], float]) -> datetime | None:
    """Return when a delivery is tried again; None when its time is over.

    Args:
        attempts: How many it has used up, the one that has just failed included.
        first_due_at: When its first one was due. The last one is at the end of its lifetime.
        now: When the attempt failed.
        jitter: Returns a number from 0 to 1, at random.
    """
    if is_over(first_due_at, now):
        return None
    wait = SCHEDULE[attempts - 1] if attempts <= len(SCHEDULE) else LAST_STEP
    return min(now + wait * (1 + JITTER * jitter()), first_due_at + LIFETIME)


def is_over(first_due_at: datetime, now: datetime) -> bool:
    """Tell whether a delivery has been queued for all of its time."""
    return now - first_due_at >= LIFETIME


def pause(asked: timedelta) -> timedelta:
    """Return how long to wait for a receiver that sent ``Retry-After``."""
    return min(max(asked, SHORTEST_PAUSE), LONGEST_PAUSE)
