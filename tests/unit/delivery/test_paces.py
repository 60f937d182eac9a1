"""Receivers that post to one channel with one token share their pace."""

from __future__ import annotations

from typing import Any

from bridge.delivery.paces import Paces
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.config import SlackReceiverConfig
from tests.world.clock import FakeClock


def bot(token: str = "xoxb-1-2-abc", channel: str = "#ops", **more: Any) -> SlackBotReceiverConfig:
    settings = {"name": "team", "slack": {"token": token, "channel": channel}, **more}
    return SlackBotReceiverConfig.model_validate(settings)


def test_one_channel_has_one_pace() -> None:
    paces = Paces(FakeClock())
    first, second = paces.of(bot()), paces.of(bot(name="other"))
    assert [first.delay(), second.delay(), first.delay()] == [0.0, 1.0, 2.0]
    elsewhere = paces.of(bot(channel="#billing")), paces.of(bot(token="xoxb-9-9-abc")), paces.of(bot(rate_limit="1/m"))
    assert [each.delay() for each in elsewhere] == [0.0, 0.0, 0.0]


def test_webhook_has_a_pace_of_its_own() -> None:
    paces = Paces(FakeClock())
    webhook = SlackReceiverConfig.model_validate({"name": "hook", "slack": "https://hooks.slack.com/services/T/B/x"})
    assert [paces.of(webhook).delay(), paces.of(webhook).delay()] == [0.0, 0.0]


def test_limiter_that_nobody_uses_is_forgotten() -> None:
    paces = Paces(FakeClock())
    pace = paces.of(bot())
    pace.delay()
    del pace
    assert paces.of(bot()).delay() == 0.0
