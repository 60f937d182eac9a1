"""When a message last changed, as a person asks for it: a period, days, or moments. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bridge.domain.local_time import start_of_day
from bridge.server.ui.period import read_bound, zone_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

PERIODS: Final[Mapping[str, str]] = {"today": "Today", "7d": "Last 7 days", "30d": "Last 30 days"}
"""The periods to choose from, and what they are called."""

_DAY = timedelta(days=1)
_LENGTHS = {"7d": 7 * _DAY, "30d": 30 * _DAY}


@dataclass(frozen=True, slots=True)
class Span:
    """From when, and until when, without that moment itself; None where it has no end."""

    since: datetime | None = None
    until: datetime | None = None


def read_span(period: str, since: str, until: str, timezone: str, now: datetime, zone: tzinfo) -> Span:
    """Read what was asked for.

    Args:
        period: One of PERIODS, or empty.
        since: A day, or a moment with its zone; empty for none.
        until: The same; a day is meant with all of its hours.
        timezone: Where days begin; empty for ``zone``.
        now: When.
        zone: As above.

    Raises:
        ValueError: It can't be read; the text is for people.
    """
    if period and (since or until):
        raise ValueError("Choose a period or days, not both.")
    zone = zone_named(timezone, zone)
    if period == "today":
        return Span(start_of_day(now.astimezone(zone).date(), zone))
    if period:
        if period not in _LENGTHS:
            raise ValueError(f"There is no period {period} (there are: {', '.join(PERIODS)}).")
        return Span(now - _LENGTHS[period])
    try:
        span = Span(read_bound(since, zone), read_bound(until, zone, _DAY))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"The period can't be read: {error}.") from None
    if span.since and span.until and span.until <= span.since:
        raise ValueError("The period ends before it begins.")
    return span
