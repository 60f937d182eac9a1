"""Calls are kept under a rate, whichever threads make them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.clock import SystemClock
from bridge.transport.rate_limiter import EARLY, RateLimiter
from tests.world.clock import FakeClock


def times(pace: RateLimiter, clock: FakeClock, calls: int) -> list[float]:
    made = []
    for _ in range(calls):
        delay = pace.delay()
        assert delay is not None
        clock.advance(delay)
        made.append(clock.monotonic())
    return made


def test_calls_are_spaced_evenly() -> None:
    clock = FakeClock()
    assert times(RateLimiter(20, clock), clock, 4) == pytest.approx([0, 0.05, 0.1, 0.15])


def test_without_a_limit_nobody_waits() -> None:
    clock = FakeClock()
    assert times(RateLimiter(None, clock), clock, 1000) == [0] * 1000


def test_time_that_passed_unused_is_not_saved_up() -> None:
    clock = FakeClock()
    pace = RateLimiter(1, clock)
    times(pace, clock, 1)
    clock.advance(3600)
    assert times(pace, clock, 3) == pytest.approx([3600, 3601, 3602])


def test_a_pause_holds_for_the_next_call_and_those_after_it() -> None:
    clock = FakeClock()
    pace = RateLimiter(10, clock)
    pace.pause(60)
    assert times(pace, clock, 3) == pytest.approx([60, 60.1, 60.2])


def test_a_pause_holds_where_there_is_no_limit() -> None:
    clock = FakeClock()
    pace = RateLimiter(None, clock)
    pace.pause(60)
    assert times(pace, clock, 2) == [60, 60]


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = FakeClock()
    pace = RateLimiter(None, clock)
    pace.pause(60)
    pace.pause(1)
    pace.pause(-5)
    assert times(pace, clock, 1) == [60]


def test_nobody_calls_while_no_part_of_the_rate_is_this_process_s() -> None:
    clock, share = FakeClock(), [0.0]
    pace = RateLimiter(1, clock, lambda: share[0])
    assert (pace.open(), pace.delay()) == (False, None)
    share[0] = 0.5
    assert pace.open()
    assert times(pace, clock, 3) == [0, 2, 4]


def test_many_threads_together_keep_the_rate() -> None:
    clock = SystemClock()
    pace, made = RateLimiter(500, clock), []

    def call(_: int) -> None:
        delay = pace.delay()
        assert delay is not None
        time.sleep(delay)
        made.append(clock.monotonic())

    started = clock.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(60)))
    # No call is earlier than that; how late it is depends on the machine.
    assert all(at - started >= number / 500 - EARLY for number, at in enumerate(sorted(made)))


@given(
    rate=st.floats(0.01, 1 / EARLY),
    steps=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100) | st.none()), min_size=1, max_size=30),
)
def test_no_two_calls_are_closer_than_the_rate_allows_nor_within_a_pause(
    rate: float, steps: list[tuple[float, float | None]]
) -> None:
    clock = FakeClock()
    pace, paused_until, made = RateLimiter(rate, clock), 0.0, [float("-inf")]
    for idle, pause in steps:
        clock.advance(idle)
        if pause is not None:
            pace.pause(pause)
            paused_until = max(paused_until, clock.monotonic() + pause)
        made += times(pace, clock, 1)
        assert made[-1] >= paused_until - 1e-4
        assert made[-1] - made[-2] >= 1 / rate - 1e-4


@given(
    rate=st.floats(1 / EARLY, 10_000, exclude_min=True),
    idle=st.lists(st.just(0.0) | st.floats(0, 0.1), min_size=1, max_size=200),
)
def test_fast_calls_may_be_early_and_are_no_more_in_any_time_than_the_rate_and_that_allow(
    rate: float, idle: list[float]
) -> None:
    clock = FakeClock()
    pace, made = RateLimiter(rate, clock), []
    for seconds in idle:
        clock.advance(seconds)
        made += times(pace, clock, 1)
    for first, start in enumerate(made):
        for count, end in enumerate(made[first:]):
            assert count <= (end - start + EARLY + 1e-5) * rate
