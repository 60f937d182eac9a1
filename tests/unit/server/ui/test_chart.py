"""The chart: its bars stand within it, side by side, and no failure is too small to be seen."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.server.ui.activity_charts import scale
from bridge.server.ui.chart import Chart, Column, Words, draw

COUNTS = st.integers(0, 10**7) | st.integers(0, 3)
COLUMNS = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=100)
WORDS = Words("", ("Hour", "Sent", "Failed"), ("sent", "failed"), "")


def drawn(counts: list[tuple[int, int]]) -> Chart:
    columns = [Column(str(at), low, high, ("", ""), "") for at, (low, high) in enumerate(counts)]
    return draw(columns, WORDS, scale(max(map(sum, counts))), str)


@settings(max_examples=50)
@given(COLUMNS)
def test_bars_stand_within_it_side_by_side(counts: list[tuple[int, int]]) -> None:
    chart = drawn(counts)
    assert [(bar.column.low, bar.column.high) for bar in chart.bars] == counts
    for bar in chart.bars:
        assert 0 <= bar.left <= bar.x
        assert bar.x + bar.width <= bar.left + bar.room + 0.02 <= 100.1
        assert 0 <= bar.high_y <= bar.low_y + 0.02
        assert bar.low_y + bar.low_height == pytest.approx(chart.floor, abs=0.02)
        assert bar.high_y + bar.high_height == pytest.approx(bar.low_y, abs=0.02)
    assert all(a.x + a.width < b.x for a, b in pairwise(chart.bars))


@settings(max_examples=50)
@given(COLUMNS)
def test_what_is_not_nothing_is_seen_and_what_is_nothing_is_not(counts: list[tuple[int, int]]) -> None:
    for bar in drawn(counts).bars:
        assert (bar.high_height >= 2) == (bar.column.high > 0)
        assert (bar.low_height >= 2) == (bar.column.low > 0)


@given(st.integers(0, 10**12))
def test_the_scale_ends_at_a_round_number_not_far_above(most: int) -> None:
    top = scale(most)
    assert most <= top
    assert top <= max(2, 2 * most)
    assert str(top).rstrip("0") in {"1", "2", "4", "6", "8"}
    assert top % 2 == 0
