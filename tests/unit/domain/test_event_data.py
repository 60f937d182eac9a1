"""The data of events: what the bridge writes reads back as it was, and nothing of what others wrote is lost."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.domain.event_data import (
    EventData,
    MessageData,
    NumberData,
    NumberSeen,
    RateData,
    ReasonCount,
    ReceiverData,
    SlowMessage,
    SourceData,
    StateData,
    SummaryData,
    SumsData,
    message_data,
    read_data,
)
from bridge.domain.event_schemas import data_schema_of
from bridge.domain.json_object import read, written
from bridge.domain.model import EventType
from bridge.domain.samples import samples
from tests.unit.receivers.events import any_event

if TYPE_CHECKING:
    from bridge.domain.json_object import JsonObject
    from bridge.domain.model import Event

BRIDGE = Path(bridge.__file__).parent

_TYPES: dict[type[EventData], EventType] = {
    MessageData: EventType.MESSAGE_STUCK,
    SourceData: EventType.SOURCE_UP,
    ReceiverData: EventType.RECEIVER_UP,
    NumberData: EventType.NUMBER_CONNECTED,
    RateData: EventType.ACCOUNT_RECOVERED,
    SummaryData: EventType.SUMMARY,
}

_texts, _whole = st.text(), st.integers()
_share = st.none() | st.floats(0, 100) | st.integers(0, 100)


def _any(kind: type[JsonObject], **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make values of a class: its fields are texts, numbers and none, but for those that are given."""
    hints = {each.name: str(each.type) for each in fields(kind) if each.name not in {"more", *known}}
    plain = {"str": _texts, "int": _whole, "bool": st.booleans()}
    for name, hint in hints.items():
        type_, *none = hint.split(" | ")
        known[name] = st.none() | plain[type_] if none else plain[type_]
    return st.builds(kind, **known)


_states = _any(StateData)
_reasons = st.lists(_any(ReasonCount), max_size=3).map(tuple)
_reminders = {"reminder": st.none() | _whole, "lasting_seconds": st.none() | _whole}
_data = st.one_of(
    _any(
        MessageData,
        tags=st.dictionaries(_texts, _texts, max_size=3),
        previous=st.none() | _states,
        current=_states,
        disconnected_numbers=st.none() | st.lists(_texts, max_size=3).map(tuple),
        **_reminders,
    ),
    _any(SourceData, **_reminders),
    _any(ReceiverData, **_reminders),
    _any(NumberData, **_reminders),
    _any(RateData, share=_share, reasons=_reasons, **_reminders),
    _any(
        SummaryData,
        failure_share=_share,
        before=st.none() | _any(SumsData, failure_share=_share),
        reasons=_reasons,
        slowest=st.lists(_any(SlowMessage), max_size=3).map(tuple),
        numbers=st.lists(_any(NumberSeen), max_size=3).map(tuple),
        **_reminders,
    ),
)

_json = st.recursive(
    st.none() | st.booleans() | _whole | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_keys = st.sampled_from(sorted({each.name for kind in _TYPES for each in fields(kind)}))
_objects = st.dictionaries(_keys | _texts, _json | _states.map(written) | st.lists(_states.map(written)), max_size=8)


def in_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def assert_holds(whole: object, part: object) -> None:
    """Check that all of a value of JSON is in another one; an object may have more keys, and lack null ones."""
    match part:
        case dict():
            assert isinstance(whole, dict)
            for key, value in part.items():
                assert_holds(whole.get(key) if value is None else whole[key], value)
        case list():
            assert isinstance(whole, list)
            for mine, value in zip(whole, part, strict=True):
                assert_holds(mine, value)
        case _:
            assert in_json(whole) == in_json(part)  # True is no 1 there


@pytest.mark.parametrize("event", [*samples({"team": "ops"})], ids=lambda event: f"{event.type}-{event.sequence}")
def test_events_of_the_bridge_are_read_whole_and_written_as_they_were(event: Event) -> None:
    data = event.data
    assert data == read_data(event.type, event.json), "it knows what it was made from"
    assert not data.more
    assert in_json(written(data)) == in_json(dict(event.json)), "keys in their order, too"


@given(_data)
def test_what_is_written_is_read_as_it_was(data: EventData) -> None:
    wrote = in_json(written(data))
    back = read_data(_TYPES[type(data)], json.loads(wrote))
    assert back == data
    assert in_json(written(back)) == wrote


@pytest.mark.slow
@given(st.sampled_from(EventType), _objects)
def test_nothing_of_any_object_is_lost(type_: EventType, given_: dict[str, Any]) -> None:
    assert_holds(written(read_data(type_, given_)), given_)


@given(any_event)
def test_any_event_has_data(event: Event) -> None:
    assert isinstance(event.data, tuple(_TYPES))
    assert event.data is event.data, "they are read once"
    assert (event.data if event.type.startswith("message.") else message_data(event.data)) == message_data(event.data)


@pytest.mark.parametrize("type_", list(EventType))
@pytest.mark.parametrize("value", [None, [], "x", 7, object()])
def test_what_is_no_object_reads_as_an_empty_one(type_: EventType, value: object) -> None:
    assert read_data(type_, value) == read_data(type_, {})


@pytest.mark.parametrize("kind", list(_TYPES))
def test_schemas_describe_the_same_keys(kind: type[EventData]) -> None:
    about = _TYPES[kind].partition(".")[0]
    types = [type_ for type_ in EventType if type_.partition(".")[0] == about]
    described = {key for type_ in types for key in data_schema_of(type_)["properties"]}
    named = {each.name for each in fields(kind)} - {"more"}
    assert described - _reminders.keys() == named - _reminders.keys()


def test_what_is_missing_is_empty_and_what_is_of_another_type_is_kept() -> None:
    stored = {"message_id": "7", "label": 5, "tags": {"a": 1}, "current": {"status": "sent", "code": True}, "new": [1]}
    data = read(MessageData, stored)
    assert (data.message_id, data.label, data.tags, data.previous, data.reason) == (0, None, {}, None, None)
    assert data.current == StateData(status="sent", code=None, since="", more={"code": True})
    assert data.more == {"message_id": "7", "label": 5, "tags": {"a": 1}, "new": [1]}


def test_only_the_border_reads_the_json_of_an_event() -> None:
    """Elsewhere a misspelt key would read as a missing one; mypy sees a misspelt field of the data."""
    readers = {
        str(file.relative_to(BRIDGE)) for file in BRIDGE.rglob("*.py") if "event.json" in file.read_text("utf-8")
    }
    assert readers == {
        "daemon/log_listener.py",
        "domain/events.py",
        "receivers/event_formats.py",
        "store/row_mapping.py",
    }
