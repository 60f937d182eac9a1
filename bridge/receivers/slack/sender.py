"""Makes what sends to Slack: to an incoming webhook, a workflow, or by a bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.outcome import Delivered
from bridge.receivers.protocol import Handed
from bridge.receivers.sender import HttpSender, client_for, over_http
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.bot import SlackBot
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.bot_sender import SlackBotSender, client_for_bot
from bridge.receivers.slack.mentions import Mention
from bridge.receivers.slack.receiver import SlackReceiver, text_alone
from bridge.receivers.slack.responses import LAYOUT, PLAIN, code_in
from bridge.receivers.slack.workflow import WorkflowReceiver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event
    from bridge.domain.threads import Thread
    from bridge.receivers.protocol import Identity, Sender
    from bridge.receivers.sender import Calls
    from bridge.receivers.slack.config import SlackConfig, SlackReceiverConfig
    from bridge.transport.client import HttpClient


class SlackWebhookSender(HttpSender):
    """Leads to an incoming webhook. A post is made again as text alone, where Slack refuses how it looks.

    Args:
        messages: Draws the messages, and reads the answers.
        client: Makes the calls.
    """

    def __init__(self, messages: SlackReceiver, client: HttpClient) -> None:
        super().__init__(messages, client)
        self._messages = messages

    def _calls(self, events: Sequence[Event], thread: Thread | None, clock: Clock) -> Calls:
        del thread  # a webhook has none
        drawn = self._messages.draw(events)
        reply = yield self._messages.request(drawn)
        outcome, said = self._messages.read(reply, clock.wall()), ""
        if not isinstance(outcome, Delivered) and code_in(reply) in LAYOUT:
            reply = yield self._messages.request(text_alone(drawn))
            outcome, said = self._messages.read(reply, clock.wall()), f"{PLAIN}\n"
        return Handed(outcome, f"{said}{reply.text}", reply.status)


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
