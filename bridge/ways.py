"""Builds the way to a receiver as its configuration says: one case for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bridge.channel import Channel
from bridge.config import SlackReceiverConfig, WebhookReceiverConfig
from bridge.receivers import SlackReceiver, WebhookReceiver
from bridge.sending import HttpWay, Way

if TYPE_CHECKING:
    from bridge.config import ReceiverConfig
    from bridge.receivers import Receiver


def way_to(settings: ReceiverConfig) -> Way:
    """Build the way to a receiver. Nothing is called yet."""
    match settings:
        case SlackReceiverConfig():
            slack = SlackReceiver(settings.name, by=settings.group.by, shown=settings.group.max)
            return _over_http(settings, slack)
        case WebhookReceiverConfig():
            secrets = [secret.get_secret_value() for secret in settings.secrets]
            headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
            return _over_http(settings, WebhookReceiver(settings.name, secrets, headers))
        case _:
            assert_never(settings)


def _over_http(settings: SlackReceiverConfig | WebhookReceiverConfig, receiver: Receiver) -> HttpWay:
    url = settings.url.get_secret_value()
    return HttpWay(receiver, Channel(url, timeout=settings.timeout, connections=settings.concurrency))
