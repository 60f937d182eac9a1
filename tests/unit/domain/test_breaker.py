"""A receiver's circuit breaker, rule by rule. Time and chance are given."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.breaker import (
    LONGEST_PROBE_WAIT,
    OPENS_AFTER,
    PAUSES_FOR,
    REFUSALS,
    SHORTEST_PROBE_WAIT,
    Change,
    CircuitBreaker,
    State,
    announced,
    asked_to_wait,
    failed,
    paused_with_another,
    refused,
    succeeded,
)
from tests.world.clock import START

SETTLE = timedelta(seconds=30)
CLOSED = CircuitBreaker("crm")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fail(
    breaker: CircuitBreaker, at: float, *, took: float = 0, probe: bool = False, jitter: float = 0
) -> CircuitBreaker:
    began = after(at - took)
    return failed(breaker, "HTTP 503", began=began, now=after(at), jitter=lambda: jitter, probe=probe)


def refuse(breaker: CircuitBreaker, *ids: int, at: float = 0, probe: bool = False) -> CircuitBreaker:
    return refused(breaker, ids, "HTTP 422", began=after(at), now=after(at), jitter=float, probe=probe)


def opened(at: float = 0) -> CircuitBreaker:
    breaker = CLOSED
    for _ in range(OPENS_AFTER):
        breaker = fail(breaker, at)
    return breaker


def test_breaker_opens_at_the_third_failure_in_a_row() -> None:
    breaker, states = CLOSED, []
    for second in range(4):
        breaker = fail(breaker, second)
        states.append(breaker.is_open)
    assert states == [False, False, True, True]
    assert (breaker.failures, breaker.failing_since) == (4, START)


def test_success_between_failures_keeps_it_closed() -> None:
    breaker = CLOSED
    for second in range(20):
        breaker = succeeded(breaker, after(second), 4) if second % OPENS_AFTER == 2 else fail(breaker, second)
        assert not breaker.is_open
    assert breaker == fail(fail(CLOSED, 18), 19)


def test_state_is_half_open_when_a_probe_is_due() -> None:
    breaker = opened()
    assert CLOSED.state(START) is State.CLOSED
    assert breaker.state(after(0.9)) is State.OPEN
    assert breaker.state(after(1)) is State.HALF_OPEN
    assert [breaker.admits(after(second), 0, 9) for second in (0.9, 1)] == [0, 1]
    assert breaker.admits(after(1), 1, 9) == 0, "one probe at a time"


@given(failing_for=st.floats(0, 10**7), took=st.floats(0, 300), jitter=st.floats(0, 1))
def test_probe_waits_a_quarter_of_the_outage_within_bounds(failing_for: float, took: float, jitter: float) -> None:
    """Jitter only shortens the wait, and a probe that hung for its whole time-out does not lengthen it."""
    breaker = fail(opened(), failing_for + took, took=took, probe=True, jitter=jitter)
    assert breaker.probe_at is not None
    wait = breaker.probe_at - after(failing_for + took)
    bound = min(max(timedelta(seconds=failing_for / 4), SHORTEST_PROBE_WAIT), LONGEST_PROBE_WAIT)
    slack = timedelta(milliseconds=1)
    assert SHORTEST_PROBE_WAIT <= wait <= bound + slack
    assert wait >= bound * 0.9 - slack


def test_attempts_in_flight_when_it_opened_do_not_put_off_the_probe() -> None:
    breaker = opened()
    later = fail(breaker, 0.5)
    assert (later.probe_at, later.failures) == (breaker.probe_at, OPENS_AFTER + 1)


def test_suspect_receiver_is_probed_within_five_seconds() -> None:
    """One event's schedule may be far ahead; whether the receiver is back must not hang on it."""
    breaker = fail(CLOSED, 0)
    assert [breaker.wants_probe(after(second), 0) for second in (4.9, 5)] == [False, True]
    assert not breaker.wants_probe(after(5), 1)
    assert not CLOSED.wants_probe(after(5), 0)


def test_success_closes_and_ramps_up_to_concurrency() -> None:
    breaker, allowed = opened(), []
    for second in range(5):
        breaker = succeeded(breaker, after(second), 8)
        allowed.append(breaker.admits(after(second), 0, 16))
    assert allowed == [1, 2, 4, 16, 16]
    assert breaker == CLOSED
    assert succeeded(opened(), START, 1) == CLOSED


def test_calls_in_flight_count_while_it_ramps_up() -> None:
    breaker = succeeded(succeeded(opened(), START, 8), START, 8)
    assert [breaker.admits(START, in_flight, 16) for in_flight in (0, 1, 2, 5)] == [2, 1, 0, 0]


def test_one_event_refused_neither_opens_nor_closes_it() -> None:
    breaker = CLOSED
    for _ in range(40):
        breaker = refuse(breaker, 7)
    assert (breaker.is_open, breaker.failures, breaker.refused) == (False, 0, (7,))
    still_open = refuse(opened(), 7, at=1, probe=True)
    assert still_open.is_open
    assert still_open.reason == "HTTP 503"
    assert still_open.admits(after(1), 0, 9) == 1, "the next probe, with another event, is due at once"


def test_five_different_events_refused_in_a_row_open_it() -> None:
    breaker = CLOSED
    for id_ in range(REFUSALS - 1):
        breaker = refuse(refuse(breaker, id_), id_)
        assert not breaker.is_open
    breaker = refuse(breaker, 99, at=3)
    assert (breaker.is_open, breaker.failing_since) == (True, after(3))
    later = refuse(breaker, 1, at=60, probe=True)
    assert later.failures == breaker.failures + 1, "each counts from then on"
    assert later.probe_at is not None
    assert later.probe_at > after(60)


def test_five_refused_with_one_taken_between_open_nothing() -> None:
    breaker = refuse(CLOSED, 1, 2, 3, 4)
    breaker = refuse(succeeded(breaker, START, 4), 5, 6, 7, 8)
    assert not breaker.is_open


def wait_asked(breaker: CircuitBreaker, at: float, seconds: float) -> CircuitBreaker:
    return asked_to_wait(breaker, "HTTP 429", after(at + seconds), now=after(at), jitter=float)


def test_pause_holds_everything_and_the_longest_one_counts() -> None:
    breaker = wait_asked(wait_asked(CLOSED, 0, 3600), 1, 1)
    assert [breaker.admits(after(second), 0, 9) for second in (3599, 3600)] == [0, 9]
    assert not breaker.is_open
    kept = succeeded(breaker, after(5), 4)
    assert kept.admits(after(3599), 0, 9) == 0, "what was in flight does not shorten it"
    assert succeeded(breaker, after(3600), 4) == CLOSED


def test_pauses_open_it_after_a_quarter_of_an_hour() -> None:
    breaker, second = CLOSED, 0
    while not breaker.is_open:
        breaker = wait_asked(breaker, second, 1)
        second += 1
    assert after(second - 1) - START == PAUSES_FOR
    assert breaker.failures, "it is shown as failing"
    assert breaker.probe_at == after(second - 1) + LONGEST_PROBE_WAIT
    longer = wait_asked(breaker, second, 3600)
    assert longer.probe_at == after(second + 3600), "a probe waits as long as the receiver asks"


def test_receiver_that_takes_something_between_pauses_is_not_down() -> None:
    breaker = CLOSED
    for minute in range(200):
        breaker = wait_asked(breaker, minute * 600, 600)
        assert not breaker.is_open
        breaker = succeeded(breaker, after(minute * 600 + 600), 4)


# What others are sent


def test_down_and_up_are_sent_once_when_they_have_lasted() -> None:
    breaker = opened(10)
    assert announced(breaker, after(39.9), SETTLE) is None
    down = announced(breaker, after(40), SETTLE)
    assert down is not None
    assert down[1] is Change.DOWN
    assert announced(down[0], after(4000), SETTLE) is None
    well = succeeded(down[0], after(4000), 4)
    assert announced(well, after(4029), SETTLE) is None
    up = announced(well, after(4030), SETTLE)
    assert up is not None
    assert up[1] is Change.UP
    assert announced(up[0], after(9999), SETTLE) is None
    assert (up[0].down_since, up[0].well_since) == (None, None)


def test_up_waits_until_the_receiver_has_been_well_all_the_time() -> None:
    down = announced(opened(), after(30), SETTLE)
    assert down is not None
    breaker = succeeded(down[0], after(50), 4)
    for _ in range(OPENS_AFTER):
        breaker = fail(breaker, 60)
    breaker = succeeded(breaker, after(70), 4)
    assert announced(breaker, after(99), SETTLE) is None
    assert announced(breaker, after(100), SETTLE) is not None
    assert breaker.down_since == START


@given(
    steps=st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["fail", "gone", "take", "pause"])), max_size=80),
    settle=st.sampled_from([timedelta(0), SETTLE, timedelta(minutes=5)]),
)
def test_down_and_up_come_in_turn_and_no_more_than_one_pair_a_settle(
    steps: list[tuple[float, str]], settle: timedelta
) -> None:
    """Each is true when it is sent, and between two of a kind lies at least ``settle``."""
    breaker, now = CLOSED, 0.0
    told: list[tuple[Change, datetime]] = []
    for wait, what in steps:
        now += wait
        change = announced(breaker, after(now), settle)
        if change is not None:
            breaker = change[0]
            told.append((change[1], after(now)))
            assert (change[1] is Change.DOWN) == breaker.is_open
        match what:
            case "take":
                breaker = succeeded(breaker, after(now), 4)
            case "pause":
                breaker = wait_asked(breaker, now, 1)
            case _:
                began = after(now)
                breaker = failed(breaker, what, began=began, now=began, jitter=float, opens=what == "gone")
    assert [change for change, _ in told] == [Change.DOWN, Change.UP] * (len(told) // 2) + [Change.DOWN] * (
        len(told) % 2
    )
    for (_, earlier), (_, later) in zip(told, told[2:], strict=False):
        assert later - earlier >= settle


@pytest.mark.parametrize("settle", [timedelta(0), SETTLE])
def test_changes_at_says_when_to_look(settle: timedelta) -> None:
    assert CLOSED.changes_at(settle) is None
    assert opened(7).changes_at(settle) == after(7) + settle


def test_pause_of_another_holds_and_blames_nobody() -> None:
    paused = paused_with_another(CLOSED, after(30), "team was asked to wait")
    assert (paused.admits(after(29), 0, 4), paused.admits(after(30), 0, 4)) == (0, 4)
    assert (paused.failures, paused.failing_since, paused.changes_at(SETTLE)) == (0, None, None)
    assert paused_with_another(paused, after(10), "x").paused_until == after(30)
    assert paused_with_another(opened(7), after(30), "x").reason == opened(7).reason
