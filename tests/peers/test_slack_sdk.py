"""Slack's own client takes the simulator for Slack: only its address is another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.blocks import HeaderBlock, SectionBlock

from bridge.simulator.slack import TOKEN, Slack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.peers


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as made:
        yield made


def client(slack: Slack, token: str = TOKEN) -> WebClient:
    return WebClient(token, base_url=f"{slack.api_url}/")


def test_client_knows_who_it_is(slack: Slack) -> None:
    told = client(slack).auth_test()
    assert (told["team"], told["user"]) == ("Acme", "wbiz-bridge")


def test_client_posts_answers_in_a_thread_and_updates(slack: Slack) -> None:
    web = client(slack)
    blocks = [HeaderBlock(text="Message 12346 is stuck"), SectionBlock(text="pending for 16 min")]
    parent = web.chat_postMessage(channel="#ops", text="stuck", blocks=blocks, unfurl_links=False)
    channel, ts = str(parent["channel"]), str(parent["ts"])
    web.chat_postMessage(channel=channel, text="sent", thread_ts=ts, reply_broadcast=True)
    updated = web.chat_update(channel=channel, ts=ts, text="resolved", blocks=blocks)
    assert updated["message"]["edited"]
    first, reply = slack.posts
    assert (first.text, first.edits) == ("resolved", 1)
    assert (reply.thread_ts, reply.broadcast) == (ts, True)


def test_client_waits_as_long_as_it_is_told(slack: Slack) -> None:
    web = client(slack)
    web.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    slack.workspace.per_second = 1
    for _ in range(2):
        assert web.chat_postMessage(channel="#ops", text="hello")["ok"]
    assert slack.workspace.calls["chat.postMessage"] == 3


@pytest.mark.parametrize("code", ["not_in_channel", "invalid_auth", "missing_scope"])
def test_client_hears_the_code_of_a_refusal(slack: Slack, code: str) -> None:
    slack.workspace.add_channel("random", joined=False)
    slack.workspace.add_app("xoxb-no-scope", scopes=frozenset())
    token = {"invalid_auth": "xoxb-unknown", "missing_scope": "xoxb-no-scope"}.get(code, TOKEN)
    with pytest.raises(SlackApiError) as refused:
        client(slack, token).chat_postMessage(channel="#random", text="hello")
    assert refused.value.response["error"] == code
