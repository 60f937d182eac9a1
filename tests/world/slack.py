"""A Slack bot in a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.simulator.slack import TOKEN

if TYPE_CHECKING:
    from bridge.simulator.slack import Slack


def bot(slack: Slack, name: str = "team", channel: str = "#ops", **more: Any) -> dict[str, Any]:
    place = {"token": TOKEN, "channel": channel, "api_url": slack.api_url}
    return {"name": name, "slack": place, "group": {"wait": "0s"}, **more}
