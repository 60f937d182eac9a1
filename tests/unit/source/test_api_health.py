"""Is the Message Status API down? Said once when it goes and once when it comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import EventType, Observation, Status
from bridge.domain.poll_answer import Answer, Malformed, Refused, Throttled, Unavailable
from bridge.source.api_health import PATIENCE, PROBE_EVERY, PROBE_REFUSED_EVERY, SourceHealth, after
from tests.world.clock import START

GOOD = Observation(Status.PENDING, START)
FAILURES: list[Answer] = [Malformed("a proxy's page"), Throttled("HTTP 429", None), Unavailable("HTTP 502")]
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_source_is_down_only_when_it_has_failed_for_a_minute(failure: Answer) -> None:
    health, told = after(SourceHealth(), failure, START)
    assert told is None
    health, told = after(health, failure, START + PATIENCE - SECOND)
    assert (told, health.down) == (None, False)
    health, told = after(health, failure, START + PATIENCE)
    assert told is EventType.SOURCE_DOWN
    assert health.failing_since == START
    assert health.probe_at == START + PATIENCE + PROBE_EVERY


def test_refused_credentials_count_at_once_and_are_tried_less_often() -> None:
    health, told = after(SourceHealth(), Refused("Auth Error"), START)
    assert told is EventType.SOURCE_DOWN
    assert health == SourceHealth(START, "Auth Error", refused=True, down=True, probe_at=START + PROBE_REFUSED_EVERY)


def test_being_down_is_told_once() -> None:
    health, _ = after(SourceHealth(), Refused("Auth Error"), START)
    for minute in range(1, 100):
        health, told = after(health, Unavailable("HTTP 502"), START + timedelta(minutes=minute))
        assert told is None
    assert health.failing_since == START
    assert health.reason == "HTTP 502"


def test_one_success_ends_it_and_is_told_only_when_being_down_was() -> None:
    down, _ = after(SourceHealth(), Refused("Auth Error"), START)
    assert after(down, GOOD, START) == (SourceHealth(), EventType.SOURCE_UP)
    failing, _ = after(SourceHealth(), Unavailable("HTTP 502"), START)
    assert after(failing, GOOD, START) == (SourceHealth(), None)


def test_an_unknown_message_is_a_success_of_the_source() -> None:
    down, _ = after(SourceHealth(), Refused("Auth Error"), START)
    assert after(down, Observation(Status.UNKNOWN, START), START)[1] is EventType.SOURCE_UP


def test_a_success_in_between_starts_the_minute_anew() -> None:
    health, _ = after(SourceHealth(), Unavailable("HTTP 502"), START)
    health, _ = after(health, GOOD, START + PATIENCE / 2)
    health, told = after(health, Unavailable("HTTP 502"), START + PATIENCE)
    assert told is None
    assert health.failing_since == START + PATIENCE


def test_a_source_that_is_well_or_has_just_begun_to_fail_gets_every_poll() -> None:
    assert SourceHealth().admits(START, 0, 16) == 16
    assert SourceHealth(START, "HTTP 502").admits(START, 7, 16) == 16


def test_a_source_that_is_down_gets_one_poll_at_a_time_when_it_is_due() -> None:
    down = SourceHealth(START, "HTTP 502", down=True, probe_at=START + PROBE_EVERY)
    assert down.admits(START, 0, 16) == 0
    assert down.admits(START + PROBE_EVERY, 0, 16) == 1
    assert down.admits(START + PROBE_EVERY, 1, 16) == 0
    assert down.admits(START + PROBE_EVERY, 0, 0) == 0


def test_a_source_that_was_down_before_a_restart_is_probed_at_once() -> None:
    assert SourceHealth(START, "HTTP 502", down=True).admits(START, 0, 16) == 1


def test_a_wall_clock_that_was_set_back_does_not_hold_up_the_probe() -> None:
    down, _ = after(SourceHealth(), Refused("Auth Error"), START)
    assert down.admits(START - timedelta(days=1), 0, 16) == 1


@given(st.sampled_from(FAILURES), st.timedeltas(-timedelta(days=400), timedelta(days=400)))
def test_patience_is_as_long_by_a_clock_that_is_set(failure: Answer, step: timedelta) -> None:
    failing, _ = after(SourceHealth(), failure, START)
    before = after(failing.shifted(step), failure, START + step + PATIENCE - SECOND)
    down, told = after(failing.shifted(step), failure, START + step + PATIENCE)
    assert (before[1], told) == (None, EventType.SOURCE_DOWN)
    assert down.shifted(-step).probe_at == START + PATIENCE + PROBE_EVERY


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 90), st.sampled_from([*FAILURES, Refused("Auth Error"), GOOD])),
        max_size=40,
    )
)
def test_down_and_up_are_told_in_turn_and_agree_with_the_state(steps: list[tuple[float, Answer]]) -> None:
    health, at, told = SourceHealth(), START, []
    for seconds, answer in steps:
        at += timedelta(seconds=seconds)
        health, event = after(health, answer, at)
        if event is not None:
            told.append(event)
            assert health.down == (event is EventType.SOURCE_DOWN)
        assert health.down == (bool(told) and told[-1] is EventType.SOURCE_DOWN)
        assert (health.failing_since is None) == isinstance(answer, Observation)
        if health.down:
            assert health.probe_at is not None
            assert health.admits(health.probe_at, 0, 16) == 1
    turns = [EventType.SOURCE_DOWN, EventType.SOURCE_UP] * len(told)
    assert told == turns[: len(told)]
