"""Watches whether the account's numbers are connected: a disconnected one is why messages stay pending."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.domain.errors import BridgeError, NotNowError
from bridge.domain.health import NUMBERS
from bridge.source.failure_tracker import FailureTracker

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.domain.routing import Routes
    from bridge.source.api import WbizTool
    from bridge.store.store import Store

GOOD_FOR = 3
"""For how many intervals what was seen counts as known."""


class NumberMonitor:
    """Asks for the account's numbers and tells what changed.

    Args:
        every: How often it is asked.
        settle: For how long a number must have been as it is before that is reported.
        routes: Who wants which events.
    """

    def __init__(
        self,
        store: Store,
        source: WbizTool,
        *,
        every: timedelta,
        settle: timedelta,
        routes: Routes,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._store = store
        self._source = source
        self._every = every
        self._settle = settle
        self._routes = routes
        self._clock = clock
        self._listener = listener
        self._standing = FailureTracker(store, NUMBERS, GOOD_FOR * every, clock)
        self._looking = threading.Lock()

    def look(self) -> None:
        """Look once. Of several nodes, one does. Never raises a BridgeError."""
        if not self._store.node.leads or not self._looking.acquire(blocking=False):
            return
        try:
            seen = self._source.numbers()
            if seen is None:  # asked to stop
                return
            if not isinstance(seen, tuple):
                raise NotNowError(seen.why)
            at = self._clock.now()
            until = at + GOOD_FOR * self._every
            for event in self._store.health_events.record_numbers(
                seen, at, self._settle, until, self._routes.subscriptions
            ):
                self._listener.event_recorded(event)
            self._standing.worked()
        except BridgeError as error:
            self._listener.step_failed("looking at the account's numbers", error)
            self._standing.failed(str(error))
        finally:
            self._looking.release()
