"""What a webhook gets: Standard Webhooks' headers, DESIGN's body, one event in each POST."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from standardwebhooks.webhooks import Webhook

from bridge import __version__
from bridge.domain.outcome import Dead, Delivered
from bridge.receivers.webhook.receiver import WebhookReceiver
from bridge.transport.message import Reply, Request
from tests.unit.receivers.events import any_event, changed, receiver_down
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.domain.model import Event
    from bridge.receivers.protocol import Receiver

OLD = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE="
NEW = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE="


def render(event: Event, *secrets: str, at: datetime = START, headers: dict[str, str] | None = None) -> Request:
    receiver: Receiver = WebhookReceiver("crm", secrets, headers or {})
    return receiver.render([event], at)


def test_the_body_is_the_one_of_the_documentation() -> None:
    event = changed(tags={"team": "billing"})
    assert render(event).body.decode() == (
        '{"id":"' + event.id + '","type":"message.failed","timestamp":"2026-11-23T20:11:12.345Z",'
        '"data":{"message_id":12346,"label":"Invoice 88","tags":{"team":"billing"},"sequence":2,'
        '"previous":{"status":"pending","code":0,"since":"2026-11-23T20:09:42.345Z"},'
        '"current":{"status":"failed","code":2,"since":"2026-11-23T20:11:12.345Z","error":"Invalid phone number"}}}'
    )


def test_the_headers_are_those_of_standard_webhooks() -> None:
    event = changed()
    headers = render(event, OLD, at=START + timedelta(seconds=61)).headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"wbiztool-bridge/{__version__}"
    assert headers["webhook-id"] == event.id
    assert headers["webhook-timestamp"] == "1795464733"
    assert headers["webhook-signature"].startswith("v1,")


def test_without_a_secret_there_is_no_signature() -> None:
    assert "webhook-signature" not in render(changed()).headers


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_while_a_secret_is_changed_the_old_and_the_new_one_verify(secret: str) -> None:
    request = render(changed(label="Größe ✓ 漢字"), OLD, NEW, at=datetime.now(UTC))
    event = Webhook(secret).verify(request.body, dict(request.headers))
    assert event["data"]["label"] == "Größe ✓ 漢字"


def test_every_attempt_sends_the_same_body_and_id_with_its_own_time_and_signature() -> None:
    first, second = render(changed(), OLD), render(changed(), OLD, at=START + timedelta(hours=5))
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_configured_headers_are_sent_beside_those_of_the_receiver() -> None:
    headers = render(changed(), headers={"Authorization": "Bearer t0k3n", "User-Agent": "ours/1"}).headers
    assert headers["authorization"] == "Bearer t0k3n"
    assert headers["user-agent"] == "ours/1"


def test_configured_headers_can_t_say_other_things_than_what_is_sent() -> None:
    theirs = {"Content-Type": "text/plain", "Webhook-Id": "x", "WEBHOOK-TIMESTAMP": "1", "webhook-signature": "v1,x"}
    assert render(changed(), headers=theirs).headers == render(changed()).headers
    assert render(changed(), OLD, headers=theirs).headers == render(changed(), OLD).headers


@pytest.mark.parametrize("events", [[], [changed(1), changed(2)]])
def test_anything_but_one_event_is_refused(events: list[Event]) -> None:
    with pytest.raises(ValueError, match=f"not {len(events)}"):
        WebhookReceiver("crm").render(events, START)


def test_a_secret_that_is_none_is_refused_when_the_receiver_is_made() -> None:
    with pytest.raises(ValueError, match="base64"):
        WebhookReceiver("crm", [OLD, "whsec_***"])


def test_a_receiver_shows_no_secret_of_its_own() -> None:
    receiver = WebhookReceiver("crm", [OLD], {"Authorization": "Bearer t0k3n"})
    assert "t0k3n" not in repr(receiver)
    assert "b2xk" not in repr(receiver)


def test_events_about_the_bridge_are_sent_in_the_same_form() -> None:
    sent = json.loads(render(receiver_down("ops")).body)
    assert sent["type"] == "receiver.down"
    assert sent["data"]["receiver"] == "ops"


@given(any_event)
def test_any_event_is_sent_as_the_json_that_it_is(event: Event) -> None:
    event = dataclasses.replace(event, id="evt_abc")  # ids are the bridge's own, whatever the rest holds
    body = render(event, OLD).body
    sent = json.loads(body.decode("utf-8"))
    assert list(sent) == ["id", "type", "timestamp", *(["test"] if event.test else []), "data"]
    assert len(sent["data"]) <= len(event.json)
    assert body == render(event).body
    assert b"\n" not in body


def test_half_of_a_surrogate_pair_in_a_label_does_not_stop_the_event() -> None:
    assert json.loads(render(changed(label="half \ud83d")).body)["data"]["label"] == "half \N{REPLACEMENT CHARACTER}"


def test_answers_are_read_by_the_general_table() -> None:
    receiver = WebhookReceiver("crm")
    assert receiver.read(Reply(204), START) == Delivered()
    assert isinstance(receiver.read(Reply(410, body=b"ok"), START), Dead)
