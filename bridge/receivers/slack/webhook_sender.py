"""Posts to an incoming webhook of Slack's: again as text alone, where Slack refuses how the post looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.outcome import Delivered
from bridge.receivers.protocol import Handed
from bridge.receivers.sender import HttpSender
from bridge.receivers.slack.receiver import text_alone
from bridge.receivers.slack.responses import LAYOUT, PLAIN, code_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event
    from bridge.domain.threads import Thread
    from bridge.receivers.sender import Calls
    from bridge.receivers.slack.receiver import SlackReceiver
    from bridge.transport.client import HttpClient


class SlackWebhookSender(HttpSender):
    """Leads to an incoming webhook.

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
