"""A message's story."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.model import Delivery, DeliveryState, EventType, Message, State, Status
from bridge.domain.summary import WatchedMessage
from bridge.receivers.wording import error_of
from bridge.server.ui.timeline import look_of, story_page, title_of, why_not_polled
from bridge.store.history import Story, StoryDelivery, StoryEvent
from tests.unit.receivers.events import changed, source_down
from tests.world.clock import START

FAILED = changed(status=Status.FAILED, error="Invalid phone number")
MESSAGE = Message(12346, state=State(Status.PENDING, START), watched_since=START)
POLLED = WatchedMessage(MESSAGE, watched=True, polled_at=START, due_at=START + timedelta(seconds=30))


def delivery(state: DeliveryState) -> Delivery:
    return Delivery(7, FAILED, "crm", state, 1, START, START, START)


def story(*states: DeliveryState) -> Story:
    return Story(
        POLLED, (StoryEvent(FAILED, tuple(StoryDelivery(delivery(state), ()) for state in states)),), whole=True
    )


def test_every_type_of_event_has_a_title_that_begins_like_a_sentence() -> None:
    titles = [title_of(replace(FAILED, type=type_)) for type_ in EventType]
    assert all(title[0].isupper() for title in titles)
    assert len(set(titles)) == len(EventType)
    assert title_of(source_down()) == "Status API down"
    stuck = replace(FAILED, type=EventType.MESSAGE_STUCK, json={"pending_seconds": 960})
    assert title_of(stuck) == "Stuck, pending for 16 min"


def test_a_failure_is_told_with_its_reason() -> None:
    assert (title_of(FAILED), look_of(FAILED), error_of(FAILED)) == (
        "Failed",
        ("bad", "failed"),
        "Invalid phone number",
    )


def test_page_of_failure_says_what_to_do_and_lists_those_alike() -> None:
    page = story_page(story())
    assert page.step == "Check the number, then send again or call."
    assert page.alike == "messages?status=failed&reason=invalid_number"


@pytest.mark.parametrize(
    ("type_", "shown", "step"),
    [
        (EventType.MESSAGE_SENT, POLLED, ""),
        (EventType.MESSAGE_STUCK, POLLED, "Open WbizTool and check"),
        (EventType.MESSAGE_ABANDONED, POLLED, ""),
        (EventType.MESSAGE_ABANDONED, replace(POLLED, due_at=None), "no longer watches it"),
    ],
)
def test_what_to_do_is_said_of_what_happened_last(type_: EventType, shown: WatchedMessage, step: str) -> None:
    events = (StoryEvent(FAILED, ()), StoryEvent(replace(FAILED, type=type_), ()))
    page = story_page(Story(shown, events, whole=True))
    assert bool(page.step) is bool(step)
    assert step in page.step
    assert not page.alike


def test_nothing_is_to_do_where_nothing_happened() -> None:
    assert not story_page(Story(POLLED, (), whole=True)).step


def test_it_is_known_whether_something_can_be_sent_again() -> None:
    assert story_page(story(DeliveryState.QUEUED, DeliveryState.DELIVERED)).can_go_again
    assert not story_page(story(DeliveryState.QUEUED, DeliveryState.QUEUED)).can_go_again


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (POLLED, ""),
        (replace(POLLED, due_at=None, message=replace(MESSAGE, state=State(Status.SENT, START))), "final"),
        (replace(POLLED, due_at=None, watched=False), "watch list"),
        (replace(POLLED, due_at=None), "stop_after"),
        (replace(POLLED, due_at=None, message=replace(MESSAGE, state=None)), "stop_after"),
    ],
)
def test_why_a_message_is_not_polled_any_more_is_said(shown: WatchedMessage, words: str) -> None:
    assert words in why_not_polled(shown)
    assert bool(why_not_polled(shown)) == bool(words)
