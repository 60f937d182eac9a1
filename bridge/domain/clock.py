"""Time, as a parameter: what is recorded is UTC, what is waited for is measured on a clock that nobody sets.

The wall clock can be set back or forward under a running daemon. ``now()`` does not follow at once: it goes on evenly,
so that nothing becomes due early or late. The daemon sees the step, moves what it has scheduled by as much, and lets
the clock follow (:func:`bridge.daemon.housekeeping.follow_clock`).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

# It counts a machine's sleep, which CLOCK_MONOTONIC does not: waking up must not look like a clock that was set.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC. It goes on evenly until :meth:`follow` is called."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed point, unmoved by changes of the wall clock."""
        ...

    def wall(self) -> datetime:
        """Return what others' clocks show now: not half a second late where the machine's has just been set."""
        ...

    def follow(self, step: timedelta) -> None:
        """Let :meth:`now` make a step."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.clock_gettime_ns(_STEADY)

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        # Exact: until the year 2255, a float tells whole microseconds apart.
        return datetime.fromtimestamp((self._offset + time.clock_gettime_ns(_STEADY)) // 1000 / 1e6, UTC)

    def monotonic(self) -> float:
        """Return seconds since some fixed point, unmoved by changes of the wall clock."""
        return time.clock_gettime(_STEADY)

    def wall(self) -> datetime:
        """Return what others' clocks show now."""
        return datetime.now(UTC)

    def follow(self, step: timedelta) -> None:
        """Let :meth:`now` make a step."""
        self._offset += round(step / timedelta(microseconds=1)) * 1000


def stepped(clock: Clock) -> timedelta:
    """Tell how far the wall clock has been set away from the time that the bridge goes by: positive if it is ahead."""
    return clock.wall() - clock.now()


def isoformat(moment: datetime) -> str:
    """Write a moment as events show it: ``2026-11-23T20:11:12.345Z``."""
    # Without its zone: to write that, and then the Z instead, takes twice as long.
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was, or how far ahead it is."""
    if moment is None:
        return "-"
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    amount = in_words(abs(seconds))
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def precisely(seconds: float) -> str:
    """Write a time in two units where it has both: ``45 s``, ``1 min 40 s``, ``3 h``."""
    whole = round(seconds)
    for (unit, size), (smaller, part) in pairwise((("d", 86400), ("h", 3600), ("min", 60), ("s", 1))):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def in_words(seconds: float) -> str:
    """Write a time in the largest unit of which there are two: ``16 min``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
