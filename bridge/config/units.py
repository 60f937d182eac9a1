"""Durations (``250ms 5s 2m 1h 7d``) and rates (``20/s 300/m``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(ms|s|m|h|d)\Z")
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*/\s*(s|m|h|d)\Z")
LONGEST = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so long a time."""

    count: float
    per: timedelta

    @property
    def per_second(self) -> float:
        """The rate, in a second."""
        return self.count / self.per.total_seconds()

    def __str__(self) -> str:
        unit = next((name for name, size in _UNITS.items() if size == self.per), "s")
        return f"{self.count:g}/{unit}"


def parse_duration(value: object) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: It is none; the text says what is allowed.
    """
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a duration (allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)")
    try:
        duration = float(match[1]) * _UNITS[match[2]]
    except OverflowError:
        duration = LONGEST * 2
    if duration > LONGEST:
        raise ValueError("longer than ten years (allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration in its largest unit that leaves no rest."""
    for unit, size in reversed(_UNITS.items()):
        if duration % size == timedelta(0) and duration >= size:
            return f"{duration // size}{unit}"
    return f"{duration / _UNITS['ms']:g}ms"


def parse_rate(value: object) -> Rate:
    """Read a rate.

    Raises:
        ValueError: It is none; the text says what is allowed.
    """
    match = _RATE.match(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) <= 0:
        raise ValueError("not a rate (allowed: a number above 0 and a unit of time, e.g. 20/s 300/m)")
    return Rate(float(match[1]), _UNITS[match[2]])
