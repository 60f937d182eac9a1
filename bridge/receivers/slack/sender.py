"""Makes what sends to Slack: to a webhook, or by a bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.receivers.sender import client_for, over_http
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.bot import SlackBot
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.bot_sender import SlackBotSender, client_for_bot
from bridge.receivers.slack.mentions import Mention
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.slack.webhook_sender import SlackWebhookSender
from bridge.receivers.slack.workflow import WorkflowReceiver

if TYPE_CHECKING:
    from bridge.receivers.protocol import Identity, Sender
    from bridge.receivers.slack.config import SlackConfig, SlackReceiverConfig


def make_sender(settings: SlackReceiverConfig | SlackBotReceiverConfig, identity: Identity) -> Sender:
    """Build it as the configuration says."""
    if isinstance(settings, SlackBotReceiverConfig):
        bot = SlackBot(_messages(settings, identity), settings.bot.channel)
        return SlackBotSender(settings.name, bot, client_for_bot(settings))
    if settings.format == "workflow":
        return over_http(settings, WorkflowReceiver(settings.name, identity.pages))
    return SlackWebhookSender(_messages(settings, identity), client_for(settings))


def _messages(settings: SlackConfig, identity: Identity) -> SlackReceiver:
    asked = settings.mention
    mention = Mention() if asked is None else Mention(asked.who, asked.events)
    style = Style(settings.color, identity.pages, mention, identity.zone)
    return SlackReceiver(settings.name, by=settings.group.by, shown=settings.group.max, style=style)
