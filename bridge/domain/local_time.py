"""Moments as people of one time zone write and read them. Pure.

What is stored, and what programs read, is UTC (:func:`bridge.domain.clock.isoformat`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from bridge.domain.settings.units import parse_duration, parse_moment

if TYPE_CHECKING:
    from datetime import tzinfo

_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_TODAY_AND_AFTER = tuple(map(timedelta, range(3)))
_TIMES = 'e.g. 2026-12-24, "2026-12-24 09:00", or 2026-12-24T09:00+05:30'


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Convert a moment to a zone; to UTC where it lies outside of the years 1 to 9999 there."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def zone_of(local: datetime) -> str:
    """Name the zone of a moment as it is called then: ``IST``, ``CEST``; ``UTC+05:45`` where it has no letters."""
    name = local.tzname() or ""
    if name[:1].isalpha():
        return name
    offset = local.utcoffset()
    return "UTC" if offset is None else str(timezone(offset))


def shown(moment: datetime, zone: tzinfo, timespec: str = "seconds") -> str:
    """Write a moment with its zone: ``2026-11-24 01:41:12 IST``.

    Args:
        moment: Aware.
        zone: That of who reads it.
        timespec: ``seconds`` or ``minutes``, as :meth:`datetime.datetime.isoformat` has it.
    """
    local = in_zone(moment, zone)
    return f"{local.replace(tzinfo=None).isoformat(' ', timespec)} {zone_of(local)}"


def first_moment(local: datetime, zone: tzinfo) -> datetime:
    """Return the first moment at which clocks in a zone show that time, or have skipped it.

    A time that clocks skip, when they are set forward, is the moment when they are set; one that they show twice counts
    the first time.

    Args:
        local: Without a zone.
        zone: Where.
    """
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _clocks_at(moment, zone) == local:
        return moment
    # In a gap, Python counts from the time before it, or after it: clocks are set between the two (PEP 495).
    first, last = round(local.replace(tzinfo=zone, fold=1).timestamp()), round(moment.timestamp())
    skipped = bisect_left(
        range(first, last), local, key=lambda second: _clocks_at(datetime.fromtimestamp(second, UTC), zone)
    )
    return datetime.fromtimestamp(first + skipped, UTC)


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the moment, in UTC, at which a day begins in a zone: where clocks skip midnight, when they are set."""
    return first_moment(datetime.combine(day, time()), zone)


def read_moment(text: str, zone: tzinfo) -> datetime:
    """Read a date or a time that a person wrote, as a moment in UTC.

    What names no zone is by the clocks of ``zone`` (see :func:`first_moment`), and a date alone is when that day begins
    there.

    Raises:
        ValueError: It is neither, or out of range; the text says what is allowed.
    """
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"not a date or time (allowed: {_TIMES})") from None
    if given.tzinfo is None:
        try:
            given = first_moment(given, zone)
        except OverflowError:  # the first or the last day of all dates
            given = given.replace(tzinfo=UTC)
    return parse_moment(given.isoformat())


def read_next(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Read what :func:`read_moment` reads, or a time of day: the next moment when clocks in ``zone`` show it.

    Raises:
        ValueError: It is neither, or out of range; the text says what is allowed.
    """
    if not _TIME_OF_DAY.fullmatch(text.strip()):
        try:
            return read_moment(text, zone)
        except ValueError as error:
            raise ValueError(str(error).replace("e.g. ", "e.g. 08:00, ")) from None
    hours, minutes = map(int, text.split(":"))
    today = in_zone(now, zone).date()
    moments = (first_moment(datetime.combine(today + day, time(hours, minutes)), zone) for day in _TODAY_AND_AFTER)
    return next(moment for moment in moments if moment > now)


def day_of(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Name the day of a moment in a zone: ``today``, ``tomorrow``; empty for others."""
    days = (in_zone(moment, zone).date() - in_zone(now, zone).date()).days
    return {0: "today", 1: "tomorrow"}.get(days, "")


def read_time(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Read an age (``36h``: so long before ``now``), or what :func:`read_moment` reads.

    Raises:
        ValueError: It is neither, or out of range; the text says what is allowed.
    """
    try:
        return now - parse_duration(text)
    except ValueError as error:
        if not text.strip()[:4].isdecimal():  # no year: whatever it is, it is no date
            raise ValueError(f"{error}, or a time: {_TIMES}") from None
    return read_moment(text, zone)


def _clocks_at(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
