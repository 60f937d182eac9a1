"""When one event is tried again, and when it is given up: the schedule of the documentation, step by step."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.retry import (
    JITTER,
    LIFETIME,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    SCHEDULE,
    SHORTEST_PAUSE,
    next_attempt,
    pause,
)
from tests.world.clock import START

WAITS = ["5s", "15s", "45s", "2m", "5m", "10m", "20m", "40m", "80m"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def attempts(jitter: float) -> list[timedelta]:
    """List when an event is tried that is refused each time, from the first attempt on."""
    made, now = [timedelta(0)], START
    while (due_at := next_attempt(len(made), START, now, lambda: jitter)) is not None:
        now = due_at
        made.append(now - START)
    return made


def test_schedule_is_the_one_that_the_documentation_promises() -> None:
    assert [timedelta(**{UNITS[wait[-1]]: int(wait[:-1])}) for wait in WAITS] == list(SCHEDULE)
    made = attempts(0)
    waits = [later - earlier for earlier, later in itertools.pairwise(made)]
    assert waits[: len(SCHEDULE)] == list(SCHEDULE)
    assert set(waits[len(SCHEDULE) : -1]) == {timedelta(hours=3)}
    assert made[-1] == LIFETIME == timedelta(hours=75)


@given(jitter=st.floats(0, 1))
def test_event_refused_for_three_days_costs_some_35_attempts(jitter: float) -> None:
    made = attempts(jitter)
    assert 32 <= len(made) <= 36
    assert made[-1] == LIFETIME, "the last one is at the end of its time"
    for step, wait in enumerate(SCHEDULE):
        assert wait <= made[step + 1] - made[step] <= wait * (1 + JITTER)


@given(number=st.integers(1, 10**6), queued=st.timedeltas(timedelta(0), LIFETIME * 2), jitter=st.floats(0, 1))
def test_next_attempt_is_ahead_and_within_the_lifetime(number: int, queued: timedelta, jitter: float) -> None:
    due_at = next_attempt(number, START, START + queued, lambda: jitter)
    if queued >= LIFETIME:
        assert due_at is None
    else:
        assert due_at is not None
        assert START + queued < due_at <= min(START + LIFETIME, START + queued + LONGEST_WAIT)


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        (timedelta(0), SHORTEST_PAUSE),
        (timedelta(seconds=-5), SHORTEST_PAUSE),
        (timedelta.min, SHORTEST_PAUSE),
        (timedelta(milliseconds=1), SHORTEST_PAUSE),
        (timedelta(seconds=17), timedelta(seconds=17)),
        (timedelta(days=1), LONGEST_PAUSE),
        (timedelta(seconds=10**9), LONGEST_PAUSE),
        (timedelta.max, LONGEST_PAUSE),
    ],
)
def test_retry_after_is_obeyed_within_bounds(asked: timedelta, given_: timedelta) -> None:
    assert pause(asked) == given_
