"""The calls of one attempt by a Slack bot, over real HTTP: what follows a post never makes it fail, nor be repeated."""

from __future__ import annotations

import queue
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.clock import SystemClock
from bridge.domain.model import Event, EventType, Post
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.threads import Thread
from bridge.receivers.registry import sender_for
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.simulator.faulty_server import Answer
from bridge.simulator.slack import TOKEN, Slack
from bridge.transport.message import TransportError
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.receivers.protocol import Handed

DOWN = Event("evt_1", EventType.SOURCE_DOWN, START, "source", 1, {"reason": "Auth Error"})
UP = Event("evt_2", EventType.SOURCE_UP, START, "source", 2, {})


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as made:
        yield made


def hand_over(slack: Slack, event: Event, thread: Thread | None = None) -> Handed:
    place = {"token": TOKEN, "channel": "#ops", "api_url": slack.api_url}
    settings = SlackBotReceiverConfig.model_validate({"name": "team", "slack": place, "timeout": "500ms"})
    ended: queue.SimpleQueue[Callable[[], Handed]] = queue.SimpleQueue()
    with closing(sender_for(settings)) as sender:
        sender.begin([event], SystemClock(), ended.put, thread)
        return ended.get(timeout=10)()


def opened(slack: Slack) -> Thread:
    """Post what opens a thread."""
    handed = hand_over(slack, DOWN)
    assert handed.posted is not None
    return Thread(handed.posted, DOWN)


def test_end_answers_in_the_thread_and_updates_its_first_message(slack: Slack) -> None:
    thread = opened(slack)
    handed = hand_over(slack, UP, thread)
    assert (handed.outcome, handed.posted) == (Delivered(), None)
    assert [(post.thread_ts, post.edits) for post in slack.posts] == [(None, 1), (thread.post.ts, 0)]


FAULTS: dict[str, Any] = {
    "answer cut": (Answer.cut_body(), "cut its answer"),
    "no answer": (Answer.hang(), ""),
    "page": (Answer.ok(b"<html>"), "no answer of Slack's Web API"),
    "server error": (Answer.status(503), "HTTP 503"),
    "refused": ("cant_update_message", "the message was not posted by this Slack app"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_update_that_fails_leaves_the_reply_delivered(slack: Slack, fault: str) -> None:
    thread = opened(slack)
    answer, words = FAULTS[fault]
    slack.answer_next("chat.update", answer)
    handed = hand_over(slack, UP, thread)
    first, _, rest = handed.answer.partition("\n")
    assert handed.outcome == Delivered()
    assert first.startswith("the first post was not updated: ")
    assert words in first
    assert rest.startswith('{"ok": true')
    assert len(slack.posts) == 2


@pytest.mark.parametrize("answer", ["ratelimited", Answer.status(429, retry_after="7")])
def test_update_for_which_slack_asks_to_wait_is_made_again_and_nothing_is_posted_before(
    slack: Slack, answer: Answer | str
) -> None:
    thread = opened(slack)
    slack.answer_next("chat.update", answer)
    handed = hand_over(slack, UP, thread)
    assert isinstance(handed.outcome, Retry)
    assert handed.outcome.after is not None
    assert len(slack.posts) == 1
    assert hand_over(slack, UP, thread).outcome == Delivered()
    assert [(post.thread_ts, post.edits) for post in slack.posts] == [(None, 1), (thread.post.ts, 0)]


def test_thread_whose_first_message_is_gone_begins_anew(slack: Slack) -> None:
    thread = opened(slack)
    slack.posts[0].deleted = True
    handed = hand_over(slack, UP, thread)
    *_, anew = slack.posts
    assert handed.posted == Post(anew.channel, anew.ts)
    first, second, _ = handed.answer.splitlines()
    assert first.startswith("the first post was not updated: ")
    assert second == "the thread is gone: started a new one"


def test_first_message_that_cannot_be_drawn_leaves_the_reply_delivered(slack: Slack) -> None:
    place = opened(slack).post
    endless: list[object] = []
    endless.append(endless)
    down = Event("evt_1", EventType.SOURCE_DOWN, START, "source", 1, {"endless": endless})
    handed = hand_over(slack, UP, Thread(place, down))
    assert handed.outcome == Delivered()
    assert handed.answer.startswith("the first post was not updated: internal error: ")


@pytest.mark.parametrize("code", ["thread_not_found", "restricted_action_thread_locked", "is_archived", "new_code"])
def test_reply_that_is_refused_for_its_place_becomes_a_message_of_its_own(slack: Slack, code: str) -> None:
    thread = opened(slack)
    slack.answer_next("chat.postMessage", code)
    handed = hand_over(slack, UP, thread)
    *_, anew = slack.posts
    assert handed.posted == Post(anew.channel, anew.ts)
    assert handed.answer.startswith("the thread is gone: started a new one\n")
    assert (anew.thread_ts, slack.posts[0].edits) == (None, 1)


@pytest.mark.parametrize("code", ["invalid_auth", "missing_scope", "ratelimited", "fatal_error", "msg_too_long"])
def test_reply_that_is_refused_for_another_reason_is_not_made_twice(slack: Slack, code: str) -> None:
    thread = opened(slack)
    slack.answer_next("chat.postMessage", code)
    handed = hand_over(slack, UP, thread)
    assert not isinstance(handed.outcome, Delivered)
    assert slack.workspace.calls["chat.postMessage"] == 2


def test_channel_that_takes_neither_reply_nor_message_says_why(slack: Slack) -> None:
    thread = opened(slack)
    slack.workspace.channels[0].archived = True
    handed = hand_over(slack, UP, thread)
    assert isinstance(handed.outcome, Retry)
    assert "is_archived: #ops is archived" in handed.outcome.why
    assert "posted" not in handed.answer


def test_post_without_an_answer_raises(slack: Slack) -> None:
    slack.answer_next("chat.postMessage", Answer.cut())
    with pytest.raises(TransportError):
        hand_over(slack, DOWN)


@pytest.mark.parametrize("code", ["not_in_channel", "channel_not_found"])
@pytest.mark.parametrize(
    ("answer", "invite"),
    [
        (None, "`/invite @wbiz-bridge` there"),
        (Answer.ok(b'{"ok": true, "user": "`@everyone` <!here>"}'), "`/invite @YOUR_APP` there, with the name of"),
        (Answer.status(503), "`/invite @YOUR_APP` there, with the name of your Slack app"),
        (Answer.cut_body(), "`/invite @YOUR_APP` there, with the name of your Slack app"),
    ],
)
def test_who_must_invite_the_app_is_told_its_name(slack: Slack, code: str, answer: Answer | None, invite: str) -> None:
    if answer is not None:
        slack.answer_next("auth.test", answer)
    slack.answer_next("chat.postMessage", code)
    handed = hand_over(slack, DOWN)
    assert isinstance(handed.outcome, Retry)
    assert handed.outcome.why.startswith(f"{code}: ")
    assert f"write {invite}" in handed.outcome.why
    assert code in handed.answer


@pytest.mark.parametrize("code", ["invalid_blocks", "too_many_attachments"])
def test_layout_that_slack_refuses_is_left_out_once(slack: Slack, code: str) -> None:
    thread = opened(slack)
    slack.answer_next("chat.postMessage", code)
    handed = hand_over(slack, UP, thread)
    assert handed.outcome == Delivered()
    assert handed.answer.startswith("Slack refused the layout: tried as plain text\n")
    *_, plain = slack.posts
    assert (plain.content, plain.thread_ts) == ({"text": "🟢 WbizTool's status API is back"}, thread.post.ts)
    slack.answer_next("chat.postMessage", code, code)
    calls = slack.workspace.calls["chat.postMessage"]
    assert isinstance(hand_over(slack, DOWN).outcome, Dead)
    assert slack.workspace.calls["chat.postMessage"] == calls + 2


def test_reply_whose_layout_and_thread_slack_refuses_is_a_plain_message_of_its_own(slack: Slack) -> None:
    thread = opened(slack)
    slack.posts[0].deleted = True
    slack.answer_next("chat.postMessage", "invalid_blocks")
    assert hand_over(slack, UP, thread).outcome == Delivered()
    *_, plain = slack.posts
    assert (set(plain.content), plain.thread_ts) == ({"text"}, None)
