"""What a webhook with templates gets: just what they make, signed as it is sent, and nothing that breaks HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.errors import UnrenderableError
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.redaction import Redactor
from bridge.domain.samples import sample_event
from bridge.receivers.registry import sender_for
from bridge.receivers.responses import Success
from bridge.receivers.templating.template_text import Body, Source
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.receivers.webhook.templated import TemplatedReceiver, Templates
from bridge.simulator.sink import Sink
from bridge.transport.message import Reply, Request
from tests.unit.receivers.events import changed, source_down
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.domain.model import Event

SECRET = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE="


def receiver(
    body: Any = None, path: str | None = None, headers: dict[str, str] | None = None, **more: Any
) -> TemplatedReceiver:
    content = None if body is None else Body(Source(body) if isinstance(body, str) else body)
    templates = Templates(
        content,
        {key: Source(text) for key, text in (headers or {}).items()},
        None if path is None else Source(path),
        more.pop("content_type", "application/json"),
    )
    return TemplatedReceiver("api", templates, **more)


def render(event: Event | None = None, at: datetime = START, **more: Any) -> Request:
    return receiver(**more).render([event or changed()], at)


def test_keys_and_values_are_sent_as_compact_json_in_their_order() -> None:
    request = render(body={"b": Source("{{ event.data.message_id }}"), "a": [None, 1.5, "x"]})
    assert request.body == b'{"b":12346,"a":[null,1.5,"x"]}'
    assert request.headers["content-type"] == "application/json"


def test_text_is_sent_as_it_is_with_the_type_that_is_named() -> None:
    request = render(body="id={{ event.id | urlencode }}\n", content_type="application/x-www-form-urlencoded")
    assert request.body == f"id={changed().id}".encode()
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_what_is_signed_is_what_is_sent() -> None:
    request = render(at=datetime.now(UTC), body={"ü": Source("{{ summary }}")}, secrets=[SECRET])
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == json.loads(request.body)


def test_every_attempt_sends_the_same() -> None:
    one, two = (render(body={"all": Source("{{ event }}")}, headers={"X": "{{ event.id }}"}) for _ in range(2))
    assert one == two


def test_a_header_may_be_made_of_the_body_that_is_sent() -> None:
    request = render(body={"a": "Größe"}, headers={"X-Hub-Signature-256": "sha256={{ body | hmac_sha256('k3y') }}"})
    expected = hmac.new(b"k3y", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-hub-signature-256"] == f"sha256={expected}"


def test_the_body_of_the_documentation_may_have_headers_that_are_templates_too() -> None:
    request = render(headers={"X": "{{ body | hmac_sha256('k3y') }}"})
    assert json.loads(request.body)["id"] == changed().id
    assert request.headers["x"] == hmac.new(b"k3y", request.body, hashlib.sha256).hexdigest()


def test_a_header_is_one_line_of_utf_8_and_one_that_is_empty_is_left_out() -> None:
    event = changed(label=" ü\r\nX-Evil: 1\x1b ")
    request = render(
        event, headers={"X-Label": "{{ event.data.label }}", "X-None": "{{ event.data.missing | default('') }}"}
    )
    assert request.headers["x-label"].encode("latin-1").decode() == "ü X-Evil: 1"
    assert "x-none" not in request.headers


def test_no_header_of_the_bridge_can_be_replaced() -> None:
    request = render(body={}, headers={"Webhook-Id": "{{ receiver }}", "Content-Type": "{{ receiver }}"})
    assert request.headers["webhook-id"] == changed().id
    assert request.headers["content-type"] == "application/json"


def test_an_event_can_t_lead_an_address_elsewhere() -> None:
    event = changed(label="../../admin?x=1#y z\r\n@evil.example")
    assert render(event, path="m/{{ event.data.label }}/ü x").path == (
        "m/..%2F..%2Fadmin%3Fx%3D1%23y%20z%0D%0A%40evil.example/%C3%BC%20x"
    )


@pytest.mark.parametrize("label", ["..", "."])
def test_an_event_can_t_climb_out_of_an_address(label: str) -> None:
    with pytest.raises(UnrenderableError, match="leads to another path"):
        render(changed(label=label), path="m/{{ event.data.label }}/x?y=..")
    render(changed(label="a..b"), path="m/{{ event.data.label }}/x?y=/..")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"body": {"e": Source("{{ event.data.current.error }}")}}, "body"),
        ({"headers": {"X-Error": "{{ event.data.current.error }}"}}, "headers.x-error"),
        ({"path": "{{ event.data.current.error }}"}, "webhook"),
    ],
)
def test_an_event_that_a_template_has_nothing_for_is_said_to_be_that(more: dict[str, Any], what: str) -> None:
    with pytest.raises(UnrenderableError) as caught:
        render(source_down(), **more)
    assert str(caught.value) == (
        f"the template of {what} can't be rendered for this event (source.down): there is no `current`; "
        "where it may be missing, write `| default('')` after it"
    )


def test_text_that_is_called_json_and_is_none_is_not_sent() -> None:
    with pytest.raises(UnrenderableError, match=r"makes no JSON of this event \(message.failed\)"):
        render(changed(label='"'), body='{"label": "{{ event.data.label }}"}')


def test_an_attempt_that_can_t_be_rendered_is_a_dead_letter_in_clear_words_and_nothing_is_sent() -> None:
    with Sink() as sink:
        settings = WebhookReceiverConfig.model_validate(
            {"name": "api", "webhook": sink.url, "body": Body({"e": Source("{{ event.data.current.error }}")})}
        )
        with closing(sender_for(settings)) as sender:
            made = attempt(sender, [source_down()], clock=SystemClock(), redact=Redactor())
        assert sink.count == 0
    assert isinstance(made.outcome, Dead)
    assert made.outcome.why.startswith("the template of body can't be rendered for this event (source.down)")


def test_what_success_names_is_success_and_nothing_else() -> None:
    api = receiver(body={}, success=[Success(204, 204), Success(409, 409), Success(302, 302, "there.example")])
    taken = [Reply(204), Reply(409), Reply(302, {"location": "https://there.example/x"})]
    assert [api.read(reply, START) for reply in taken] == [Delivered()] * 3
    others = [Reply(200), Reply(404), Reply(302), Reply(302, {"location": "https://evil.example/there.example"})]
    others += [Reply(302, {"location": "/x"}), Reply(302, {"location": "https://[/"}), Reply(500)]
    assert all(isinstance(api.read(reply, START), Retry) for reply in others)
    assert isinstance(api.read(Reply(410), START), Dead)


@pytest.mark.parametrize(
    "body",
    [b'{"ok":false,"error":"channel_not_found"}', b'{"success": false}', b'{"error": {"code": 3}}'],
)
def test_refusal_with_200_is_no_delivery_unless_success_says_so(body: bytes) -> None:
    """Slack's Web API refuses with 200 and ``ok: false``; who knows better says ``success: 2xx``."""
    outcome = receiver("{}").read(Reply(200, {}, body), START)
    assert outcome == Retry("HTTP 200 OK: the answer says that it was refused (ok, success or error in it)")
    assert receiver("{}", success=[Success(200, 299)]).read(Reply(200, {}, body), START) == Delivered()


@pytest.mark.parametrize("body", [b"", b"ok", b"<html>", b'{"ok":true,"result":{}}', b'{"id":1,"error":null}', b"[]"])
def test_any_other_2xx_is_a_delivery(body: bytes) -> None:
    assert receiver("{}").read(Reply(200, {}, body), START) == Delivered()


def test_template_knows_whether_it_is_a_test() -> None:
    text = "{{ 'a test' if event.test else 'real' }}: {{ summary }}"
    assert render(sample_event(START), body=text, content_type="text/plain").body.startswith(
        b"a test: TEST: WhatsApp message 0"
    )
    assert render(body=text, content_type="text/plain").body.startswith(b"real: WhatsApp message 12346")
    assert json.loads(render(body={"all": Source("{{ event }}")}).body)["all"]["test"] is False
