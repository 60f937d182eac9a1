"""Puts the parts together as the configuration says."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bridge.daemon.components import Component, ComponentSpec, SourceComponent
from bridge.daemon.failing_steps import Steps
from bridge.daemon.worker_pool import WorkerPool
from bridge.delivery.batching import packer_for
from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.holding import Holding
from bridge.delivery.parcel import undivided
from bridge.domain.redaction import Redactor
from bridge.domain.routing import Routes
from bridge.receivers.event_formats import source_of
from bridge.receivers.protocol import Identity
from bridge.receivers.registry import sender_for
from bridge.source.api import WbizTool
from bridge.source.discovery import Discovery
from bridge.source.number_monitor import NumberMonitor
from bridge.source.poller import Answered, Poller
from bridge.transport.client import HttpClient
from bridge.transport.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from bridge.config.models import Config, WbizToolConfig
    from bridge.daemon.worker import Job, Result, Worker
    from bridge.delivery.paces import Paces
    from bridge.domain.clock import Clock
    from bridge.domain.model import Message
    from bridge.domain.observer import Listener
    from bridge.domain.routing import Subscription
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class Shared:
    """What all components have in common, whatever the configuration says.

    ``gather`` lets events wait for others to go with; a single pass has nothing to wait for.
    """

    store: Store
    clock: Clock
    listener: Listener
    paces: Paces
    gather: bool = True
    routes: Routes = field(default_factory=Routes)
    redact: Redactor = field(default_factory=Redactor)

    @property
    def steps(self) -> Steps:
        """Notes internal errors of a component as a whole."""
        return Steps(self.store, clock=self.clock, listener=self.listener, redact=self.redact)


def source_spec(config: Config, shared: Shared) -> ComponentSpec[SourceComponent]:
    """Plan the poller."""
    return ComponentSpec(_of_source(config), lambda: _source(config, shared))


def dispatcher_specs(config: Config, shared: Shared) -> dict[str, ComponentSpec[Component]]:
    """Plan one dispatcher for each receiver, by its name."""
    identity = Identity(source_of(shared.store.id), config.pages, config.zone)
    made_of = ((each, identity, _others_with_its_limit(each, config)) for each in config.receivers)
    return {each[0].name: ComponentSpec(each, partial(_dispatcher, *each, shared)) for each in made_of}


def _others_with_its_limit(settings: ReceiverConfig, config: Config) -> tuple[str, ...]:
    """Name the others that wait when this receiver is asked to."""
    if settings.shared_limit is None:
        return ()
    limits = {each.name: each.shared_limit for each in config.receivers if each.name != settings.name}
    return tuple(name for name, limit in limits.items() if limit is not None and limit[0] == settings.shared_limit[0])


def subscriptions(config: Config) -> tuple[Subscription, ...]:
    """List what each receiver asked for."""
    return tuple(each.subscription for each in config.receivers)


def configure_reminders(config: Config, shared: Shared) -> None:
    """Let no reminder that is scheduled be due later than its receiver's ``remind`` says."""
    every = {each.name: each.remind for each in config.receivers if each.remind is not None}
    shared.store.reminders.configure(every, shared.clock.now())


def wbiztool(
    settings: WbizToolConfig,
    clock: Clock,
    stop: threading.Event,
    share: Callable[[], float] = lambda: 1.0,
    paced: Callable[[float], None] = lambda _: None,
    within: timedelta | None = None,
    *,
    attempts: int,
) -> tuple[HttpClient, WbizTool]:
    """Build the way to the API.

    Args:
        settings: Say where it is, and how gently it is called.
        clock: Tells the time.
        stop: Ends waits and retries.
        share: Tells what part of the rate this process may use.
        paced: Called with the part of that it uses, whenever that changes.
        within: The longest that a call may take, where that is less than the settings say.
        attempts: The tries of one call.
    """
    timeout = settings.timeout if within is None else min(within, settings.timeout)
    channel = HttpClient(
        settings.base_url,
        timeout=timeout,
        connections=settings.concurrency,
        tls=settings.tls,
        proxy=settings.proxy_in_clear,
    )
    source = WbizTool(
        channel,
        client_id=settings.client_id,
        api_key=settings.api_key.get_secret_value(),
        attempts=attempts,
        pace=RateLimiter(settings.rate_limit.per_second, clock, share, paced),
        clock=clock,
        stop=stop,
    )
    return channel, source


def _of_source(config: Config) -> object:
    return config.wbiztool, config.poll, config.discover, config.numbers


def _source(config: Config, shared: Shared) -> SourceComponent:
    stop = threading.Event()
    channel, source = wbiztool(
        config.wbiztool,
        shared.clock,
        stop,
        shared.store.node.share,
        shared.listener.paced,
        attempts=config.poll.attempts,
    )

    def wake() -> None:
        pool.wake()

    discovery = _discovery(config, shared, source, wake) if config.discover.report else None
    poller = Poller(
        shared.store,
        source,
        schedule=config.poll.schedule,
        hints=discovery.hints if discovery is not None else lambda: None,
        jitter=random.random,
        routes=shared.routes,
        clock=shared.clock,
        listener=shared.listener,
    )
    numbers = _number_watch(config, shared, source) if config.numbers.watch else None
    pool: WorkerPool[Message, Answered | Message] = pool_for(
        "poll", "polling", config.wbiztool.concurrency, poller, shared
    )
    return SourceComponent(_of_source(config), pool, channel.close, stop, poller, discovery, numbers)


def _discovery(config: Config, shared: Shared, source: WbizTool, found: Callable[[], None]) -> Discovery:
    settings = config.discover
    return Discovery(
        shared.store,
        source,
        every=settings.every,
        count=settings.days,
        relaxed=settings.relaxed,
        tighten=config.poll.schedule.longest,
        by_number=settings.by_number,
        clock=shared.clock,
        listener=shared.listener,
        found=found,
    )


def _number_watch(config: Config, shared: Shared, source: WbizTool) -> NumberMonitor:
    return NumberMonitor(
        shared.store,
        source,
        every=config.numbers.every,
        settle=config.numbers.settle,
        routes=shared.routes,
        clock=shared.clock,
        listener=shared.listener,
    )


def _dispatcher(settings: ReceiverConfig, identity: Identity, others: tuple[str, ...], shared: Shared) -> Component:
    stop = threading.Event()
    sender = sender_for(settings, identity)
    quiet = None if settings.quiet is None else settings.quiet.hours
    channel = settings.thread_channel
    holding = Holding(settings.name, quiet, shared.store, shared.listener)
    dispatcher = Dispatcher(
        sender,
        shared.store,
        concurrency=settings.concurrency,
        holding=holding,
        remind=settings.remind,
        settle=settings.settle,
        packer=packer_for(settings, gather=shared.gather),
        divide=undivided if channel is None else partial(shared.store.threads.divide, settings.name, channel),
        pace=shared.paces.of(settings),
        slowed=partial(shared.store.pause, others, f"{settings.name}, which has the same token, was asked to wait"),
        redact=shared.redact,
        routes=shared.routes,
        clock=shared.clock,
        jitter=random.random,
        listener=shared.listener,
        stop=stop,
    )
    pool = pool_for(
        f"dispatcher-{settings.name}", f"delivering to {settings.name}", settings.concurrency, dispatcher, shared
    )
    return Component(
        (settings, identity, others), pool, sender.close, stop, needs_wake=lambda: holding.begins(shared.clock.now())
    )


def pool_for(name: str, doing: str, size: int, worker: Worker[Job, Result], shared: Shared) -> WorkerPool[Job, Result]:
    """Have a worker's jobs done, by a thread of this name. ``doing`` says what they are, for logs."""
    return WorkerPool(
        name,
        size,
        worker,
        step_failed=partial(shared.listener.step_failed, doing),
        failed=partial(shared.steps.note, doing),
        clock=shared.clock,
    )
