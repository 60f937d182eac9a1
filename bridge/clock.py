"""Time, as a parameter: what is recorded is UTC, what is waited for is measured on a clock that nobody sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed point, unmoved by changes of the wall clock."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some fixed point, unmoved by changes of the wall clock."""
        return time.monotonic()


def isoformat(moment: datetime) -> str:
    """Write a moment as events show it: ``2026-11-23T20:11:12.345Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
