"""A message whose answers can't be read: when that is told, and when it is given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.events import envelope, transition_event
from bridge.domain.model import EventType, Message, State, Status, Unread
from bridge.domain.poll_schedule import Interval, Schedule
from tests.world.clock import START
from tests.world.schemas import faults


def scheduled(**more: Any) -> Schedule:
    rules: dict[str, Any] = {"stuck_after": timedelta(minutes=15), "stop_after": timedelta(days=7), **more}
    return Schedule((Interval(timedelta(seconds=30)),), **rules)


@given(
    st.lists(st.tuples(st.integers(1, 3600), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([None, State(Status.PENDING, START), State(Status.UNKNOWN, START)]),
)
def test_unreadable_answers_are_told_once_each_time_they_last(
    steps: list[tuple[int, bool]], state: State | None
) -> None:
    """Whatever the polls bring: one message.stuck when it has lasted, and none before (issue 17, 3)."""
    schedule, message = scheduled(stop_after=None), Message(1, state=state, watched_since=START, stuck=True)
    at, since, told = START, None, False
    for seconds, readable in steps:
        at += timedelta(seconds=seconds)
        if readable:
            message, since, told = replace(message, unread=None), None, False
            continue
        since = since or at
        verdict = schedule.judge_unread(message, "status is 7", at)
        lasts = at - since >= timedelta(minutes=15)
        assert (verdict.event is EventType.MESSAGE_STUCK) == (lasts and not told)
        assert (verdict.state, verdict.unread and verdict.unread.since) == (state, since)
        due_at = schedule.next_poll(message, verdict, at, lambda: 0.0)
        assert due_at is not None
        assert at < due_at <= at + timedelta(seconds=30)
        told = told or lasts
        message = replace(message, unread=verdict.unread)
        event = transition_event("db", message, verdict.state, EventType.MESSAGE_STUCK, at, unread=verdict.unread)
        assert faults(envelope(event)) == []


def test_it_is_given_up_after_stop_after_once_it_was_told() -> None:
    schedule, long_ago = scheduled(), START - timedelta(days=8)
    fresh = Message(1, watched_since=long_ago, unread=Unread(START, "status is 7"))
    assert schedule.judge_unread(fresh, "status is 7", START).event is None
    told = Message(1, watched_since=long_ago, unread=Unread(START, "status is 7", reported=True))
    verdict = schedule.judge_unread(told, "status is 7", START + timedelta(hours=1))
    assert verdict.event is EventType.MESSAGE_ABANDONED
    assert schedule.next_poll(told, verdict, START, lambda: 0.0) is None
    event = transition_event("db", told, None, EventType.MESSAGE_ABANDONED, START, unread=verdict.unread)
    assert faults(envelope(event)) == []
    assert event.json["reason"] == "WbizTool's answers can't be read: status is 7"


def test_time_in_which_the_source_was_down_does_not_count() -> None:
    message = Message(1, watched_since=START, unread=Unread(START, "HTTP 502 Bad Gateway"))
    later = START + timedelta(hours=1)
    assert scheduled().judge_unread(message, "x", later, later - timedelta(minutes=1)).event is None
    assert scheduled().judge_unread(message, "x", later, START).event is EventType.MESSAGE_STUCK


@pytest.mark.parametrize("status", [status for status in Status if status.terminal])
def test_message_that_is_done_is_not_told_of(status: Status) -> None:
    message = Message(1, state=State(status, START), watched_since=START, unread=Unread(START, "status is 7"))
    assert scheduled().judge_unread(message, "status is 7", START + timedelta(days=9)).event is None
    assert scheduled(stuck_after=None).judge_unread(Message(1, unread=message.unread), "x", START).event is None
