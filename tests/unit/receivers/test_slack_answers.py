"""What Slack's answers mean: some no retry changes, and they say what to do; the rest go by the general table."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Dead, Delivered, Outcome, Retry
from bridge.receivers import SlackReceiver
from bridge.receivers.slack import PERMANENT
from bridge.wire import Reply
from tests.world.clock import START


def read(status: int, body: bytes = b"", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SlackReceiver("ops").read(Reply(status, named, body), START)


@pytest.mark.parametrize("body", [b"ok", b"", b'{"ok":true}', b"<html>", b"no_service", b"\xff"])
def test_any_2xx_is_a_delivery_because_compatible_services_say_other_things(body: bytes) -> None:
    assert read(200, body) == Delivered()
    assert read(201, body) == Delivered()


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
    assert re.match(rf"HTTP {status} [A-Z][A-Za-z ]+, {code}: ", outcome.why)
    assert re.search("make a(n| new) incoming webhook|please report this", outcome.why)


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_a_permanent_error_is_known_by_its_word_whatever_the_4xx_around_it(code: str) -> None:
    for status in (400, 403, 404, 410):
        assert isinstance(read(status, f" {code.upper()}\n".encode()), Dead)


def test_a_removed_webhook_is_told_so() -> None:
    assert read(404, b"no_service") == Dead(
        "HTTP 404 Not Found, no_service: the Slack app or its webhook was removed: "
        "make a new incoming webhook and put it into the configuration"
    )


@pytest.mark.parametrize("body", [b"", b"no_service, perhaps", b"<html>no_service</html>", b"something_new"])
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


@given(st.integers(-10, 1000), st.binary() | st.sampled_from([code.encode() for code in PERMANENT]))
def test_no_answer_whatsoever_raises(status: int, body: bytes) -> None:
    outcome = read(status, body)
    assert isinstance(outcome, Delivered) == (200 <= status < 300)
