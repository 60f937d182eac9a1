"""Quiet hours of a receiver, by the clocks of its time zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from bridge.domain.local_time import first_moment

if TYPE_CHECKING:
    from datetime import tzinfo

EVERY_DAY = frozenset(range(7))
"""Days as :meth:`datetime.date.weekday` counts them: Monday is 0."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Night:
    """A time of quiet, from ``since`` until before ``until``."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet from ``begin`` to ``end`` as clocks in ``zone`` show it, in nights that begin on one of ``days``.

    If ``end`` is not after ``begin``, it is on the next day. A time that clocks skip, when they are set forward,
    is the moment when they are set; one that they show twice counts the first time. ``exempt`` are the event
    types, or globs, that are sent anyway.
    """

    begin: time
    end: time
    zone: tzinfo = UTC
    days: frozenset[int] = EVERY_DAY
    exempt: tuple[str, ...] = ()

    def quiet_until(self, now: datetime) -> datetime | None:
        """Return when quiet hours end; None where there are none now."""
        night = self.night(now)
        return None if night is None else night.until

    def night(self, now: datetime) -> Night | None:
        """Return the time of quiet that it is now; None outside of one.

        Nights may touch: from 02:30 to 02:10, where clocks are set from 02:00 to 03:00.
        """
        found = self._night(now)
        while found is not None and (following := self._night(found.until)) is not None:
            found = Night(found.since, following.until)
        return found

    def _night(self, now: datetime) -> Night | None:
        today = now.astimezone(self.zone).date()
        # Tomorrow's too: clocks that are set back at midnight show the day before once more.
        for day in (today - _DAY, today, today + _DAY):
            night = self._night_of(day)
            if day.weekday() in self.days and night.since <= now < night.until:
                return night
        return None

    def _night_of(self, day: date) -> Night:
        last = day if self.begin < self.end else day + _DAY
        begins, ends = datetime.combine(day, self.begin), datetime.combine(last, self.end)
        return Night(first_moment(begins, self.zone), first_moment(ends, self.zone))
