"""What Slack's answers mean: some no retry changes, and they say what to do; the rest go by the general table."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.slack.responses import PASSING, PERMANENT
from bridge.receivers.slack.workflow import WorkflowReceiver
from bridge.receivers.webhook.receiver import WebhookReceiver
from bridge.transport.message import Reply
from tests.world.clock import START


def read(status: int, body: bytes = b"", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SlackReceiver("ops").read(Reply(status, named, body), START)


@pytest.mark.parametrize(
    "body",
    [
        *(b"ok", b"OK\n", b"", b" ", b"1", b"\xff", b"null", b"[]", b"{}", b"message posted"),
        *(b'{"ok":true}', b'{"ok": true, "warning": "missing_charset"}', b'{"success":true}', b'{"error":null}'),
        *(b'{"result":"success","msg":""}', b'{"ok":true,"error":"a warning"}', b'{"ok":[],"success":{}}'),
    ],
)
def test_2xx_of_any_compatible_service_is_a_delivery(body: bytes) -> None:
    """Mattermost says ok, Rocket.Chat success, Discord nothing, Zulip result; others 204."""
    for status in (200, 201, 204):
        assert read(status, body) == Delivered()


def test_web_api_s_refusal_with_status_200_is_no_delivery() -> None:
    """Who puts the address of chat.postMessage into the configuration gets 200 and not_authed (issue 16, 4)."""
    outcome = read(200, b'{"ok": false, "error": "not_authed"}')
    assert isinstance(outcome, Retry)
    assert not outcome.quick
    assert outcome.why.startswith("not_authed: this address needs a token, so it is not an incoming webhoo")


@pytest.mark.parametrize("code", sorted({*PERMANENT, *PASSING, "a_new_code"}))
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_code_means_the_same_in_json_whatever_the_status(code: str, status: int) -> None:
    outcome = read(status, b'{"ok":false,"error":"%s","response_metadata":{}}' % code.encode())
    assert isinstance(outcome, Dead if code in PERMANENT else Retry)
    assert outcome.why.startswith(f"{code}: ")


@pytest.mark.parametrize("code", sorted({*PERMANENT, *PASSING}))
def test_known_code_as_text_with_200_is_a_refusal(code: str) -> None:
    assert not isinstance(read(200, code.encode()), Delivered)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Sign in</title>", b"\xef\xbb\xbf\n <html>", b"<?xml ?>"])
def test_page_with_200_is_no_delivery(page: bytes) -> None:
    outcome = read(200, page)
    assert isinstance(outcome, Retry)
    assert "a web page was returned instead of Slack's answer" in outcome.why
    assert isinstance(WebhookReceiver("crm").read(Reply(200, {}, page), START), Delivered)


@pytest.mark.parametrize("body", [b'{"ok":false}', b'{"success":false,"error":"Invalid token"}', b'{"error":{"a":1}}'])
def test_refusal_without_a_code_is_tried_again_and_not_repeated(body: bytes) -> None:
    why = (
        "the answer is a refusal without a reason: check that the address is the right one, and try `wbiz-bridge test`"
    )
    assert read(200, body) == Retry(why)


def test_limit_with_200_waits_as_slack_asks() -> None:
    outcome = read(200, b'{"ok":false,"error":"ratelimited"}', retry_after="30")
    assert isinstance(outcome, Retry)
    assert outcome.after == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_payload"),
        (400, "user_not_found"),
        (400, "too_many_attachments"),
        (400, "no_text"),
        (403, "action_prohibited"),
        (403, "invalid_token"),
        (403, "posting_to_general_channel_denied"),
        (403, "team_disabled"),
        (404, "channel_not_found"),
        (404, "no_service"),
        (404, "no_team"),
        (404, "no_active_hooks"),
        (410, "channel_is_archived"),
    ],
)
def test_slack_s_permanent_errors_are_dead_at_once_and_say_what_to_do(status: int, code: str) -> None:
    outcome = read(status, code.encode())
    assert isinstance(outcome, Dead)
    assert outcome.why.startswith(f"{code}: ")
    assert re.search(r"make a(n| new) incoming webhook|please report it \(see CONTRIBUTING.md\)", outcome.why)


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_a_permanent_error_is_known_by_its_word_whatever_the_4xx_around_it(code: str) -> None:
    for status in (400, 403, 404, 410):
        assert isinstance(read(status, f" {code.upper()}\n".encode()), Dead)


def test_a_removed_webhook_is_told_so() -> None:
    assert read(404, b"no_service") == Dead(
        "no_service: the Slack app or its webhook was removed: "
        "make a new incoming webhook and put its URL in place of this one"
    )


@pytest.mark.parametrize("body", [b"", b"no_service, perhaps", b"<html>no_service</html>", b"something new"])
def test_any_other_4xx_goes_by_the_schedule(body: bytes) -> None:
    outcome = read(404, body)
    assert isinstance(outcome, Retry)
    assert not outcome.quick


def test_slack_s_limit_of_one_a_second_is_a_wish_to_wait() -> None:
    outcome = read(429, b"rate_limited", retry_after="30")
    assert isinstance(outcome, Retry)
    assert outcome.after == timedelta(seconds=30)
    assert isinstance(read(429, b"no_service"), Retry)


def test_a_fault_of_slack_s_is_worth_a_quick_try() -> None:
    outcome = read(500, b"rollup_error")
    assert isinstance(outcome, Retry)
    assert outcome.quick


bodies = (
    st.binary()
    | st.sampled_from([code.encode() for code in (*PERMANENT, *PASSING)])
    | st.dictionaries(
        st.sampled_from(["ok", "success", "error", "result"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.just({"ok": True}),
    ).map(lambda body: json.dumps(body).encode())
)


@given(st.integers(-10, 1000), bodies)
def test_any_answer_is_read_and_only_2xx_delivers(status: int, body: bytes) -> None:
    for receiver in (SlackReceiver("ops"), WorkflowReceiver("ops")):
        outcome = receiver.read(Reply(status, {}, body), START)
        assert not isinstance(outcome, Delivered) or 200 <= status < 300
        assert isinstance(outcome, Delivered) or len(outcome.why) < 300
