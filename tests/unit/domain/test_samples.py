"""The samples that templates are tried out with: every type, as the bridge itself makes them."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from hypothesis import given

from bridge.domain.event_parser import read_events
from bridge.domain.event_schemas import example
from bridge.domain.events import envelope
from bridge.domain.model import Event, EventType
from bridge.domain.samples import sample_event, samples
from tests.unit.receivers.events import any_event
from tests.world.clock import START
from tests.world.schemas import faults


def test_there_are_samples_of_every_type_rich_and_poor() -> None:
    keys: dict[str, list[set[str]]] = defaultdict(list)
    for event in samples({}):
        keys[event.type].append(set(event.json))
    assert set(keys) == set(EventType)
    assert all(len(each) >= 2 for each in keys.values())


def test_every_message_has_the_tags_that_the_receiver_asks_for() -> None:
    assert all(event.json["tags"]["team"] == "ops" for event in samples({"team": "ops"}) if event.message_id)


def test_what_may_be_missing_or_null_is_so_in_one_of_them_and_not_in_another() -> None:
    failed = [event.json for event in samples({}) if event.type is EventType.MESSAGE_FAILED]
    assert {each["label"] is None for each in failed} == {True, False}
    assert {each["previous"] is None for each in failed} == {True, False}
    assert {"error" in each["current"] for each in failed} == {True, False}
    up = [event.json for event in samples({}) if event.type is EventType.SOURCE_UP]
    assert {"down_since" in each for each in up} == {True, False}


def test_samples_are_the_same_every_time_and_are_json() -> None:
    assert list(samples({})) == list(samples({}))
    assert json.dumps([event.json for event in samples({})], allow_nan=False)


@pytest.mark.parametrize("type_", EventType)
def test_test_event_of_each_type_says_so_and_fits_its_schema(type_: EventType) -> None:
    event = sample_event(START, type_)
    shown = envelope(event)
    assert (shown["test"], shown["type"], event.at) == (True, type_, START)
    assert faults(json.loads(json.dumps(shown))) == []
    assert event.message_id in {None, 0}, "no real message has the id 0"
    assert event.id.startswith("test-"), "no real event's id"
    assert event.id != sample_event(START, type_).id


@given(any_event)
def test_only_tests_say_that_they_are_one(event: Event) -> None:
    assert envelope(event).get("test", False) is event.test
    assert read_events(json.dumps(envelope(example(EventType.MESSAGE_SENT))), START)[0].test is False
