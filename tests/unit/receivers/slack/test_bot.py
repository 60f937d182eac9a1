"""What a bot posts, where, and what the first message becomes when its event is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from bridge.domain.clock import isoformat
from bridge.domain.event_data import SourceData
from bridge.domain.events import SOURCE, health_event
from bridge.domain.model import Event, EventType, Post, Status
from bridge.domain.threads import Thread
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.bot import SlackBot
from bridge.receivers.slack.receiver import SlackReceiver
from tests.unit.receivers.events import DATABASE, any_event, changed, source_down
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.transport.message import Request

PLACE = Post("C0000001", "1700000000.000001")


def bot(style: Style | None = None) -> SlackBot:
    return SlackBot(SlackReceiver("team", style=style or Style()), "#ops")


def body(request: Request | None) -> dict[str, Any]:
    assert request is not None
    said: dict[str, Any] = json.loads(request.body)
    return said


def source_up(minutes: float = 12) -> Event:
    at = START + timedelta(minutes=minutes)
    return health_event(DATABASE, EventType.SOURCE_UP, SOURCE, 2, at, SourceData(since=isoformat(at), reason=None))


def first_lines(said: dict[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in said["blocks"] if block["type"] == "header"]


def test_post_is_a_webhooks_message_with_its_channel() -> None:
    request = bot().post([changed()], None)
    said = body(request)
    assert request.path == "/chat.postMessage"
    assert "authorization" not in request.headers, "the client adds the token"
    assert said.pop("channel") == "#ops"
    assert said == json.loads(SlackReceiver("team", style=Style()).render([changed()], START).body)
    assert said["unfurl_links"] is said["unfurl_media"] is False


@pytest.mark.parametrize(("status", "broadcast"), [(Status.FAILED, True), (Status.SENT, None)])
def test_reply_goes_to_the_thread_and_bad_news_to_the_channel_too(status: Status, *, broadcast: bool | None) -> None:
    said = body(bot().post([changed(status=status)], Thread(PLACE)))
    assert (said["channel"], said["thread_ts"]) == (PLACE.channel, PLACE.ts)
    assert said.get("reply_broadcast") is broadcast


def test_digest_goes_to_a_thread_as_one() -> None:
    said = body(bot().post([changed(1, Status.SENT), changed(2, Status.FAILED)], Thread(PLACE)))
    assert (said["thread_ts"], said["reply_broadcast"]) == (PLACE.ts, True)


@pytest.mark.parametrize("colour", [True, False])
def test_first_message_says_when_it_is_over_and_stays_readable(*, colour: bool) -> None:
    style = Style(colour=colour)
    request = bot(style).resolution([source_up()], Thread(PLACE, source_down()))
    said, before = body(request), body(bot(style).post([source_down()], None))
    assert request is not None
    assert request.path == "/chat.update"
    assert (said["channel"], said["ts"]) == (PLACE.channel, PLACE.ts)
    assert first_lines(said) == ["✅ Resolved after 12 min", *first_lines(before)]
    assert said["text"] == f"✅ Resolved after 12 min: {before['text']}"
    assert said["blocks"][1:] == before["blocks"]
    if colour:
        (bar,), (old,) = said["attachments"], before["attachments"]
        assert bar["blocks"] == old["blocks"]
        assert bar["color"] != old["color"]
    assert set(said) <= {"channel", "ts", "text", "blocks", "attachments"}


def test_first_message_stays_as_it_is_where_it_is_not_over() -> None:
    end, parent = source_up(), source_down()
    assert bot().resolution([end], Thread(PLACE)) is None
    assert bot().resolution([end, parent], Thread(PLACE, parent)) is None, "it is down again"
    assert bot().resolution([parent], Thread(PLACE, parent)) is None


def test_digest_says_when_all_of_it_is_over() -> None:
    """From the first that failed to the last that was sent; it is drawn as it was."""
    told = (changed(1, Status.FAILED), changed(2, Status.FAILED), source_down())
    end = replace(changed(2, Status.SENT), at=told[1].at + timedelta(minutes=30))
    said = body(bot().resolution([end], Thread(PLACE, None, told)))
    assert first_lines(said) == ["✅ All resolved after 30 min", *first_lines(body(bot().post(told, None)))]
    assert bot().resolution([changed(2, Status.CANCELLED)], Thread(PLACE, None, told)) is None


def test_clock_that_was_set_back_makes_no_negative_time() -> None:
    said = body(bot().resolution([source_up(-5)], Thread(PLACE, source_down())))
    assert first_lines(said)[0] == "✅ Resolved after 0 s"


@given(any_event)
def test_update_keeps_within_slacks_limits(event: Event) -> None:
    parent = replace(event, type=EventType.SOURCE_DOWN, subject=SOURCE)
    said = body(bot().resolution([source_up()], Thread(PLACE, parent)))
    assert len(said["blocks"]) <= 50
    assert len(json.dumps(said, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2 < 40_000
    assert len(said["text"]) <= 3100
