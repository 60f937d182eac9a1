"""Event ids, and the data that receivers get."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.clock import isoformat
from bridge.domain.event_data import SourceData
from bridge.domain.events import SOURCE, envelope, event_id, health_event, receiver_subject, transition_event
from bridge.domain.model import CODES, EventType, Message, State, Status
from tests.world.clock import START

DATABASE = "9f3c1a"
INVOICE = Message(12346, label="Invoice 88", tags={"team": "billing"}, sequence=1)
PENDING = State(Status.PENDING, START - timedelta(seconds=90))
DOWN = SourceData(since="2026-11-23T20:11:12.345Z", reason="HTTP 502")
FAILED = State(Status.FAILED, START, "Invalid phone number")


def test_a_transition_is_shown_as_the_contract_shows_it() -> None:
    known = Message(INVOICE.id, INVOICE.label, INVOICE.tags, state=PENDING, sequence=1)
    event = transition_event(DATABASE, known, FAILED, EventType.MESSAGE_FAILED, START)
    assert envelope(event) == {
        "id": event.id,
        "type": "message.failed",
        "timestamp": "2026-11-23T20:11:12.345Z",
        "data": {
            "message_id": 12346,
            "label": "Invoice 88",
            "tags": {"team": "billing"},
            "sequence": 2,
            "previous": {"status": "pending", "code": 0, "since": "2026-11-23T20:09:42.345Z"},
            "current": {
                "status": "failed",
                "code": 2,
                "since": "2026-11-23T20:11:12.345Z",
                "error": "Invalid phone number",
            },
        },
    }
    assert (event.subject, event.sequence, event.message_id) == ("message/12346", 2, 12346)


def test_the_first_observation_has_no_previous() -> None:
    event = transition_event(DATABASE, Message(1), PENDING, EventType.MESSAGE_PENDING, START)
    assert event.json["previous"] is None
    assert event.json["label"] is None
    assert event.json["tags"] == {}
    assert event.sequence == event.json["sequence"] == 1


def test_unknown_has_no_code_because_the_api_has_none_for_it() -> None:
    event = transition_event(DATABASE, INVOICE, State(Status.UNKNOWN, START), EventType.MESSAGE_UNKNOWN, START)
    assert event.json["current"] == {"status": "unknown", "code": None, "since": "2026-11-23T20:11:12.345Z"}


@pytest.mark.parametrize("status", Status)
def test_the_error_stands_only_where_there_is_one(status: Status) -> None:
    event = transition_event(DATABASE, INVOICE, State(status, START), EventType.of_status(status), START)
    assert event.json["current"].keys() == {"status", "code", "since"}
    assert event.json["current"]["code"] == CODES.get(status)


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        (EventType.MESSAGE_STUCK, {"pending_seconds": 930}),
        (EventType.MESSAGE_ABANDONED, {"watched_seconds": 1000}),
        (EventType.MESSAGE_PENDING, {}),
    ],
)
def test_an_event_about_age_says_how_long(type_: EventType, more: dict[str, int]) -> None:
    state = State(Status.PENDING, START - timedelta(seconds=930))
    known = Message(1, state=state, sequence=1, watched_since=START - timedelta(seconds=1000))
    data = transition_event(DATABASE, known, state, type_, START).json
    shown = {"status": "pending", "code": 0, "since": isoformat(state.since)}
    assert data == {
        "message_id": 1,
        "label": None,
        "tags": {},
        "sequence": 2,
        "previous": shown,
        "current": shown,
        **more,
    }


def test_an_event_is_a_copy_of_the_tags_not_a_view_of_them() -> None:
    tags = {"team": "billing"}
    event = transition_event(DATABASE, Message(1, tags=tags), PENDING, EventType.MESSAGE_PENDING, START)
    tags["team"] = "sales"
    assert event.json["tags"] == {"team": "billing"}


def test_an_event_about_health_carries_its_sequence_and_no_message() -> None:
    event = health_event(DATABASE, EventType.SOURCE_DOWN, SOURCE, 3, START, DOWN)
    assert event.json == {"since": "2026-11-23T20:11:12.345Z", "reason": "HTTP 502", "sequence": 3}
    assert (event.subject, event.message_id) == ("source", None)
    assert receiver_subject("crm") == "receiver/crm"


def test_an_id_is_the_same_for_the_same_event_in_every_process_and_version() -> None:
    # Made with sha256sum and base32: a receiver that deduplicates must not see another id after an upgrade.
    assert event_id("database", "message/1", 1, "message.sent", "sent", 1, None) == "evt_zmto6vqf47i3rs35qfh62w4l"


@given(database=st.text(max_size=40), subject=st.text(max_size=40), sequence=st.integers(0, 2**63))
def test_an_id_has_no_full_stop_and_only_plain_characters(database: str, subject: str, sequence: int) -> None:
    assert re.fullmatch(r"evt_[a-z2-7]{24}", event_id(database, subject, sequence))


@pytest.mark.slow
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["db1", "db2"]), st.from_regex(r"(message|receiver)/[a-z0-9/]{1,6}"), st.integers(1)),
        unique=True,
        max_size=30,
    )
)
def test_different_events_have_different_ids(events: list[tuple[str, str, int]]) -> None:
    assert len({event_id(*event) for event in events}) == len(events)


@given(
    label=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    error=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    status=st.sampled_from(Status),
    previous=st.none() | st.sampled_from(Status),
)
def test_every_event_is_json_and_comes_back_whole(
    label: str | None, error: str | None, status: Status, previous: Status | None
) -> None:
    known = Message(1, label, state=None if previous is None else State(previous, START), sequence=4)
    event = transition_event(DATABASE, known, State(status, START, error), EventType.of_status(status), START)
    shown = envelope(event)
    assert json.loads(json.dumps(shown)) == shown
    assert type(shown["type"]) is str
    assert type(shown["data"]["current"]["status"]) is str


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 -- hypothesis adds the zone
def test_every_time_is_written_in_utc_with_milliseconds(moment: datetime) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", isoformat(moment))


STATES = st.builds(State, st.sampled_from(Status), st.just(START), st.none() | st.text(max_size=3))
TYPES = st.sampled_from([EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED])


@given(one=STATES, other=STATES, later=st.integers(0, 2))
def test_other_happening_at_the_same_number_has_another_id(one: State, other: State, later: int) -> None:
    """After a restore the numbers come again: the same happening has the same id, whenever it is seen, others not."""
    before = transition_event(DATABASE, INVOICE, one, EventType.of_status(one.status), START)
    seen_at = START + timedelta(seconds=later)
    again = transition_event(DATABASE, INVOICE, other, EventType.of_status(other.status), seen_at)
    same = (one.status, one.error) == (other.status, other.error)
    assert (before.id == again.id) is same


@given(state=STATES, type_=TYPES)
def test_rule_about_age_and_transition_at_the_same_number_differ(state: State, type_: EventType) -> None:
    change = transition_event(DATABASE, INVOICE, state, EventType.of_status(state.status), START)
    rule = transition_event(DATABASE, INVOICE, state, type_, START)
    assert change.id != rule.id


@given(one=st.integers(0, 3), other=st.integers(0, 3), types=st.tuples(*[st.sampled_from(EventType)] * 2))
def test_health_event_at_another_time_has_another_id(one: int, other: int, types: tuple[EventType, EventType]) -> None:
    first, second = (
        health_event(DATABASE, type_, "receiver/crm", 1, START + timedelta(milliseconds=moved), DOWN)
        for type_, moved in zip(types, (one, other), strict=True)
    )
    assert (first.id == second.id) is ((one, types[0]) == (other, types[1]))
