"""What comes back over HTTP, and ``Retry-After`` in its forms (RFC 9110, 10.2.3)."""

from __future__ import annotations

import email.utils
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.domain.http_answers import http_words, retry_after
from tests.world.clock import START

NOTHING = timedelta(0)


def read(value: str) -> timedelta | None:
    return retry_after({"retry-after": value}, START)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), (" 5 ", 5), ("007", 7), ("99999999999999999999", 10**9), ("0" * 12 + "7", 0)],
)
def test_a_number_is_read_as_seconds(value: str, seconds: int) -> None:
    assert read(value) == timedelta(seconds=seconds)


def test_a_date_is_read_as_the_wait_until_then() -> None:
    assert read(email.utils.format_datetime(START.replace(microsecond=0) + timedelta(minutes=5), usegmt=True)) == (
        timedelta(minutes=5) - timedelta(microseconds=START.microsecond)
    )


def test_a_date_with_another_zone_or_with_none_is_read_too() -> None:
    assert read("Mon, 23 Nov 2026 21:12:12 +0100") == read("Mon, 23 Nov 2026 20:12:12 GMT")
    assert read("Mon, 23 Nov 2026 20:12:12 -0000") == read("Mon, 23 Nov 2026 20:12:12 GMT")


def test_a_date_in_the_past_is_no_wait() -> None:
    assert read("Mon, 23 Nov 2026 20:11:11 GMT") == NOTHING
    assert read("Thu, 01 Jan 0001 00:00:00 GMT") == NOTHING


@pytest.mark.parametrize(
    "value",
    ["", " ", "soon", "-1", "+5", "1.5", "1e3", "٣", "²", "5;6", "5, 6", "Mon, 99 Nov 2026 20:12:12 GMT", "12:00"],
)
def test_what_is_neither_is_no_wish(value: str) -> None:
    assert read(value) is None


def test_a_missing_header_is_no_wish() -> None:
    assert retry_after({}, START) is None


@pytest.mark.parametrize(
    "value", ["Mon, 01 Jan 99999999999999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +99999999999999999"]
)
def test_a_date_beyond_all_dates_is_no_wish(value: str) -> None:
    assert read(value) is None


_ALMOST_DATES = st.from_regex(
    r"((Mon|xyz), )?[0-9]{1,3}[ -](Jan|Nov|foo)[ -][0-9]{1,20} [0-9]{1,4}(:[0-9]{1,4}){0,3} ([+-][0-9]{1,20}|GMT|EST)?",
    fullmatch=True,
)


@given(st.text() | st.from_regex(r"[0-9 ,.:+-]{0,40}", fullmatch=True) | _ALMOST_DATES)
@example("Fri, 31 Dec 9999 23:59:59 -2300")
@example("Mon, 01 Jan 0001 00:00:00 +2300")
def test_no_value_whatsoever_raises_or_is_a_wait_into_the_past(value: str) -> None:
    wait = read(value)
    assert wait is None or wait >= NOTHING


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001 -- it is given one below
def test_every_date_as_servers_write_it_is_read(moment: datetime) -> None:
    aware = moment.replace(microsecond=0, tzinfo=START.tzinfo)
    assert read(email.utils.format_datetime(aware, usegmt=True)) == max(aware - START, NOTHING)


@pytest.mark.parametrize(("status", "words"), [(404, "HTTP 404 Not Found"), (522, "HTTP 522"), (999, "HTTP 999")])
def test_a_status_is_named_where_it_has_a_name(status: int, words: str) -> None:
    assert http_words(status) == words
