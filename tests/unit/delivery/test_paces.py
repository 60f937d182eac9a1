"""Receivers with one token share their pace: a channel's posts, and the pauses that Slack asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bridge.delivery.paces import LONGEST, Paces
from bridge.domain.model import Attempt
from bridge.domain.outcome import Delivered, Retry
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.config import SlackReceiverConfig
from tests.world.clock import START, FakeClock


def bot(token: str = "xoxb-1-2-abc", channel: str = "#ops", **more: Any) -> SlackBotReceiverConfig:
    settings = {"name": "team", "slack": {"token": token, "channel": channel}, **more}
    return SlackBotReceiverConfig.model_validate(settings)


def asked_to_wait(seconds: float) -> Attempt:
    return Attempt(START, 0.1, Retry("ratelimited", timedelta(seconds=seconds)))


def test_one_channel_has_one_pace() -> None:
    paces = Paces(FakeClock())
    first, second = paces.of(bot()), paces.of(bot(name="other"))
    assert [first.delay(), second.delay(), first.delay()] == [0.0, 1.0, 2.0]
    elsewhere = paces.of(bot(channel="#billing")), paces.of(bot(token="xoxb-9-9-abc")), paces.of(bot(rate_limit="1/m"))
    assert [each.delay() for each in elsewhere] == [0.0, 0.0, 0.0]


def test_pause_holds_for_all_with_the_token_and_for_nobody_else() -> None:
    clock = FakeClock()
    paces = Paces(clock)
    concerned = paces.of(bot()), paces.of(bot(channel="#billing"))
    webhook = SlackReceiverConfig.model_validate({"name": "hook", "slack": "https://hooks.slack.com/services/T/B/x"})
    others = paces.of(bot(token="xoxb-9-9-abc")), paces.of(webhook)
    paces.heed(bot(), asked_to_wait(30))
    assert [each.delay() for each in concerned] == [30.0, 30.0]
    assert [each.delay() for each in others] == [0.0, 0.0]


def test_pause_of_others_is_bounded() -> None:
    paces = Paces(FakeClock())
    pace = paces.of(bot())
    paces.heed(bot(), asked_to_wait(3600))
    assert pace.delay() == LONGEST.total_seconds()


def test_attempt_that_asks_for_nothing_and_receiver_that_shares_nothing_pause_nobody() -> None:
    paces = Paces(FakeClock())
    pace = paces.of(bot())
    webhook = SlackReceiverConfig.model_validate({"name": "hook", "slack": "https://hooks.slack.com/services/T/B/x"})
    for settings, attempt in (
        (bot(), Attempt(START, 0.1, Delivered())),
        (bot(), Attempt(START, 0.1, Retry("not_in_channel"))),
        (webhook, asked_to_wait(30)),
    ):
        paces.heed(settings, attempt)
    assert pace.delay() == 0.0


def test_limiter_that_nobody_uses_is_forgotten() -> None:
    paces = Paces(FakeClock())
    pace = paces.of(bot())
    pace.delay()
    del pace
    assert paces.of(bot()).delay() == 0.0
