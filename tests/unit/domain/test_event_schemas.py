"""The JSON Schemas of events: right in themselves, and of every event that there can be."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_schemas import MEANINGS, any_schema, data_schema_id, example, schema_id, schema_of
from bridge.domain.events import envelope, transition_event
from bridge.domain.model import Event, EventType, Message, Observation, State, Status
from bridge.domain.samples import samples
from bridge.domain.transition_detector import judge
from bridge.receivers.event_formats import STANDARD
from tests.unit.receivers.events import texts
from tests.world.clock import START
from tests.world.schemas import faults

EVENTS_MD = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
PRINTED = re.findall(r"^## `(.+?)`\n(.*?)```json\n(.+?)```", EVENTS_MD, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("type_", EventType)
def test_each_schema_is_one_and_its_example_fits(type_: EventType) -> None:
    schema = schema_of(type_)
    assert jsonschema_rs.meta.is_valid(schema)
    (shown,) = schema["examples"]
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(shown)
    assert shown["type"] == type_


@pytest.mark.parametrize("event", list(samples({"team": "billing"})), ids=lambda event: event.type)
def test_every_sample_has_the_keys_that_its_schema_names_and_no_other(event: Any) -> None:
    assert faults(envelope(event)) == []


def test_the_schema_of_all_tells_them_apart() -> None:
    schema = any_schema()
    assert jsonschema_rs.meta.is_valid(schema)
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for event in samples({}):
        validator.validate(envelope(event))
    strange = envelope(example(EventType.MESSAGE_FAILED)) | {"type": "message.eaten"}
    assert not validator.is_valid(strange)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.pop("id"),
        lambda told: told["data"].pop("current"),
        lambda told: told["data"]["current"].update(status="sent"),
        lambda told: told["data"].update(message_id="12346"),
        lambda told: told.update(timestamp="yesterday"),
        lambda told: told.update(type="message.sent"),
    ],
)
def test_what_is_no_such_event_is_refused(spoil: Any) -> None:
    told = json.loads(json.dumps(envelope(example(EventType.MESSAGE_FAILED))))
    spoil(told)
    validator = jsonschema_rs.validator_for(schema_of(EventType.MESSAGE_FAILED), validate_formats=True)
    assert not validator.is_valid(told)


def test_a_key_that_comes_with_a_later_version_is_no_fault() -> None:
    told = json.loads(json.dumps(envelope(example(EventType.MESSAGE_FAILED))))
    told["data"]["from_a_later_version"] = told["later"] = 1
    jsonschema_rs.validator_for(schema_of(EventType.MESSAGE_FAILED)).validate(told)


def test_every_type_and_each_part_has_a_name_of_its_own() -> None:
    names = [name for type_ in EventType for name in (schema_id(type_), data_schema_id(type_))]
    assert len(set(names)) == len(names)


def test_the_documentation_shows_each_type_as_it_is() -> None:
    assert [name for name, _, _ in PRINTED] == list(EventType)
    for name, prose, shown in PRINTED:
        assert MEANINGS[EventType(name)] in " ".join(prose.split())
        assert json.loads(shown) == json.loads(json.dumps(envelope(example(EventType(name)))))


states = st.builds(State, st.sampled_from(Status), st.just(START - timedelta(hours=1)), st.none() | texts)
messages = st.builds(
    Message,
    st.integers(0, 2**63 - 1),
    st.none() | texts,
    st.dictionaries(texts, texts, max_size=3),
    st.none() | states,
    st.integers(0, 10**6),
)


def sent(event: Event) -> Any:
    return json.loads(STANDARD.one(event).body)


@given(messages, st.sampled_from(Status), st.none() | texts)
def test_whatever_becomes_of_a_message_is_as_its_schema_says(
    message: Message, status: Status, error: str | None
) -> None:
    seen = Observation(status, START, error if status is Status.FAILED else None)
    verdict = judge(message, seen, timedelta(0))
    if verdict.event is not None and verdict.state is not None:
        assert faults(sent(transition_event("db", message, verdict.state, verdict.event, START))) == []


@given(messages, st.sampled_from([EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED]), st.none() | st.lists(texts))
def test_whatever_is_told_of_a_message_s_age_is_as_its_schema_says(
    message: Message, type_: EventType, numbers: list[str] | None
) -> None:
    state = message.state or State(Status.PENDING, START)
    assert faults(sent(transition_event("db", message, state, type_, START, numbers))) == []
