"""Durations (``250ms 5s 2m 1h 7d``), rates (``20/s 300/m``), percentages (``20%``) and moments. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,3})?)"
DURATION = _NUMBER + r"\s*(ms|s|m|h|d)"
RATE = _NUMBER + r"\s*/\s*(s|m|h|d)"
PERCENTAGE = _NUMBER + r"\s*%"
"""How durations, rates and percentages are written, as regular expressions."""

_DURATION = re.compile(rf"{DURATION}\Z")
_RATE = re.compile(rf"{RATE}\Z")
_PERCENTAGE = re.compile(rf"{PERCENTAGE}\Z")
_PERCENTAGES = "(allowed: above 0% and up to 100%, with the sign, e.g. 20%)"
_MICROSECOND = timedelta(microseconds=1)
_ALLOWED = "(allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)"

LONGEST = timedelta(days=3650)
"""The longest duration that can be written."""

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(2200, 1, 1, tzinfo=UTC)
"""Moments that can be written are from FIRST to before LAST: every duration can be added to each of them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """This many (``count``) in so long a time (``per``)."""

    count: float
    per: timedelta

    @property
    def per_second(self) -> float:
        """The rate, in a second."""
        return self.count / self.per.total_seconds()

    def __str__(self) -> str:
        per = next((name for name, size in _UNITS.items() if size == self.per), format_duration(self.per))
        return f"{_number(Decimal(str(self.count)))}/{per}"


def parse_duration(value: object) -> timedelta:
    """Read a duration: a number with up to three decimals, and a unit.

    Raises:
        ValueError: It is none, or longer than :data:`LONGEST`; the text says what is allowed.
    """
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a duration {_ALLOWED}")
    microseconds = round(Decimal(match[1]) * (_UNITS[match[2]] // _MICROSECOND))
    if microseconds > LONGEST // _MICROSECOND:
        raise ValueError(f"longer than ten years {_ALLOWED}")
    return timedelta(microseconds=microseconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole microseconds in its largest unit that leaves no rest."""
    if not duration:
        return "0s"
    for unit, size in reversed(_UNITS.items()):
        if duration % size == timedelta(0):
            return f"{duration // size}{unit}"
    return f"{_number(Decimal(duration // _MICROSECOND) / 1000)}ms"


def parse_rate(value: object) -> Rate:
    """Read a rate: a number with up to three decimals, a slash, and a unit of time.

    Raises:
        ValueError: It is none, or zero; the text says what is allowed.
    """
    match = _RATE.match(value.strip()) if isinstance(value, str) else None
    if match is None or not Decimal(match[1]):
        raise ValueError("not a rate (allowed: a number above 0 and a unit of time, e.g. 20/s 300/m)")
    return Rate(float(match[1]), _UNITS[match[2]])


def parse_percentage(value: object) -> Decimal:
    """Read a percentage: a number with up to three decimals, and a percent sign.

    Raises:
        ValueError: It is none, or not above 0 and at most 100; the text says what is allowed.
    """
    match = _PERCENTAGE.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a percentage {_PERCENTAGES}")
    percent = Decimal(match[1])
    if not 0 < percent <= 100:  # noqa: PLR2004 -- percent
        raise ValueError(f"{_number(percent)}% is out of range {_PERCENTAGES}")
    return percent


def parse_moment(text: str) -> datetime:
    """Read a moment of ISO 8601, with the time zone that it is in: ``2026-12-24T09:00+05:30``, ``2026-12-24 03:30Z``.

    Raises:
        ValueError: It is none, names no zone, or is not between FIRST and LAST; the text says what is allowed.
    """
    moment: datetime | None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("not a moment with its time zone (allowed: e.g. 2026-12-24T09:00+05:30, or …Z for UTC)")
    if not FIRST <= moment < LAST:
        raise ValueError("a moment out of range (allowed: the years 1970 to 2199)")
    return moment.astimezone(UTC)


def _number(number: Decimal) -> str:
    """Write a number without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
