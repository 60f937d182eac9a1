"""Puts the parts together as the configuration says."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.channel import Channel
from bridge.config import SlackReceiverConfig, WebhookReceiverConfig
from bridge.outbox import Outbox
from bridge.pace import Pace
from bridge.poller import Poller
from bridge.receivers import Receiver, SlackReceiver, WebhookReceiver
from bridge.redact import Redactor
from bridge.routing import Subscription
from bridge.source.wbiztool import WbizTool

if TYPE_CHECKING:
    import threading

    from bridge.clock import Clock
    from bridge.config import Config, ReceiverConfig
    from bridge.listener import Listener
    from bridge.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts. ``channels`` are closed at the end."""

    poller: Poller
    outboxes: tuple[Outbox, ...]
    channels: tuple[Channel, ...]


def assemble(
    config: Config, store: Store, *, clock: Clock, listener: Listener, stop: threading.Event, hold_back: bool = True
) -> Parts:
    """Build the poller and one outbox for each receiver; nothing is started.

    ``hold_back`` says whether deliveries wait for others to be grouped with: a single pass has nothing to wait for.
    """
    subscriptions = [_subscription(receiver, hold_back=hold_back) for receiver in config.receivers]
    source_channel, source = wbiztool(config, clock, stop)
    poller = Poller(
        store,
        source,
        concurrency=config.wbiztool.concurrency,
        every=config.poll.every,
        unknown_after=config.poll.unknown_after,
        subscriptions=subscriptions,
        clock=clock,
        listener=listener,
    )
    redact = Redactor(config.secrets())
    outboxes, channels = [], [source_channel]
    for settings in config.receivers:
        receiver, channel = receiver_and_channel(settings)
        channels.append(channel)
        outboxes.append(
            Outbox(
                receiver,
                channel,
                store,
                concurrency=settings.concurrency,
                grouped=isinstance(settings, SlackReceiverConfig),
                pace=Pace(settings.rate_limit.per_second if settings.rate_limit else None, clock),
                redact=redact,
                subscriptions=subscriptions,
                clock=clock,
                jitter=random.random,
                listener=listener,
                stop=stop,
            )
        )
    return Parts(poller, tuple(outboxes), tuple(channels))


def wbiztool(config: Config, clock: Clock, stop: threading.Event) -> tuple[Channel, WbizTool]:
    """Build the way to the API."""
    settings = config.wbiztool
    channel = Channel(settings.base_url, timeout=settings.timeout, connections=settings.concurrency)
    source = WbizTool(
        channel,
        client_id=settings.client_id,
        api_key=settings.api_key.get_secret_value(),
        attempts=config.poll.attempts,
        pace=Pace(settings.rate_limit.per_second, clock),
        clock=clock,
        stop=stop,
    )
    return channel, source


def receiver_and_channel(settings: ReceiverConfig) -> tuple[Receiver, Channel]:
    """Build a receiver and the way to it."""
    channel = Channel(settings.url.get_secret_value(), timeout=settings.timeout, connections=settings.concurrency)
    match settings:
        case SlackReceiverConfig():
            return SlackReceiver(settings.name, by=settings.group.by, shown=settings.group.max), channel
        case WebhookReceiverConfig():
            secrets = [secret.get_secret_value() for secret in settings.secrets]
            headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
            return WebhookReceiver(settings.name, secrets, headers), channel


def _subscription(settings: ReceiverConfig, *, hold_back: bool) -> Subscription:
    held = settings.group.wait if hold_back and isinstance(settings, SlackReceiverConfig) else timedelta(0)
    return Subscription(settings.name, settings.events, settings.match_tags, held)
