"""Quiet hours: over midnight, by weekday, and where clocks are set forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.quiet_hours import EVERY_DAY, QuietHours

BERLIN = ZoneInfo("Europe/Berlin")  # clocks go from 02:00 to 03:00 on 2026-03-29, from 03:00 to 02:00 on 2026-10-25
KOLKATA = ZoneInfo("Asia/Kolkata")

_ZONES = st.timezone_keys(allow_prefix=False).map(ZoneInfo)
_MOMENTS = st.datetimes(datetime(1970, 1, 3), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds
_TIMES = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0, fold=0))


def quiet(begin: str, end: str, zone: ZoneInfo = BERLIN, days: frozenset[int] = EVERY_DAY) -> QuietHours:
    return QuietHours(time.fromisoformat(begin), time.fromisoformat(end), zone, days)


def at(local: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    # In UTC: a time that a clock shows twice equals no time of another zone (PEP 495).
    return datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@given(_ZONES, _MOMENTS, _TIMES, _TIMES, st.frozensets(st.sampled_from(sorted(EVERY_DAY)), min_size=1))
def test_quiet_until_is_the_first_moment_that_is_not_quiet(
    zone: ZoneInfo, now: datetime, begin: time, end: time, days: frozenset[int]
) -> None:
    if begin == end:
        return
    hours = QuietHours(begin, end, zone, days)
    night = hours.night(now)
    if night is None:
        return
    assert night.since <= now < night.until
    assert hours.quiet_until(night.since) == night.until
    assert hours.quiet_until(night.until - timedelta(microseconds=1)) == night.until
    assert hours.quiet_until(night.until) is None


@pytest.mark.slow
@given(_ZONES, _MOMENTS, _TIMES, _TIMES)
def test_quiet_time_of_a_week_is_what_the_clock_says(zone: ZoneInfo, start: datetime, begin: time, end: time) -> None:
    """It differs only by what clocks are set, and by the night in which the week begins or ends."""
    if begin == end:
        return
    hours, until = QuietHours(begin, end, zone), start + timedelta(days=7)
    length = (datetime.combine(start, end) - datetime.combine(start, begin)) % timedelta(days=1)
    total, now = timedelta(0), start
    while now < until:
        night = hours.night(now)
        total += timedelta(0) if night is None else min(night.until, until) - now
        now = now + timedelta(minutes=7) if night is None else night.until
    assert abs(total - 7 * length) <= length + timedelta(hours=26) + 7 * timedelta(minutes=7)


@given(_ZONES, _MOMENTS, _TIMES, _TIMES)
def test_quiet_is_what_the_clock_shows_where_it_is_not_set(
    zone: ZoneInfo, now: datetime, begin: time, end: time
) -> None:
    day = timedelta(days=1)
    steady = {(now + step).astimezone(zone).utcoffset() for step in (-2 * day, -day, 0 * day, day, 2 * day)}
    if begin == end or len(steady) > 1:
        return
    shown = now.astimezone(zone).time()
    expected = begin <= shown < end if begin < end else shown >= begin or shown < end
    assert (QuietHours(begin, end, zone).quiet_until(now) is not None) == expected


def test_night_lasts_over_midnight() -> None:
    hours = quiet("22:00", "08:00", KOLKATA)
    assert hours.quiet_until(at("2026-11-23T21:59", KOLKATA)) is None
    assert hours.quiet_until(at("2026-11-23T22:00", KOLKATA)) == at("2026-11-24T08:00", KOLKATA)
    assert hours.quiet_until(at("2026-11-24T07:59", KOLKATA)) == at("2026-11-24T08:00", KOLKATA)
    assert hours.quiet_until(at("2026-11-24T08:00", KOLKATA)) is None


def test_night_belongs_to_the_day_on_which_it_begins() -> None:
    """Monday to Friday: the night from Friday to Saturday is one, that from Sunday to Monday is none."""
    hours = quiet("22:00", "08:00", days=frozenset(range(5)))
    assert hours.quiet_until(at("2026-11-28T03:00")) == at("2026-11-28T08:00")  # a Saturday
    assert hours.quiet_until(at("2026-11-28T23:00")) is None
    assert hours.quiet_until(at("2026-11-30T03:00")) is None  # a Monday
    assert hours.quiet_until(at("2026-11-30T23:00")) == at("2026-12-01T08:00")


@pytest.mark.parametrize(
    ("evening", "morning", "hours"),
    [("2026-03-28T22:00", "2026-03-29T08:00", 9), ("2026-10-24T22:00", "2026-10-25T08:00", 11)],
)
def test_night_is_shorter_or_longer_where_clocks_are_set(evening: str, morning: str, hours: int) -> None:
    night = quiet("22:00", "08:00").night(at(evening))
    assert night is not None
    assert (night.since, night.until) == (at(evening), at(morning))
    assert night.until - night.since == timedelta(hours=hours)


def test_skipped_time_comes_when_the_clock_is_set_forward() -> None:
    hours, set_at = quiet("22:00", "02:30"), datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert hours.quiet_until(at("2026-03-29T01:59")) == set_at
    assert hours.quiet_until(set_at) is None
    begins = quiet("02:30", "08:00")
    assert begins.quiet_until(at("2026-03-29T01:59")) is None
    assert begins.quiet_until(set_at) == at("2026-03-29T08:00")


def test_hours_that_are_skipped_as_a_whole_are_not_quiet() -> None:
    hours, set_at = quiet("02:10", "02:50"), datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert hours.quiet_until(set_at) is None
    assert hours.quiet_until(set_at - timedelta(seconds=1)) is None


def test_nights_that_touch_in_a_skipped_hour_are_one() -> None:
    night = quiet("02:30", "02:10").night(at("2026-03-28T20:00"))
    assert night is not None
    assert (night.since, night.until) == (at("2026-03-28T02:30"), at("2026-03-30T02:10"))


def test_repeated_time_counts_the_first_time() -> None:
    """The receiver is not released twice: what the clock shows for the second time, after the end, is not quiet."""
    hours = quiet("22:00", "02:30")
    assert hours.quiet_until(at("2026-10-25T02:10")) == at("2026-10-25T02:30")
    assert hours.quiet_until(at("2026-10-25T02:10", fold=1)) is None
    begins = quiet("02:30", "08:00")
    assert begins.quiet_until(at("2026-10-25T02:10")) is None
    assert begins.quiet_until(at("2026-10-25T02:10", fold=1)) == at("2026-10-25T08:00")


def test_midnight_that_comes_twice_begins_the_night_once() -> None:
    """In St. John's, clocks were set back at 00:01: it was the evening before once more."""
    zone = ZoneInfo("America/St_Johns")
    hours, midnight = quiet("00:00", "08:00", zone), at("2006-10-29T00:00", zone)
    assert hours.quiet_until(midnight) == at("2006-10-29T08:00", zone)
    assert hours.quiet_until(at("2006-10-28T23:30", zone, fold=1)) == at("2006-10-29T08:00", zone)


def test_day_that_there_was_not_has_no_night() -> None:
    """Samoa skipped 2011-12-30."""
    zone = ZoneInfo("Pacific/Apia")
    hours = quiet("22:00", "08:00", zone)
    assert hours.quiet_until(at("2011-12-29T23:00", zone)) == at("2011-12-31T08:00", zone)
