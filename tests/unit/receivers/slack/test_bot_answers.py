"""How the answers of Slack's Web API are read: what is wrong, what to do, and whether waiting helps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import Post
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.receivers.slack.bot_answers import _REFUSALS, Answer, is_lost, read
from bridge.transport.message import Reply
from tests.world.clock import START

TS = "1700000000.000001"

FAULT = "a fault of Slack's (status.slack.com)"


def said(status: int = 200, headers: dict[str, str] | None = None, **body: Any) -> Answer:
    return read(Reply(status, headers or {}, json.dumps(body).encode()), START, "#ops")


def refused(code: str, **more: Any) -> Retry | Dead:
    outcome = said(ok=False, error=code, **more).outcome
    assert not isinstance(outcome, Delivered)
    return outcome


def test_post_is_known_by_the_id_of_the_answer() -> None:
    answer = said(ok=True, channel="C012AB3CD", ts=TS, message={"ts": TS})
    assert answer == Answer(Delivered(), None, Post("C012AB3CD", TS))


def test_reply_is_one_only_where_the_answer_says_so() -> None:
    assert said(ok=True, channel="C012AB3CD", ts=TS, message={"thread_ts": TS}).in_thread
    assert not said(ok=True, channel="C012AB3CD", ts=TS, message={"ts": TS}).in_thread


@pytest.mark.parametrize("body", [{}, {"channel": "C1"}, {"channel": 5, "ts": TS}, {"channel": "C1", "ts": "<!here>"}])
def test_answer_without_a_usable_place_is_delivered_and_begins_no_thread(body: dict[str, Any]) -> None:
    assert said(ok=True, **body) == Answer(Delivered())


@pytest.mark.parametrize("code", sorted({*_REFUSALS, "missing_scope", "something_new"}))
def test_what_a_person_can_put_right_is_tried_again(code: str) -> None:
    outcome = refused(code)
    assert isinstance(outcome, Retry)
    assert (outcome.about_event, outcome.quick, outcome.after) == (False, False, None)
    assert outcome.why.startswith(f"{code}: ")
    assert "{" not in outcome.why


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("not_in_channel", "is not in #ops: write `/invite @YOUR_APP` there, with the name of your Slack app, or"),
        ("channel_not_found", "a private channel is found only once the Slack app is in it"),
        (
            "invalid_auth",
            "copy the Bot User OAuth Token of the Slack app (OAuth & Permissions) into `token`, or the file",
        ),
        ("token_revoked", "install the Slack app in the workspace again"),
        ("is_archived", "#ops is archived: unarchive it"),
        ("restricted_action_read_only_channel", "ask an administrator"),
        ("ekm_access_denied", "administrators"),
        ("org_login_required", "moved to an organization"),
        ("something_new", "Slack refuses it: look this code up on docs.slack.dev"),
    ],
)
def test_refusal_says_what_to_do(code: str, advice: str) -> None:
    assert advice in refused(code).why


def test_missing_scope_is_named() -> None:
    named = refused("missing_scope", needed="chat:write", provided="incoming-webhook,commands").why
    assert "lacks the scope chat:write (it has: incoming-webhook, commands)" in named
    assert "lacks the scope chat:write:" in refused("missing_scope", needed="<!channel>", provided=5).why


@pytest.mark.parametrize("code", ["msg_too_long", "no_text", "invalid_blocks", "too_many_attachments"])
def test_message_that_slack_does_not_understand_is_given_up_for_its_own_sake(code: str) -> None:
    outcome = refused(code)
    assert isinstance(outcome, Dead)
    assert outcome.about_event


@pytest.mark.parametrize("code", ["fatal_error", "internal_error", "service_unavailable", "request_timeout"])
def test_slack_that_fails_is_tried_again_at_once(code: str) -> None:
    assert refused(code) == Retry(f"{code}: {FAULT}", quick=True)
    waits = said(503, {"retry-after": "7"}, ok=False, error=code).outcome
    assert waits == Retry(f"{code}: {FAULT}", timedelta(seconds=7))


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "30"}, 30), ({"retry-after": "0"}, 1), ({}, 1)])
def test_slack_that_wants_fewer_messages_says_for_how_long(headers: dict[str, str], seconds: int) -> None:
    outcome = said(429, headers, ok=False, error="ratelimited").outcome
    assert outcome == Retry("ratelimited: too many calls for Slack", timedelta(seconds=seconds))


@pytest.mark.parametrize("body", [b"ok", b"<html>Sign in</html>", b"[]", b"{}", b'{"ok": "true"}', b'{"ok": 1}', b""])
def test_stranger_that_answers_in_slacks_place_is_told_as_one(body: bytes) -> None:
    outcome = read(Reply(200, {}, body), START, "#ops").outcome
    assert isinstance(outcome, Retry)
    assert "no answer of Slack's Web API: check api_url" in outcome.why


def test_other_statuses_mean_what_they_mean_everywhere() -> None:
    failing = read(Reply(502, {}, b"<html>"), START, "#ops").outcome
    moved = read(Reply(302, {"location": "https://login.example.com/x"}), START, "#ops").outcome
    assert isinstance(failing, Retry)
    assert failing.quick
    assert isinstance(moved, Retry)
    assert "login.example.com" in moved.why


@pytest.mark.parametrize(
    "code", ["thread_not_found", "message_not_found", "cannot_reply_to_message", "is_archived", "something_new"]
)
def test_reply_is_lost_where_its_place_is_at_fault(code: str) -> None:
    assert is_lost(code)


@pytest.mark.parametrize(
    "code", [None, "invalid_auth", "missing_scope", "ratelimited", "invalid_blocks", "fatal_error"]
)
def test_reply_is_not_lost_where_no_other_place_would_do(code: str | None) -> None:
    assert not is_lost(code)


@given(st.integers(100, 599), st.binary(max_size=60) | st.sampled_from([b'{"ok": false, "error": "<!channel>"}']))
def test_any_answer_can_be_read_and_is_not_repeated(status: int, body: bytes) -> None:
    answer = read(Reply(status, {}, body), START, "#ops")
    if not isinstance(answer.outcome, Delivered):
        assert "<!channel>" not in answer.outcome.why
