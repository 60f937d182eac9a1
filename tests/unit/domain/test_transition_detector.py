"""The rules that turn an observation into a message's new state."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import EventType, Message, Observation, State, Status
from bridge.domain.transition_detector import Verdict, judge
from tests.world.clock import START

WAIT = timedelta(seconds=10)
KNOWN = [status for status in Status if status is not Status.UNKNOWN]


def seen(status: Status, seconds: float = 0, error: str | None = None) -> Observation:
    return Observation(status, START + timedelta(seconds=seconds), error)


def message(status: Status | None = None, unknown_since: float | None = None) -> Message:
    return Message(
        12345,
        state=None if status is None else State(status, START - timedelta(hours=1)),
        unknown_since=None if unknown_since is None else START + timedelta(seconds=unknown_since),
    )


@pytest.mark.parametrize("status", KNOWN)
def test_the_first_observation_counts(status: Status) -> None:
    verdict = judge(message(), seen(status), WAIT)
    assert verdict == Verdict(State(status, START), None, EventType.of_status(status))


@pytest.mark.parametrize("before", KNOWN)
@pytest.mark.parametrize("now", KNOWN)
def test_a_different_status_is_a_transition_and_the_same_one_is_none(before: Status, now: Status) -> None:
    known = message(before)
    verdict = judge(known, seen(now), WAIT)
    if before is now:
        assert verdict == Verdict(known.state, None, None)
    else:
        assert verdict == Verdict(State(now, START), None, EventType.of_status(now))


def test_a_failure_keeps_the_reason_that_wbiztool_gave() -> None:
    verdict = judge(message(Status.PENDING), seen(Status.FAILED, error="Invalid phone number"), WAIT)
    assert verdict.state == State(Status.FAILED, START, "Invalid phone number")


def test_an_unchanged_status_keeps_its_since() -> None:
    verdict = judge(message(Status.PENDING), seen(Status.PENDING, 500), WAIT)
    assert verdict.state is not None
    assert verdict.state.since == START - timedelta(hours=1)


@pytest.mark.parametrize("before", [None, *KNOWN])
def test_unknown_does_not_count_at_once(before: Status | None) -> None:
    known = message(before)
    assert judge(known, seen(Status.UNKNOWN), WAIT) == Verdict(known.state, START, None)


@pytest.mark.parametrize(("seconds", "counts"), [(0, False), (9.999, False), (10, True), (3600, True)])
def test_unknown_counts_when_it_has_lasted(seconds: float, counts: bool) -> None:
    verdict = judge(message(Status.PENDING, unknown_since=0), seen(Status.UNKNOWN, seconds), WAIT)
    assert verdict.unknown_since == START
    assert verdict.event == (EventType.MESSAGE_UNKNOWN if counts else None)
    assert verdict.state == (State(Status.UNKNOWN, START) if counts else message(Status.PENDING).state)


def test_unknown_counts_at_once_where_the_waiting_time_is_nothing() -> None:
    assert judge(message(), seen(Status.UNKNOWN), timedelta(0)).event is EventType.MESSAGE_UNKNOWN


def test_an_unknown_message_that_appears_in_time_was_never_unknown() -> None:
    verdict = judge(message(None, unknown_since=0), seen(Status.PENDING, 5), WAIT)
    assert verdict == Verdict(State(Status.PENDING, START + timedelta(seconds=5)), None, EventType.MESSAGE_PENDING)


def test_the_waiting_time_starts_anew_when_unknown_was_interrupted() -> None:
    back = judge(message(Status.PENDING, unknown_since=0), seen(Status.PENDING, 9), WAIT)
    again = judge(Message(1, state=back.state, unknown_since=back.unknown_since), seen(Status.UNKNOWN, 12), WAIT)
    assert again.event is None
    assert again.unknown_since == START + timedelta(seconds=12)


def test_unknown_is_told_once_however_long_it_lasts() -> None:
    told = judge(message(Status.PENDING, unknown_since=0), seen(Status.UNKNOWN, 10), WAIT)
    later = judge(Message(1, state=told.state, unknown_since=told.unknown_since), seen(Status.UNKNOWN, 9999), WAIT)
    assert later == Verdict(told.state, START, None)


def test_a_clock_that_was_set_back_makes_no_unknown() -> None:
    assert judge(message(None, unknown_since=3600), seen(Status.UNKNOWN, 0), WAIT).event is None


@given(
    steps=st.lists(st.tuples(st.floats(0, 20), st.sampled_from(Status)), max_size=30),
    wait=st.floats(0, 30).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_whatever_is_observed_the_events_tell_each_change_once_and_in_order(
    steps: list[tuple[float, Status]], wait: timedelta
) -> None:
    watched, at, told = Message(1), START, []
    for seconds, status in steps:
        at += timedelta(seconds=seconds)
        verdict = judge(watched, Observation(status, at), wait)
        assert (verdict.event is None) == (verdict.state == watched.state)
        assert (verdict.unknown_since is not None) == (status is Status.UNKNOWN)
        if verdict.event is not None:
            assert verdict.state is not None
            assert verdict.event is EventType.of_status(verdict.state.status)
            told.append(verdict.event)
        watched = Message(1, state=verdict.state, unknown_since=verdict.unknown_since)
    assert all(one is not other for one, other in pairwise(told))
