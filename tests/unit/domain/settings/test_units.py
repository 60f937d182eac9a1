"""Durations and rates."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.settings.units import Rate, format_duration, parse_duration, parse_rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("5s", 5), ("2m", 120), ("1h", 3600), ("7d", 604800), ("0s", 0), ("1.5h", 5400), (" 5 s ", 5)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", ["", "5", 5, None, "s", "-5s", "5 weeks", "5s5m", "1e3s", "\u0665s", "999999999d", True]
)
def test_anything_else_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="allowed: a number and a unit"):
        parse_duration(value)


@given(milliseconds=st.integers(1, 10**11))
def test_a_duration_survives_being_written_and_read(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


def test_a_rate_is_so_many_in_a_time() -> None:
    assert parse_rate("20/s") == Rate(20, timedelta(seconds=1))
    assert parse_rate("300/m").per_second == 5
    assert str(parse_rate("300/m")) == "300/m"


@pytest.mark.parametrize("value", ["", "20", 20, "0/s", "-1/s", "20/ms", "20/week", "s/20", None])
def test_no_other_rate(value: object) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(value)
