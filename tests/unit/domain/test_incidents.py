"""What opens an incident, what ends it, and what people name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.incidents import (
    GOOD_NEWS,
    OPENS,
    OPPOSITES,
    Acknowledged,
    ends,
    held_until,
    over_before,
    read_subject,
)
from bridge.domain.model import LARGEST_ID, Event, EventType
from tests.world.clock import START

HOUR = timedelta(hours=1)


def event(type_: EventType) -> Event:
    return Event("evt_1", type_, START, "source", 1, {})


@pytest.mark.parametrize("type_", EventType)
def test_hold_holds_what_opens_an_incident_and_nothing_else(type_: EventType) -> None:
    assert held_until(event(type_), HOUR) == (START + HOUR if type_ in OPENS else None)
    assert held_until(event(type_), timedelta(0)) is None


def test_every_incident_but_a_messages_ends_by_its_opposite_only() -> None:
    for opened_by in OPENS:
        ending = {type_ for type_ in EventType if ends(type_, opened_by)}
        if opened_by.startswith("message."):
            assert ending == {type_ for type_ in EventType if type_.startswith("message.")}
        else:
            assert {OPPOSITES.get(type_) for type_ in ending if type_ in OPPOSITES} == {opened_by}


def test_good_news_opens_nothing() -> None:
    assert not GOOD_NEWS & OPENS


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("12345", "message/12345"),
        ("0012", "message/12"),
        ("message/7", "message/7"),
        ("source", "source"),
        ("receiver/crm-1.x", "receiver/crm-1.x"),
        ("number/7", "number/7"),
        ("account", "account"),
        ("account/tags.team=a b", "account/tags.team=a b"),
    ],
)
def test_names_are_read(text: str, subject: str) -> None:
    assert read_subject(text) == subject


@pytest.mark.parametrize("text", ["", "0", "12x", "sauce", "receiver/", "receiver/a b", "number/x", "source\n", "٣"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        read_subject(text)


@given(st.integers(1, LARGEST_ID))
def test_any_message_can_be_named(id_: int) -> None:
    subject = read_subject(str(id_))
    assert read_subject(subject) == subject == f"message/{id_}"


def test_words() -> None:
    assert over_before(timedelta(minutes=3), timedelta(minutes=10)) == (
        "over after 3 min: not sent, because `hold` is 10 min"
    )
    assert Acknowledged(START).words == "acknowledged"
    assert Acknowledged(START, "Anna").words == "acknowledged by Anna"
    assert Acknowledged(START, None, "done").words == "acknowledged: done"
