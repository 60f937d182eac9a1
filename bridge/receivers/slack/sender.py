"""Makes what sends to Slack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.receivers.sender import over_http
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.mentions import Mention
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.slack.workflow import WorkflowReceiver

if TYPE_CHECKING:
    from bridge.receivers.protocol import Identity, Receiver, Sender
    from bridge.receivers.slack.config import SlackReceiverConfig


def make_sender(settings: SlackReceiverConfig, identity: Identity) -> Sender:
    """Build it as the configuration says."""
    return over_http(settings, _receiver(settings, identity.pages))


def _receiver(settings: SlackReceiverConfig, pages: str | None) -> Receiver:
    if settings.format == "workflow":
        return WorkflowReceiver(settings.name, pages)
    asked = settings.mention
    mention = Mention() if asked is None else Mention(asked.who, asked.events)
    style = Style(settings.color, pages, mention)
    return SlackReceiver(settings.name, by=settings.group.by, shown=settings.group.max, style=style)
