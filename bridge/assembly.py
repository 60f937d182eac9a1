"""Puts the parts together as the configuration says."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.channel import Channel
from bridge.config import SlackReceiverConfig, WebhookReceiverConfig
from bridge.outbox import Outbox
from bridge.pace import Pace
from bridge.poller import Poller
from bridge.receivers import Receiver, SlackReceiver, WebhookReceiver
from bridge.redact import Redactor
from bridge.routing import Routes, Subscription
from bridge.source.wbiztool import WbizTool

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.clock import Clock
    from bridge.config import Config, ReceiverConfig
    from bridge.listener import Listener
    from bridge.store import Store

SOURCE = "the source"
"""The name of the poller's part. No receiver can have it: their names have no space."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that can run by itself, and what it was made from. ``stop`` ends its waits."""

    settings: object
    worker: Poller | Outbox
    channel: Channel
    stop: threading.Event

    def end(self, seconds: float) -> None:
        """Claim no more, and give what is in flight so long to be finished and recorded."""
        self.stop.set()
        self.worker.pump.stop(seconds)
        self.channel.close()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How to make a part. From equal settings come equal parts. Building it starts nothing."""

    settings: object
    build: Callable[[], Part]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all parts have in common, whatever the configuration says."""

    store: Store
    clock: Clock
    listener: Listener
    routes: Routes = field(default_factory=Routes)
    redact: Redactor = field(default_factory=Redactor)


def blueprints(config: Config, shared: Shared) -> dict[str, Blueprint]:
    """Plan the poller and one outbox for each receiver, by name."""
    source = Blueprint((config.wbiztool, config.poll), lambda: _source(config, shared))
    outboxes = {each.name: Blueprint(each, partial(_outbox, each, shared)) for each in config.receivers}
    return {SOURCE: source, **outboxes}


def subscriptions(config: Config, *, hold_back: bool) -> tuple[Subscription, ...]:
    """List what each receiver asked for. ``hold_back`` says whether its deliveries wait for others to be grouped."""

    def wait(settings: ReceiverConfig) -> timedelta:
        return settings.group.wait if hold_back and isinstance(settings, SlackReceiverConfig) else timedelta(0)

    return tuple(Subscription(each.name, each.events, each.match_tags, wait(each)) for each in config.receivers)


def wbiztool(
    config: Config, clock: Clock, stop: threading.Event, share: Callable[[], float] = lambda: 1.0
) -> tuple[Channel, WbizTool]:
    """Build the way to the API. ``share`` tells what part of the rate this process may use."""
    settings = config.wbiztool
    channel = Channel(settings.base_url, timeout=settings.timeout, connections=settings.concurrency)
    source = WbizTool(
        channel,
        client_id=settings.client_id,
        api_key=settings.api_key.get_secret_value(),
        attempts=config.poll.attempts,
        pace=Pace(settings.rate_limit.per_second, clock, share),
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


def _source(config: Config, shared: Shared) -> Part:
    stop = threading.Event()
    channel, source = wbiztool(config, shared.clock, stop, shared.store.node.share)
    poller = Poller(
        shared.store,
        source,
        concurrency=config.wbiztool.concurrency,
        schedule=config.poll.schedule,
        jitter=random.random,
        routes=shared.routes,
        clock=shared.clock,
        listener=shared.listener,
    )
    return Part((config.wbiztool, config.poll), poller, channel, stop)


def _outbox(settings: ReceiverConfig, shared: Shared) -> Part:
    stop = threading.Event()
    receiver, channel = receiver_and_channel(settings)
    outbox = Outbox(
        receiver,
        channel,
        shared.store,
        concurrency=settings.concurrency,
        grouped=isinstance(settings, SlackReceiverConfig),
        pace=Pace(settings.rate_limit.per_second if settings.rate_limit else None, shared.clock),
        redact=shared.redact,
        routes=shared.routes,
        clock=shared.clock,
        jitter=random.random,
        listener=shared.listener,
        stop=stop,
    )
    return Part(settings, outbox, channel, stop)
