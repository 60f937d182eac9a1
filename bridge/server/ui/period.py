"""Periods as addresses ask for them: of a report, with what it is compared with, and of a search. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Self

from bridge.domain.activity import TAGS
from bridge.domain.activity_report import ReportQuery, ask, read_by
from bridge.domain.local_time import start_of_day
from bridge.domain.settings.calendar import time_zone
from bridge.domain.settings.units import parse_moment
from bridge.server.ui.formatting import address_of, upper_first

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

LAST_DAY: Final = "24h"
PERIODS: Final[Mapping[str, str]] = {
    "today": "Today",
    "yesterday": "Yesterday",
    LAST_DAY: "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
}
"""Periods of a report to choose, and their names."""

CHANGED: Final[Mapping[str, str]] = {key: PERIODS[key] for key in ("today", "7d", "30d")}
"""Periods of a search to choose, in which messages last changed."""

_USUAL = "7d"
_ROLLING = {
    LAST_DAY: (timedelta(days=1), "in the 24 hours before"),
    "7d": (timedelta(days=7), "in the 7 days before"),
    "30d": (timedelta(days=30), "in the 30 days before"),
}
_DAY = timedelta(days=1)
_FIRST, _LAST = date(1971, 1, 1), date(2198, 12, 31)
_LONGEST = 100  # characters


@dataclass(frozen=True, slots=True)
class Wanted:
    """What came with the address, as it was written.

    ``since`` and ``until`` are days, both included, or moments with their zones.
    """

    period: str = ""
    since: str = ""
    until: str = ""
    by: str = ""
    timezone: str = ""

    @classmethod
    def read(cls, **written: str) -> Self:
        """Clean it."""
        return cls(**{name: text.replace("\0", "").strip()[:_LONGEST] for name, text in written.items()})

    @property
    def chosen(self) -> str:
        """The name of the period; empty for dates."""
        return self.period or ("" if self.since or self.until else _USUAL)

    def address(self, **other: str) -> str:
        """Write the address of a report, from the first page, with some things exchanged."""
        asked = replace(self, **other)
        return address_of("report", {each.name: getattr(asked, each.name) or None for each in fields(asked)})


@dataclass(frozen=True, slots=True)
class Span:
    """From when, and until when, without that moment itself; None where it has no end."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """From when until when, and since when as long a time is compared with it: ``than`` names that."""

    since: datetime
    until: datetime
    zone: tzinfo
    compared: datetime
    than: str

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since


def zone_named(name: str, usual: tzinfo) -> tzinfo:
    """Read the name of a time zone; none is ``usual``.

    Raises:
        ValueError: There is no such zone; the text is for people.
    """
    try:
        return time_zone(name) if name else usual
    except ValueError as error:
        raise ValueError(f"“{name}”: {error}.") from None


def read_day(text: str) -> date:
    """Read a day.

    Raises:
        ValueError: It is none, or out of range.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text}” is not a date (allowed: e.g. 2026-11-28)") from None
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"a date out of range (allowed: the years {_FIRST.year} to {_LAST.year})")
    return day


def is_day(text: str) -> bool:
    """Tell whether a day was given, as a field for dates gives it; or nothing."""
    try:
        return not text or date.fromisoformat(text) is not None
    except ValueError:
        return False


def read_bound(text: str, zone: tzinfo, later: timedelta = timedelta()) -> datetime | None:
    """Read a moment with its zone, or a day, which is when it begins in ``zone``, ``later``; None where there is none.

    Raises:
        ValueError: It is neither, or out of range.
    """
    if not text:
        return None
    return start_of_day(read_day(text) + later, zone) if is_day(text) else parse_moment(text)


def period_of(wanted: Wanted, now: datetime, zone: tzinfo) -> Period:
    """Read the period.

    Raises:
        ValueError: It can't be read, ends before it begins, has not begun or is too long; the text is for people.
    """
    today = now.astimezone(zone).date()
    match wanted.chosen:
        case "" if "T" in wanted.since + wanted.until:
            return _exactly(wanted, now, zone)
        case "":
            return _from_to(wanted, now, zone, today)
        case "today":
            begin = start_of_day(today, zone)
            return Period(
                begin,
                max(now, begin + timedelta(seconds=1)),
                zone,
                start_of_day(today - _DAY, zone),
                "yesterday by this time",
            )
        case "yesterday":
            begins = (start_of_day(today - days * _DAY, zone) for days in range(3))
            until, since, compared = begins
            return Period(since, until, zone, compared, "on the day before")
        case rolling if rolling in _ROLLING:
            length, than = _ROLLING[rolling]
            return Period(now - length, now, zone, now - 2 * length, than)
        case unknown:
            raise ValueError(f"“{unknown}”: unknown period (allowed: {', '.join(PERIODS)}, or since and until).")


def read_span(period: str, since: str, until: str, timezone: str, now: datetime, zone: tzinfo) -> Span:
    """Read when a message that is searched for last changed.

    Args:
        period: One of CHANGED, or empty.
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
    match period:
        case "":
            span = _between(since, until, zone)
        case "today":
            span = Span(start_of_day(now.astimezone(zone).date(), zone))
        case rolling if rolling in CHANGED:
            span = Span(now - _ROLLING[rolling][0])
        case unknown:
            raise ValueError(f"There is no period {unknown} (there are: {', '.join(CHANGED)}).")
    if span.since and span.until and span.until <= span.since:
        raise ValueError("The period ends before it begins.")
    return span


def tag_of(wanted: Wanted) -> str | None:
    """Read the tag by which is added up; None where none is chosen.

    Raises:
        ValueError: It is no tag; the text is for people.
    """
    if not wanted.by:
        return None
    try:
        by = read_by(wanted.by)
    except ValueError as error:
        raise ValueError(f"By: {error}.") from None
    return by.removeprefix(TAGS) if by.startswith(TAGS) else None


def _between(since: str, until: str, zone: tzinfo) -> Span:
    try:
        return Span(read_bound(since, zone), read_bound(until, zone, _DAY))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"The period can't be read: {error}.") from None


def _from_to(wanted: Wanted, now: datetime, zone: tzinfo, today: date) -> Period:
    begin = _day("From", wanted.since) if wanted.since else None
    last = _day("To", wanted.until) if wanted.until else max(today, begin or today)
    first = begin or max(last - 6 * _DAY, _FIRST)
    query = _ask(now, zone, start_of_day(first, zone), start_of_day(last + _DAY, zone))
    days = (last - first).days + 1
    goes_on = query.until == now
    before = "the day before" if days == 1 else f"the {days} days before"
    than = f"in the same part of {before}" if goes_on else f"{'on' if days == 1 else 'in'} {before}"
    return Period(query.since, query.until, zone, start_of_day(first - days * _DAY, zone), than)


def _exactly(wanted: Wanted, now: datetime, zone: tzinfo) -> Period:
    span = _between(wanted.since, wanted.until, zone)
    query = _ask(now, zone, span.since, span.until)
    length = query.until - query.since
    than = _ROLLING[LAST_DAY][1] if length == _DAY else "in as long a time before"
    return Period(query.since, query.until, zone, query.since - length, than)


def _ask(now: datetime, zone: tzinfo, since: datetime | None, until: datetime | None) -> ReportQuery:
    try:
        return ask(now, zone, since=since, until=until, by=None)
    except ValueError as error:
        raise ValueError(f"{upper_first(str(error))}.") from None


def _day(name: str, text: str) -> date:
    try:
        return read_day(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}.") from None
