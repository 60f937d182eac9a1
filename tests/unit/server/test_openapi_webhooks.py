"""The webhooks in the OpenAPI document: what the webhook receiver really sends is as they say."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from bridge.domain.model import Event, EventType
from bridge.domain.samples import samples
from bridge.receivers.signing import new_secret
from bridge.receivers.webhook.receiver import WebhookReceiver
from bridge.server.openapi_webhooks import components, webhooks
from tests.world.clock import START

COMPONENTS = components()
OF_HTTP = {"user-agent", "content-type"}


@pytest.mark.parametrize("secrets", [[], [new_secret(bytes(32))]], ids=["plain", "signed"])
@pytest.mark.parametrize("event", list(samples({"team": "billing"})), ids=lambda event: event.type)
def test_events_are_sent_as_the_document_says(event: Event, secrets: list[str]) -> None:
    sent = WebhookReceiver("crm", secrets).render([event], START)
    call = webhooks()[event.type]["post"]
    body = {"components": COMPONENTS, **call["requestBody"]["content"][sent.headers["content-type"]]["schema"]}
    jsonschema_rs.validator_for(body, validate_formats=True).validate(json.loads(sent.body))
    headers = {
        name: COMPONENTS["parameters"][name] for name in (each["$ref"].split("/")[-1] for each in call["parameters"])
    }
    assert sent.headers.keys() - OF_HTTP <= headers.keys()
    assert {name for name, header in headers.items() if header["required"] or secrets} <= sent.headers.keys()


def test_every_type_has_a_webhook_and_an_id_of_its_own() -> None:
    assert list(webhooks()) == list(EventType)
    assert webhooks()["message.failed"]["post"]["operationId"] == "receive_message_failed"
    assert len({each["post"]["operationId"] for each in webhooks().values()}) == len(EventType)
