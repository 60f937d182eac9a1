"""Events are read back from the form in which receivers get them; what is none is told with its place."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_parser import read_events
from bridge.domain.events import envelope
from bridge.domain.model import Event, EventType, Status
from bridge.domain.samples import sample_event
from tests.unit.receivers.events import changed, number_disconnected, receiver_down, source_down
from tests.world.clock import START

EVENTS = [
    sample_event(START),
    changed(),
    changed(7, Status.SENT, label=None),
    source_down(),
    receiver_down(),
    number_disconnected(),
]


def told(event: Event) -> str:
    return json.dumps(envelope(event), ensure_ascii=False)


@pytest.mark.parametrize("event", EVENTS)
def test_what_receivers_get_is_read_back(event: Event) -> None:
    (read,) = read_events(told(event), START)
    assert (read.id, read.type, read.json, read.message_id) == (event.id, event.type, event.json, event.message_id)
    assert read.test is event.test


def test_a_list_is_read_and_so_is_one_after_the_other() -> None:
    listed = f"[{','.join(map(told, EVENTS))}]"
    lines = "\n".join(map(told, EVENTS))
    assert read_events(listed, START) == read_events(lines, START)
    assert len(read_events(lines, START)) == len(EVENTS)


def test_the_least_is_a_type_and_data() -> None:
    (read,) = read_events('{"type": "message.failed", "data": {"message_id": 5, "label": null, "tags": null}}', START)
    assert (read.id, read.type, read.message_id) == ("no id", EventType.MESSAGE_FAILED, 5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no event in it"),
        ("[]", "there is no event in it"),
        ('{"type":\n  nonsense}', "2:3: this is not JSON (Expecting value)"),
        ("5", "this: must be an event: an object with type and data"),
        ('{"type": "message.faild", "data": {}}', "type: must be a type of event (did you mean `message.failed`?)"),
        ('{"type": ["message.failed"], "data": {}}', "type: must be a type of event"),
        ('{"type": "source.down"}', "data: is missing: it must be an object"),
        ('{"type": "message.failed", "data": {}}', "data.message_id: is missing: it must be a whole number"),
        ('{"type": "message.failed", "data": {"message_id": "5"}}', "data.message_id: must be a whole number"),
        ('{"type": "message.failed", "data": {"message_id": true}}', "data.message_id: must be a whole number"),
        ('{"type": "source.down", "data": {"tags": {"a": 1}}}', "data.tags.a: must be text"),
        ('{"type": "source.down", "data": {"label": 1}}', "data.label: must be text"),
        ('{"type": "source.down", "data": {"current": {"status": "x"}}}', "data.current.status: must be a status"),
        ('{"type": "source.down", "data": {"current": {"error": 1}}}', "data.current.error: must be text"),
        ('[{"type": "source.down", "data": {}}, 5]', "[1]: must be an event"),
        ('[{"type": "source.down", "data": {}}, {"type": 5}]', "[1].type: must be a type of event"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_event_is_told_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 -- its words are compared
        read_events(text, START)
    assert why in str(error.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "data", "id", "current", "tags", "label", "status", "error", "message_id"]), inner
        )
    ),
)


@pytest.mark.slow
@given(_json | st.builds(lambda data: {"type": "message.failed", "data": data}, _json))
def test_any_json_is_an_event_or_said_not_to_be(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert all(isinstance(event, Event) for event in read_events(json.dumps(value), START))
