"""What plain services are told: a title, some lines, how grave; whatever the event, and however many."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Event, EventType, Status
from bridge.domain.samples import sample_event
from bridge.receivers.plain_text import write_note
from bridge.receivers.wording import COLOURS, WORDS, Severity
from tests.unit.receivers.events import any_event, changed, receiver_down, source_down
from tests.world.clock import START

BY = ("type", "error")


def test_one_event_is_told_whole() -> None:
    note = write_note([changed(tags={"team": "billing"})], BY, 5)
    assert (note.title, note.severity) == ("❌ WhatsApp message 12346 failed: invalid phone number", "failure")
    assert note.body.splitlines() == [
        "Label: Invoice 88",
        "Status: pending → failed",
        "Reason: Invalid phone number",
        "Tags: team: billing",
        "What to do: Check the number, then send again or call.",
        "Time: 2026-11-23 20:11:12 UTC",
        f"Event: {changed().id}",
    ]


def test_the_bridge_s_own_health_is_told_too() -> None:
    note = write_note([source_down()], BY, 5)
    assert note.title == "🔴 WbizTool's status API is down: Auth Error"
    assert "Since: 2026-11-23 20:09:42 UTC\nWhat to do: Check client_id" in note.body
    assert "Reason: HTTP 500" in write_note([receiver_down()], BY, 5).body


def test_many_are_counted_and_the_gravest_gives_the_sign() -> None:
    events = [*(changed(id_, Status.SENT) for id_ in range(1, 9)), changed(9)]
    note = write_note(events, BY, 2)
    assert (note.title, note.severity) == ("❌ 1 message failed, 8 sent", "failure")
    assert note.body.splitlines() == [
        "8 sent: 1 (Invoice 88) and 7 more",
        "1 failed: invalid number: 9 (Invoice 88)",
        "What to do: Check the number, then send again or call.",
        "2026-11-23 20:11:12 UTC",
    ]


def test_digest_of_one_second_tells_it_once() -> None:
    begin = START.replace(microsecond=0)
    later = [changed(2, at=begin + timedelta(milliseconds=ms)) for ms in (999, 1000)]
    bodies = [write_note([changed(1, at=begin), each], BY, 5).body for each in later]
    assert [body.splitlines()[-1] for body in bodies] == [
        "2026-11-23 20:11:12 UTC",
        "2026-11-23 20:11:12 UTC to 2026-11-23 20:11:13 UTC",
    ]


def test_page_stands_at_the_end_where_people_can_see_it() -> None:
    one = write_note([changed()], BY, 5, "https://bridge.example.com")
    many = write_note([changed(1), changed(2)], BY, 5, "https://bridge.example.com")
    assert one.body.endswith("\nhttps://bridge.example.com/messages/12346")
    assert many.body.endswith("\nhttps://bridge.example.com/messages?status=failed")


def test_nobody_is_mentioned_by_a_label() -> None:
    note = write_note([changed(label="@everyone")], BY, 5)
    assert "@everyone" not in note.body
    assert "@\N{WORD JOINER}everyone" in note.body


@settings(max_examples=20)
@given(st.lists(any_event, min_size=1, max_size=4))
def test_any_events_whatsoever_make_a_note_that_can_be_sent(events: list[Event]) -> None:
    note = write_note(events, BY, 5)
    assert note.title.strip()
    assert note.body.strip()
    assert len(note.title) < 1_100
    assert not re.search("[\x00-\x09\x0b-\x1f]", note.title + note.body)
    (note.title + note.body).encode()


def test_each_type_has_its_words_and_each_severity_its_colour() -> None:
    assert set(WORDS) == set(EventType)
    assert set(COLOURS) == set(Severity)


@pytest.mark.parametrize("type_", EventType)
def test_test_says_so_and_alarms_nobody(type_: EventType) -> None:
    for count in (1, 3):
        note = write_note([sample_event(START, type_)] * count, ("type", "error"), 20)
        assert note.title.startswith("🧪 TEST: ")
        assert note.body.startswith("This is a test of the receiver: nothing happened")
        assert note.severity == "info"
