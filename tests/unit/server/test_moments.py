"""The moments of requests: whatever fits the API's description is taken."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.settings.units import parse_moment
from bridge.server.api.schemas.fields import _GIVEN

PATTERN = re.compile(str(_GIVEN["pattern"]))
days = st.datetimes(datetime(1971, 1, 1), datetime(2198, 12, 31, 23, 59, 59))  # noqa: DTZ001 -- the zone comes beside
zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-13 * 60, 14 * 60))


@given(st.from_regex(PATTERN, fullmatch=True))
def test_moment_that_fits_the_description_is_taken(text: str) -> None:
    assert parse_moment(text).tzinfo is UTC


@given(days, zones)
def test_every_real_moment_fits_the_description(day: datetime, zone: timezone) -> None:
    """Leap days and Kiribati's zone among them."""
    assert PATTERN.fullmatch(day.replace(tzinfo=zone).isoformat())


def test_leap_days_are_known() -> None:
    for year in range(1971, 2199):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        assert bool(PATTERN.fullmatch(f"{year}-02-29T09:00:00Z")) == leap, year
    assert PATTERN.fullmatch("2026-12-24T09:00:00+14:00")
    assert not PATTERN.fullmatch("2026-02-30T09:00:00Z")
