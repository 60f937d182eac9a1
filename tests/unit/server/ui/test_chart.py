"""The chart: its bars stand within it, side by side, and no failure is too small to be seen."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.server.ui.chart import draw, first_hour, scale
from bridge.store.search import Hour
from tests.world.clock import START

FIRST = first_hour(START)
COUNTS = st.integers(0, 10**7) | st.integers(0, 3)
HOURS = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=26).map(
    lambda counts: [Hour(FIRST + timedelta(hours=at), *each, expired=0) for at, each in enumerate(counts)]
)


def test_it_begins_with_the_hour_that_lets_the_present_one_be_the_24th() -> None:
    assert FIRST.minute == FIRST.second == FIRST.microsecond == 0
    assert timedelta(hours=23) <= START - FIRST < timedelta(hours=24)


@settings(max_examples=50)
@given(HOURS)
def test_bars_stand_within_it_side_by_side(hours: list[Hour]) -> None:
    chart = draw(hours)
    assert [(bar.hour, bar.sent, bar.failed) for bar in chart.bars] == [(h.at, h.sent, h.failed) for h in hours]
    for bar in chart.bars:
        assert 0 <= bar.left <= bar.x
        assert bar.x + bar.width <= bar.left + bar.room + 0.02 <= 100.1
        assert 0 <= bar.failed_y <= bar.sent_y + 0.02
        assert bar.sent_y + bar.sent_height == pytest.approx(chart.floor, abs=0.02)
        assert bar.failed_y + bar.failed_height == pytest.approx(bar.sent_y, abs=0.02)
    assert all(a.x + a.width < b.x for a, b in pairwise(chart.bars))


@settings(max_examples=50)
@given(HOURS)
def test_what_is_not_nothing_is_seen_and_what_is_nothing_is_not(hours: list[Hour]) -> None:
    for bar in draw(hours).bars:
        assert (bar.failed_height >= 2) == (bar.failed > 0)
        assert (bar.sent_height >= 2) == (bar.sent > 0)


@given(st.integers(0, 10**12))
def test_the_scale_ends_at_a_round_number_not_far_above(most: int) -> None:
    top = scale(most)
    assert most <= top
    assert top <= max(2, 2.5 * most)
    assert str(top).rstrip("0") in {"1", "2", "4"}
    assert top % 2 == 0


def test_words_tell_what_the_drawing_shows() -> None:
    calm, storm = Hour(FIRST, 1200, 1, expired=9), Hour(FIRST + timedelta(hours=1), 40, 12, expired=0)
    assert "1,240 messages were sent and 13 failed" in draw([calm, storm]).says
    assert f"in the hour from {storm.at:%H:%M} UTC: 12." in draw([calm, storm]).says
    assert draw([Hour(FIRST, 0, 0, expired=3)]).says == "In the last 24 hours no message was sent or failed."
    assert "Most" not in draw([Hour(FIRST, 5, 0, expired=0)]).says
