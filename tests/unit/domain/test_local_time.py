"""Moments as people of a time zone write and read them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.local_time import day_of, first_moment, read_moment, read_next, read_time, shown, start_of_day
from tests.world.clock import START

BERLIN = ZoneInfo("Europe/Berlin")  # clocks go from 02:00 to 03:00 on 2026-03-29, from 03:00 to 02:00 on 2026-10-25
KOLKATA = ZoneInfo("Asia/Kolkata")  # +05:30
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # +05:45, without a name of letters
BEIRUT = ZoneInfo("Asia/Beirut")  # clocks go from 00:00 to 01:00 on 2026-03-29
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # clocks go from 02:00 to 02:30 on 2026-10-04

_ZONES = st.timezone_keys(allow_prefix=False).map(ZoneInfo)
_MOMENTS = st.datetimes(datetime(1970, 1, 3), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (UTC, "2026-11-23 20:11:12 UTC"),
        (BERLIN, "2026-11-23 21:11:12 CET"),
        (KOLKATA, "2026-11-24 01:41:12 IST"),
        (KATHMANDU, "2026-11-24 01:56:12 UTC+05:45"),
        (ZoneInfo("America/Sao_Paulo"), "2026-11-23 17:11:12 UTC-03:00"),
    ],
)
def test_moments_are_shown_with_the_zone_s_name(zone: ZoneInfo, text: str) -> None:
    assert shown(START, zone) == text
    assert shown(START, zone, "minutes") == text.replace(":12 ", " ")


def test_hour_that_clocks_show_twice_is_told_apart() -> None:
    moment = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert shown(moment, BERLIN) == "2026-10-25 02:30:00 CEST"
    assert shown(moment + timedelta(hours=1), BERLIN) == "2026-10-25 02:30:00 CET"


def test_moments_at_the_ends_of_time_are_shown() -> None:
    assert shown(datetime.max.replace(tzinfo=UTC), KATHMANDU) == "9999-12-31 23:59:59 UTC"
    assert shown(datetime.min.replace(tzinfo=UTC), ZoneInfo("America/Lima")) == "0001-01-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11-01", KOLKATA, "2026-10-31T18:30Z"),
        (" 2026-11-01 18:00 ", KOLKATA, "2026-11-01T12:30Z"),
        ("2026-11-01T18:00", KATHMANDU, "2026-11-01T12:15Z"),
        ("2026-11-01T18:00+05:30", BERLIN, "2026-11-01T12:30Z"),
        ("2026-11-01 18:00Z", BERLIN, "2026-11-01T18:00Z"),
        ("2026-03-29", BERLIN, "2026-03-28T23:00Z"),
        ("2026-10-26", BERLIN, "2026-10-25T23:00Z"),
        # Clocks are set forward: what they skip is when they are set.
        ("2026-03-29 01:59", BERLIN, "2026-03-29T00:59Z"),
        ("2026-03-29 02:00", BERLIN, "2026-03-29T01:00Z"),
        ("2026-03-29 02:30", BERLIN, "2026-03-29T01:00Z"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29T01:00Z"),
        ("2026-03-29", BEIRUT, "2026-03-28T22:00Z"),
        ("2026-10-04 02:15", LORD_HOWE, "2026-10-03T15:30Z"),
        # Clocks are set back: what they show twice is the first.
        ("2026-10-25 02:30", BERLIN, "2026-10-25T00:30Z"),
        ("2026-10-25 02:30+01:00", BERLIN, "2026-10-25T01:30Z"),
        ("2026-10-25 03:00", BERLIN, "2026-10-25T02:00Z"),
        ("2026-04-05 01:45", LORD_HOWE, "2026-04-04T14:45Z"),
    ],
)
def test_dates_and_times_are_read_by_the_clocks_of_the_zone(text: str, zone: ZoneInfo, moment: str) -> None:
    assert read_moment(text, zone) == read_time(text, zone, START) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow", "not a date or time (allowed: e.g. 2026-12-24"),
        ("2026-02-30", "not a date or time"),
        ("2026-11-01 25:00", "not a date or time"),
        ("0001-01-01", "a moment out of range (allowed: the years 1970 to 2199)"),
        ("9999-12-31T23:59", "a moment out of range"),
        ("2200-01-02", "a moment out of range"),
    ],
)
def test_what_is_no_date_or_time_is_told_in_words(text: str, words: str) -> None:
    for zone in (UTC, KATHMANDU, ZoneInfo("America/Lima")):
        with pytest.raises(ValueError, match="^" + re.escape(words)):
            read_moment(text, zone)


def test_ages_count_from_now() -> None:
    assert read_time("36h", KOLKATA, START) == START - timedelta(hours=36)
    with pytest.raises(ValueError, match=r"^not a duration \(allowed: .*\), or a time: e\.g\. 2026-12-24"):
        read_time("yesterday", KOLKATA, START)
    with pytest.raises(ValueError, match="not a date or time"):
        read_time("2026-13-01", KOLKATA, START)


@given(_ZONES, _MOMENTS)
def test_moments_survive_being_shown_and_read(zone: ZoneInfo, moment: datetime) -> None:
    """Those that clocks show twice are read as the first."""
    local = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    read = first_moment(local, zone)
    assert read <= moment
    assert read.astimezone(zone).replace(tzinfo=None, fold=0) == local


@given(_ZONES, _MOMENTS)
def test_day_begins_with_its_first_moment(zone: ZoneInfo, moment: datetime) -> None:
    day = moment.astimezone(zone).date()
    begin = start_of_day(day, zone)
    assert begin <= moment
    assert begin.astimezone(zone).date() == day
    before = (begin - timedelta(microseconds=1)).astimezone(zone).date()
    assert before < day


def test_day_that_a_zone_skipped_is_the_moment_of_the_change() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert start_of_day(date(2011, 12, 30), apia) == start_of_day(date(2011, 12, 31), apia)


@pytest.mark.parametrize(
    ("text", "now", "moment", "day"),
    [
        ("08:00", "2026-11-29T02:29Z", "2026-11-29T02:30Z", "today"),
        ("8:00", "2026-11-29T02:30Z", "2026-11-30T02:30Z", "tomorrow"),
        (" 23:59 ", "2026-11-29T18:31Z", "2026-11-30T18:29Z", "today"),
        ("00:00", "2026-11-29T18:31Z", "2026-11-30T18:30Z", "tomorrow"),
        ("2026-12-01 08:00", "2026-11-29T02:29Z", "2026-12-01T02:30Z", ""),
    ],
)
def test_time_of_day_is_the_next_moment_when_clocks_show_it(text: str, now: str, moment: str, day: str) -> None:
    at = datetime.fromisoformat(now)
    found = read_next(text, KOLKATA, at)
    assert found == datetime.fromisoformat(moment)
    assert day_of(found, KOLKATA, at) == day


def test_time_of_day_that_clocks_skip_is_when_they_are_set() -> None:
    night = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert read_next("02:30", BERLIN, night) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["24:00", "8", "8:0", "tomorrow", "08:00:61", ""])
def test_what_is_no_time_of_day_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a date or time \(allowed: e\.g\. 08:00, 2026-12-24, "):
        read_next(text, KOLKATA, START)
