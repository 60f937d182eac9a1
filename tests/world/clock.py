"""A clock that tests set: time passes when they say so, and nobody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 20, 11, 12, 345000, tzinfo=UTC)


class FakeClock:
    """A :class:`bridge.domain.clock.Clock` that stands still until it is moved.

    Args:
        start: What the wall clock shows at first, in UTC.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = timedelta(0)
        self._followed = timedelta(0)
        self._set = timedelta(0)

    def now(self) -> datetime:
        """Return the present moment; like the machine's, it does not follow a wall clock that was set by itself."""
        return self._start + self._elapsed + self._followed

    def monotonic(self) -> float:
        """Return the seconds that have passed, whatever happened to the wall clock."""
        return self._elapsed.total_seconds()

    def wall(self) -> datetime:
        """Return what the wall clock shows, whether it was followed or not."""
        return self._start + self._elapsed + self._set

    def follow(self, step: timedelta) -> None:
        """Let :meth:`now` make a step."""
        self._followed += step

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError("time does not run backwards; jump_wall sets the wall clock")
        self._elapsed += timedelta(seconds=seconds)

    def jump_wall(self, step: timedelta) -> None:
        """Set the machine's wall clock by ``step``, forward or back, while no time passes."""
        self._set += step
