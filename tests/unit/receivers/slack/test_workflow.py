"""A Slack workflow gets flat variables, all of them each time, and its refusals are understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from bridge.domain.model import Event, Status
from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from bridge.domain.samples import sample_event
from bridge.receivers.slack.workflow import VARIABLES, WorkflowReceiver
from bridge.transport.message import Reply
from tests.unit.receivers.events import any_event, changed, source_down
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.receivers.protocol import Receiver

PAGES = "https://bridge.example.com"


def sent(event: Event, pages: str | None = PAGES) -> dict[str, Any]:
    receiver: Receiver = WorkflowReceiver("ops", pages)
    request = receiver.render([event], START)
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    body: dict[str, Any] = json.loads(request.body)
    return body


def read(status: int, body: bytes = b"", **headers: str) -> Outcome:
    return WorkflowReceiver("ops").read(Reply(status, headers, body), START)


def test_a_message_is_told_with_all_that_is_known() -> None:
    event = changed(tags={"team": "billing"})
    assert sent(event) == {
        "event_id": event.id,
        "event": "message.failed",
        "time": "2026-11-23T20:11:12.345Z",
        "text": "❌ WhatsApp message 12346 failed: invalid phone number · Invoice 88",
        "message_id": "12346",
        "label": "Invoice 88",
        "tags": "team: billing",
        "status": "failed",
        "previous_status": "pending",
        "error": "Invalid phone number",
        "about": "12346",
        "link": "https://bridge.example.com/messages/12346",
        "test": "",
    }


def test_test_says_so() -> None:
    told = sent(sample_event(START))
    assert told["test"] == "true"
    assert told["text"].startswith("🧪 TEST: WhatsApp message 0 failed")


def test_what_there_is_nothing_to_say_of_is_empty_and_sent_all_the_same() -> None:
    told = sent(source_down(), pages=None)
    assert {key for key, value in told.items() if not value} == {
        *("message_id", "label", "tags", "status", "previous_status", "link", "test"),
    }
    assert told["error"] == "Auth Error"
    assert sent(changed(1, Status.SENT))["error"] == ""
    assert sent(source_down())["link"] == PAGES


@given(any_event)
def test_any_event_whatsoever_is_flat_short_text_on_one_line(event: Event) -> None:
    told = sent(event)
    assert tuple(told) == VARIABLES
    for value in told.values():
        assert isinstance(value, str)
        assert len(value) <= 2000
        assert len(value.splitlines()) <= 1


def test_events_are_not_grouped() -> None:
    with pytest.raises(ValueError, match="one event in a call, not 2"):
        WorkflowReceiver("ops").render([changed(), changed()], START)


@pytest.mark.parametrize("body", [b"", b"ok", b'{"ok":true}', b"[]", b"{}", b'{"ok":"false"}'])
def test_a_2xx_is_a_delivery_unless_it_says_otherwise(body: bytes) -> None:
    assert read(200, body) == Delivered()


@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_workflow_that_refuses_is_tried_again_later_its_owner_may_mend_it(status: int) -> None:
    outcome = read(status, b'{"ok":false,"error":"invalid_workflow_input"}')
    assert isinstance(outcome, Retry)
    assert not outcome.quick
    assert outcome.why == "invalid_workflow_input: Slack refuses it: look this code up on docs.slack.dev"


def test_code_that_is_none_is_not_repeated() -> None:
    why = (
        "the answer is a refusal without a reason: check that the address is the right one, and try `wbiz-bridge test`"
    )
    assert read(200, b'{"ok":false,"error":"<b>x</b>"}') == Retry(why)
    assert read(400, b'{"ok":false,"error":"<b>x</b>"}') == Retry(
        "HTTP 400 Bad Request: the receiver refuses it", about_event=True
    )


def test_removed_workflow_is_tried_again() -> None:
    assert isinstance(read(404, b"no_service"), Retry)


def test_the_general_table_holds_for_the_rest() -> None:
    throttled = read(429, b'{"ok":false,"error":"ratelimited"}', **{"retry-after": "7"})
    assert isinstance(throttled, Retry)
    assert throttled.after is not None
    assert throttled.after.total_seconds() == 7
    assert isinstance(read(410, b'{"ok":false,"error":"gone"}'), Dead)
    failing = read(500, b'{"ok":false,"error":"fatal_error"}')
    assert isinstance(failing, Retry)
    assert failing.quick
