"""CloudEvents 1.0, read by the official SDK; the form of Standard Webhooks is in test_webhook."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_schemas import data_schema_id, example
from bridge.domain.model import EventType
from bridge.domain.redaction import clean_text
from bridge.domain.samples import sample_event, samples
from bridge.receivers.event_formats import CloudEventsBinaryForm, CloudEventsForm, Written, source_of
from bridge.receivers.webhook.receiver import WebhookReceiver
from tests.world.records import NOW

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from bridge.domain.model import Event

SOURCE = source_of("0123456789abcdef")
STRUCTURED, BINARY = CloudEventsForm(SOURCE), CloudEventsBinaryForm(SOURCE)
EVENTS = list(samples({"team": "billing"}))


def understood(written: Written) -> BaseCloudEvent:
    """Read as a receiver does that uses the SDK."""
    headers = {"content-type": written.content_type, **written.headers}
    return from_http_event(HTTPMessage(headers=headers, body=written.body), JSONFormat())


def assert_same(read: BaseCloudEvent, event: Event) -> None:
    data = read.get_data()
    assert data is not None
    assert (data if isinstance(data, dict) else json.loads(data)) == json.loads(json.dumps(event.json))
    assert read.get_id() == event.id
    assert read.get_type() == f"com.wbiztool.bridge.{event.type}"
    assert read.get_source() == SOURCE
    assert read.get_subject() == event.subject
    assert read.get_specversion() == "1.0"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_dataschema() == data_schema_id(event.type)
    shown = read.get_time()
    assert shown is not None
    assert abs((shown - event.at).total_seconds()) < 0.001


@pytest.mark.parametrize("form", [STRUCTURED, BINARY], ids=["structured", "binary"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_official_sdk_reads_every_type_of_event(form: CloudEventsForm, event: Event) -> None:
    assert_same(understood(form.one(event)), event)


def test_a_batch_is_a_list_of_what_the_sdk_reads_one_by_one() -> None:
    written = STRUCTURED.many(EVENTS)
    assert written.content_type == "application/cloudevents-batch+json; charset=utf-8"
    shown = json.loads(written.body)
    for each, event in zip(shown, EVENTS, strict=True):
        one = Written("application/cloudevents+json", json.dumps(each).encode())
        assert_same(understood(one), event)


def test_binary_mode_has_no_batches() -> None:
    with pytest.raises(ValueError, match="binary mode has no lists"):
        BINARY.many(EVENTS[:2])


def test_the_body_that_is_sent_is_what_is_signed_and_the_headers_of_standard_webhooks_stay() -> None:
    receiver = WebhookReceiver("crm", ["whsec_" + "QUFB" * 8], form=BINARY)
    event = example(EventType.MESSAGE_FAILED)
    request = receiver.render([event], NOW)
    assert request.headers["webhook-id"] == request.headers["ce-id"] == event.id
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-signature"].startswith("v1,")
    assert json.loads(request.body) == event.json


@given(st.text())
def test_whatever_stands_in_an_attribute_its_header_is_printable_and_can_be_read_back(text: str) -> None:
    event = replace(example(EventType.MESSAGE_FAILED), subject=text)
    header = BINARY.one(event).headers["ce-subject"]
    assert all(0x21 <= ord(letter) < 0x7F and letter != '"' for letter in header)
    assert unquote(header) == clean_text(text)


@pytest.mark.parametrize("form", [STRUCTURED, BINARY], ids=["structured", "binary"])
def test_cloudevent_says_whether_it_is_a_test(form: CloudEventsForm) -> None:
    """An attribute of our own (CloudEvents 1.0, "Extension Context Attributes"), a Boolean."""
    event = sample_event(NOW)
    assert_same(understood(form.one(event)), event)
    assert understood(form.one(event)).get_extension("test") in {True, "true"}
    assert understood(form.one(replace(event, test=False))).get_extension("test") is None


def test_batch_of_cloudevents_says_of_each_whether_it_is_a_test() -> None:
    sample = sample_event(NOW)
    (test, real) = json.loads(STRUCTURED.many([sample, replace(sample, test=False)]).body)
    assert test["test"] is True
    assert "test" not in real
