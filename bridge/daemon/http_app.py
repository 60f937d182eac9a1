"""What the daemon's servers answer with: the API and the page, on top of the running bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge import __version__
from bridge.daemon.factory import subscriptions
from bridge.daemon.receiver_trial import preview, try_receiver
from bridge.daemon.summary_watch import next_summaries
from bridge.domain.clock import isoformat
from bridge.domain.errors import BridgeError
from bridge.domain.health import judge, unreadable
from bridge.domain.json_views import status_json, summaries_json
from bridge.server.app import make_app
from bridge.server.context import ServerContext
from bridge.store.engine import shown as shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from fastapi import FastAPI

    from bridge.config.models import Config
    from bridge.daemon.metrics.registry import Metrics
    from bridge.daemon.supervisor import Supervisor
    from bridge.domain.clock import Clock
    from bridge.domain.health import Health
    from bridge.domain.model import Event, EventType
    from bridge.domain.observer import Listener
    from bridge.server.auth import Access
    from bridge.server.event_stream import Streams
    from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class HttpApps:
    """Makes an application for each server.

    ``health`` says how the bridge does, and ``ready`` whether it can serve. ``config`` is the configuration in force.
    """

    health: Callable[[], Health]
    ready: Callable[[], bool]
    metrics: Metrics
    listener: Listener
    store: Store
    clock: Clock
    supervisor: Supervisor
    config: Callable[[], Config]

    def make(self, access: Access, streams: Streams, *, hook_watch: bool = False) -> FastAPI:
        """Make the application of a server that is reached as ``access`` says, and whose followers are ``streams``."""
        context = ServerContext(
            self.store,
            self.clock.now,
            self.supervisor.wake_poller,
            self.supervisor.wake_dispatchers,
            self.listener.step_failed,
            streams,
            receivers=self._receivers,
            gathers=self._gathers,
            quiet_until=lambda name, at: self.config().quiet_until(name, at),
            next_summaries=lambda facts, now: next_summaries(self.config(), facts, now),
            status=self._status,
            try_receiver=self._try_receiver,
            preview=self._preview,
            subscriptions=lambda: subscriptions(self.config()),
            timezone=lambda: self.config().zone,
            timezone_name=self._timezone_name,
            hook_watch=hook_watch,
            answered=self.listener.answered,
            failed=self.metrics.listener.internal_error,  # the guard logs it by itself
        )
        return make_app(self.health, self.metrics.render, ready=self.ready, access=access, context=context)

    def _receivers(self) -> Sequence[str]:
        return self.config().receiver_names

    def _gathers(self) -> dict[str, timedelta]:
        return {each.name: each.gathers_for for each in self.config().receivers if each.grouped and each.gathers_for}

    def _timezone_name(self) -> str | None:
        configured = self.config().timezone
        return None if configured is None else str(configured)

    def _status(self) -> dict[str, Any]:
        config, now = self.config(), self.clock.now()
        summary = None
        try:
            summary = self.store.summaries.summary(finished=True)
            health = judge(summary, self._receivers(), now, config.zone)
        except BridgeError as error:
            health = unreadable(error)
        daemon = {"daemon": {"running": True, "seen_at": isoformat(now)}}
        return (
            daemon
            | status_json(health, summary, now, config.zone)
            | {
                "version": __version__,
                "configuration": str(config.path.absolute()),
                "database": shown_url(config.database),
                "warnings": list(config.warnings()),
            }
            | ({} if summary is None else {"summaries": summaries_json(next_summaries(config, summary.facts, now))})
        )

    def _preview(self, name: str, event: Event) -> dict[str, Any] | None:
        return preview(self.config(), name, event, self.store.id, self.clock.now())

    def _try_receiver(self, name: str, type_: EventType) -> dict[str, Any] | None:
        return try_receiver(self.config(), name, type_, self.store, self.clock, self.listener)
