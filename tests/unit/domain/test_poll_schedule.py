"""When a message is polled next, and what its age makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import EventType, Message, Observation, State, Status
from bridge.domain.poll_schedule import JITTER, LAZILY, SETTLES, Hints, Interval, Schedule
from bridge.domain.transition_detector import Verdict
from tests.world.clock import START

EVERY = timedelta(seconds=30)
WAIT = timedelta(seconds=10)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PLAIN = Schedule((Interval(EVERY),), unknown_after=WAIT)
BY_AGE = replace(PLAIN, intervals=(Interval(WAIT, 2 * MINUTE), Interval(MINUTE, HOUR), Interval(HOUR)))
TERMINAL = [status for status in Status if status.terminal]


def message(status: Status | None = Status.PENDING, *, since: datetime = START, **fields: object) -> Message:
    state = None if status is None else State(status, since)
    return replace(Message(1, state=state, watched_since=START), **fields)  # type: ignore[arg-type]


def due(schedule: Schedule, watched: Message, at: datetime, status: Status | None = None) -> datetime | None:
    """Poll at a moment, with an answer or none, and say when the message is due again."""
    verdict = None if status is None else schedule.judge(watched, Observation(status, at))
    return schedule.next_poll(watched, verdict, at, jitter=lambda: 0)


# Intervals


@pytest.mark.parametrize(
    ("age", "every"),
    [(0 * MINUTE, WAIT), (119 * MINUTE / 60, WAIT), (2 * MINUTE, MINUTE), (HOUR, HOUR), (400 * DAY, HOUR)],
)
def test_the_older_a_message_the_rarer_it_is_polled(age: timedelta, every: timedelta) -> None:
    assert due(BY_AGE, message(), START + age, Status.PENDING) == START + age + every
    assert due(BY_AGE, message(), START + age) == START + age + every, "a poll that brought nothing, too"


@given(st.floats(0, 1))
def test_polls_come_a_little_early_at_random_and_never_late(jitter: float) -> None:
    at = PLAIN.next_poll(message(), None, START, lambda: jitter)
    assert at is not None
    assert EVERY * (1 - JITTER) <= at - START <= EVERY


def test_the_longest_interval_is_known() -> None:
    assert (PLAIN.longest, BY_AGE.longest) == (EVERY, HOUR)


# The end


@pytest.mark.parametrize("status", TERMINAL)
def test_there_is_nothing_left_to_poll_for_after_a_terminal_status(status: Status) -> None:
    assert due(PLAIN, message(), START, status) is None
    assert due(PLAIN, message(status), START + DAY, status) is None


@pytest.mark.parametrize("status", TERMINAL)
def test_lingering_ends_with_a_last_look(status: Status) -> None:
    schedule = replace(PLAIN, linger=MINUTE + WAIT)
    watched, at, looks = message(), START + HOUR, []
    while (next_ := due(schedule, watched, at, status)) is not None:
        watched, at = message(status, since=START + HOUR), next_
        looks.append(at - START - HOUR)
    assert looks == [EVERY, 2 * EVERY, MINUTE + WAIT]


def test_a_change_while_lingering_is_a_transition_and_lingers_anew() -> None:
    schedule = replace(PLAIN, linger=MINUTE)
    at = START + MINUTE
    verdict = schedule.judge(message(Status.SENT), Observation(Status.FAILED, at))
    assert verdict.event is EventType.MESSAGE_FAILED
    assert schedule.next_poll(message(Status.SENT), verdict, at, lambda: 0) == at + EVERY


# Unknown


def test_unknown_is_polled_on() -> None:
    watched = message(Status.UNKNOWN, unknown_since=START)
    assert due(PLAIN, watched, START + DAY, Status.UNKNOWN) == START + DAY + EVERY


def test_a_message_that_may_become_unknown_is_looked_at_as_soon_as_it_may() -> None:
    since = START - timedelta(seconds=4)
    watched = message(None, unknown_since=since)
    assert due(PLAIN, watched, START, Status.UNKNOWN) == since + WAIT
    fast = replace(PLAIN, intervals=(Interval(timedelta(seconds=2)),))
    assert due(fast, watched, START, Status.UNKNOWN) == START + timedelta(seconds=2)


def test_a_terminal_message_that_seems_unknown_is_looked_at_again() -> None:
    assert due(PLAIN, message(Status.SENT), START, Status.UNKNOWN) == START + WAIT


# Stuck


STUCK = replace(PLAIN, stuck_after=15 * MINUTE)


def test_a_message_is_told_to_be_stuck_once_and_in_time() -> None:
    watched, at, told = message(), START, []
    while at < START + HOUR:
        verdict = STUCK.judge(watched, Observation(Status.PENDING, at))
        if verdict.event is not None:
            told.append((verdict.event, at - START))
        next_ = STUCK.next_poll(watched, verdict, at, lambda: 1)
        assert next_ is not None
        watched, at = replace(watched, stuck=verdict.stuck), next_
    assert told == [(EventType.MESSAGE_STUCK, 15 * MINUTE)]


def test_what_was_stuck_and_is_pending_once_more_may_be_stuck_again() -> None:
    verdict = STUCK.judge(message(Status.UNKNOWN, stuck=True), Observation(Status.PENDING, START + HOUR))
    assert (verdict.event, verdict.stuck) == (EventType.MESSAGE_PENDING, False)


@pytest.mark.parametrize("status", [None, Status.SENT, Status.UNKNOWN])
def test_only_what_is_seen_pending_is_stuck(status: Status | None) -> None:
    watched = message(unknown_since=START + HOUR if status is Status.UNKNOWN else None)
    at = START + HOUR
    if status is None:
        assert due(STUCK, watched, at) == at + EVERY, "it is not hurried either: no status may come for hours"
    else:
        assert STUCK.judge(watched, Observation(status, at)).event is not EventType.MESSAGE_STUCK


# Abandoned

STOPPING = replace(STUCK, stop_after=DAY)


@pytest.mark.parametrize("status", [Status.PENDING, Status.UNKNOWN])
def test_after_long_enough_a_message_is_given_up(status: Status) -> None:
    watched = message(status, stuck=True, unknown_since=START if status is Status.UNKNOWN else None)
    at = START + DAY - WAIT
    assert STOPPING.judge(watched, Observation(status, at)).event is None
    assert due(STOPPING, watched, at, status) == START + DAY, "it is not given up late"
    verdict = STOPPING.judge(watched, Observation(status, START + DAY))
    assert verdict == Verdict(watched.state, watched.unknown_since, EventType.MESSAGE_ABANDONED, stuck=True)
    assert STOPPING.next_poll(watched, verdict, START + DAY, lambda: 0) is None


def test_while_no_status_comes_nothing_is_given_up() -> None:
    assert due(STOPPING, message(), START + 2 * DAY) == START + 2 * DAY + EVERY
    assert due(STOPPING, message(None), START + 2 * DAY) == START + 2 * DAY + EVERY


def test_a_late_transition_goes_before_what_age_makes_of_the_message() -> None:
    watched, at = message(None), START + 2 * DAY
    verdict = STOPPING.judge(watched, Observation(Status.PENDING, at))
    assert verdict.event is EventType.MESSAGE_PENDING
    assert STOPPING.next_poll(watched, verdict, at, lambda: 0) == at, "and that is seen at once"


# Whatever happens

durations = st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds))
schedules = st.builds(
    lambda every, ages, **rules: Schedule(
        (*(Interval(every, until) for until in sorted(set(ages))), Interval(2 * every)), **rules
    ),
    durations,
    st.lists(durations, max_size=3),
    unknown_after=durations,
    linger=st.just(timedelta(0)) | durations,
    stuck_after=st.none() | durations,
    stop_after=st.none() | durations,
)
answers = st.lists(st.tuples(st.none() | st.sampled_from(Status), st.floats(0, 1)), max_size=40)


@given(schedule=schedules, answers=answers)
def test_whatever_is_answered_polling_goes_on_without_a_storm_until_there_is_an_end(
    schedule: Schedule, answers: list[tuple[Status | None, float]]
) -> None:
    watched, at = Message(1, watched_since=START), START
    told: list[EventType] = []
    for status, jitter in answers:
        verdict = None if status is None else schedule.judge(watched, Observation(status, at))
        event = None if verdict is None else verdict.event
        next_ = schedule.next_poll(watched, verdict, at, lambda: jitter)  # noqa: B023 -- called at once
        if event is not None:
            told.append(event)
        if verdict is not None:
            watched = replace(watched, state=verdict.state, unknown_since=verdict.unknown_since, stuck=verdict.stuck)
        if next_ is None:
            assert event is EventType.MESSAGE_ABANDONED or (watched.state is not None and watched.state.status.terminal)
            return
        assert next_ > at or event is not None, "at once only after an event: else it would never end"
        assert next_ <= at + schedule.longest
        at = next_
    assert EventType.MESSAGE_ABANDONED not in told
    assert all(one is not EventType.MESSAGE_STUCK or one is not other for one, other in pairwise(told))


# What is scheduled to be sent later


def test_a_message_is_hardly_polled_before_it_is_expected_and_as_new_from_then_on() -> None:
    scheduled = message(expected_at=START + 5 * HOUR)
    assert due(BY_AGE, scheduled, START, Status.PENDING) == START + LAZILY
    assert due(BY_AGE, scheduled, START + 5 * HOUR - MINUTE, Status.PENDING) == START + 5 * HOUR
    assert due(BY_AGE, scheduled, START + 5 * HOUR, Status.PENDING) == START + 5 * HOUR + WAIT
    assert due(BY_AGE, scheduled, START + 7 * HOUR, Status.PENDING) == START + 8 * HOUR
    assert due(BY_AGE, scheduled, START + HOUR, Status.CANCELLED) is None


def test_it_is_stuck_and_abandoned_by_what_has_passed_since_it_was_expected() -> None:
    schedule = replace(PLAIN, stuck_after=HOUR, stop_after=DAY)
    scheduled = message(expected_at=START + 5 * DAY)

    def seen(at: datetime, *, stuck: bool = False) -> EventType | None:
        return schedule.judge(replace(scheduled, stuck=stuck), Observation(Status.PENDING, at)).event

    assert seen(START + 5 * DAY + 59 * MINUTE) is None
    assert seen(START + 5 * DAY + HOUR) is EventType.MESSAGE_STUCK
    assert seen(START + 6 * DAY - MINUTE, stuck=True) is None
    assert seen(START + 6 * DAY, stuck=True) is EventType.MESSAGE_ABANDONED


def test_a_moment_that_has_passed_changes_nothing() -> None:
    late = message(expected_at=START - DAY)
    assert due(BY_AGE, late, START + MINUTE, Status.PENDING) == due(BY_AGE, message(), START + MINUTE, Status.PENDING)


# The report as a hint

HINTS = Hints(relaxed=HOUR, window=DAY)


def hinted(watched: Message, at: datetime, status: Status | None, hints: Hints | None = HINTS) -> timedelta | None:
    verdict = None if status is None else PLAIN.judge(watched, Observation(status, at))
    next_ = PLAIN.next_poll(watched, verdict, at, lambda: 0, hints)
    return None if next_ is None else next_ - at


def test_what_the_report_shows_unchanged_is_polled_seldom() -> None:
    shown = message(hinted_at=START)
    assert hinted(shown, START + SETTLES, Status.PENDING) == HOUR
    assert hinted(shown, START + SETTLES, Status.SENT) is None


def test_right_after_a_change_in_it_polls_go_on_as_usual_for_the_status_call_may_lag_behind() -> None:
    assert hinted(message(hinted_at=START), START + SETTLES - WAIT, Status.PENDING) == EVERY


@pytest.mark.parametrize(
    ("watched", "at", "status", "hints"),
    [
        (message(), START + HOUR, Status.PENDING, HINTS),
        (message(hinted_at=START), START + HOUR, Status.PENDING, None),
        (message(hinted_at=START), START + HOUR, None, HINTS),
        (message(hinted_at=START), START + DAY, Status.PENDING, HINTS),
    ],
    ids=["not in the report", "the report is not read", "the poll brought nothing", "older than the report goes back"],
)
def test_without_the_report_polls_go_on_as_usual(
    watched: Message, at: datetime, status: Status | None, hints: Hints | None
) -> None:
    assert hinted(watched, at, status, hints) == EVERY


@given(
    age=st.integers(0, 2 * 86400),
    shown=st.none() | st.integers(0, 86400),
    status=st.sampled_from([None, *Status]),
    expected=st.none() | st.integers(-86400, 86400),
)
def test_hints_only_ever_make_polls_rarer_and_never_beyond_the_relaxed_interval(
    age: int, shown: int | None, status: Status | None, expected: int | None
) -> None:
    at = START + timedelta(seconds=age)
    watched = message(
        hinted_at=None if shown is None else START + timedelta(seconds=shown),
        expected_at=None if expected is None else START + timedelta(seconds=expected),
    )
    plain, relaxed = hinted(watched, at, status, None), hinted(watched, at, status)
    assert (plain is None) == (relaxed is None)
    if plain is not None and relaxed is not None:
        assert plain <= relaxed <= max(plain, HOUR)
