"""Calls become fewer when the API has too much to do, and as many as before when it has not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.aimd import CUT, HOLDS, LEAST, RECOVERS_IN, Allowance, Sign, after
from bridge.transport.rate_limiter import RateLimiter
from tests.unit.transport.test_rate_limiter import times
from tests.world.clock import FakeClock


def fold(signs: str, every: float = 0.1, allowance: Allowance | None = None, start: float = 0) -> Allowance:
    """Fold calls: ``.`` went well, ``x`` failed, ``4`` asked for fewer; one after each ``every`` seconds."""
    kinds = {".": Sign.WELL, "x": Sign.FAILED, "4": Sign.TOO_MANY}
    allowance = allowance or Allowance()
    for number, sign in enumerate(signs):
        allowance = after(allowance, kinds[sign], start + number * every)
    return allowance


def test_all_of_the_rate_is_used_while_calls_go_well() -> None:
    assert fold("." * 100) == Allowance()


def test_each_429_halves_it_and_those_of_calls_made_before_say_nothing_new() -> None:
    assert fold("4").share == CUT
    assert fold("4444444").share == CUT, "they come within the second after the first"
    assert fold("44", every=HOLDS).share == CUT * CUT


def test_it_is_never_nothing() -> None:
    assert fold("4" * 20, every=HOLDS).share == LEAST


def test_a_few_failures_are_no_matter_of_the_rate_and_half_of_all_are() -> None:
    assert fold("...x....x...x" * 20).share == 1.0
    assert fold("x" * 7).share < 1.0
    assert fold("x." * 10 + "xxx" * 5).share < 1.0


@pytest.mark.parametrize("rate", [1, 20, 1000])
def test_it_recovers_within_a_minute_of_calls_that_go_well(rate: int) -> None:
    low = fold("4" * 20, every=HOLDS)
    assert fold("." * int(RECOVERS_IN * rate), 1 / rate, low, start=20).share == 1.0
    assert fold("." * int(RECOVERS_IN * rate / 2), 1 / rate, low, start=20).share == pytest.approx(0.54, abs=0.04)


def test_time_without_calls_does_not_count_as_calls_that_went_well() -> None:
    low = fold("4" * 20, every=HOLDS)
    assert after(low, Sign.WELL, 10_000).share == pytest.approx(LEAST + 1 / RECOVERS_IN)


@given(st.lists(st.tuples(st.sampled_from(Sign), st.floats(0, 100)), max_size=200))
def test_whatever_comes_it_stays_within_its_bounds(calls: list[tuple[Sign, float]]) -> None:
    allowance, now = Allowance(), 0.0
    for sign, wait in calls:
        now += wait
        before, allowance = allowance, after(allowance, sign, now)
        assert LEAST <= allowance.share <= 1
        assert 0 <= allowance.failing <= 1
        assert (allowance.share <= before.share) if sign is not Sign.WELL else (allowance.share >= before.share)


def test_the_pace_follows_and_says_so() -> None:
    clock, said = FakeClock(), list[float]()
    pace = RateLimiter(10, clock, changed=said.append)
    pace.follow(Sign.WELL)
    pace.follow(Sign.TOO_MANY)
    assert times(pace, clock, 3) == pytest.approx([0, 0.2, 0.4])
    assert said == [CUT]
