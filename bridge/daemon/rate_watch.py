"""Watches whether too many messages fail, as the configuration's ``alerts`` say."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain import failure_rate
from bridge.domain.rate_window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.clock import Clock
    from bridge.domain.failure_rate import Alert
    from bridge.domain.observer import Listener
    from bridge.domain.routing import Routes
    from bridge.store.store import Store

_CHUNK = 5000
"""How many events are read in one go."""


class RateWatch:
    """Counts final statuses as they are recorded, and reports when a group of messages fails or recovers.

    The counts are in memory, and read again from the events at a start; which groups fail is in the store.

    Args:
        store: Where the events are.
        routes: Who wants which events.
        clock: Tells the time.
        listener: Hears of events.
    """

    def __init__(self, store: Store, *, routes: Routes, clock: Clock, listener: Listener) -> None:
        self._store = store
        self._routes = routes
        self._clock = clock
        self._listener = listener
        self._windows: dict[Alert, Window] = {}
        self._position: int | None = None
        self._looking = threading.Lock()

    def look(self, alerts: Sequence[Alert]) -> None:
        """Look once. Of several nodes, one does; another that takes over starts counting from the events.

        Raises:
            BridgeError: The store failed.
        """
        with self._looking:
            if not self._store.node.leads:
                self._position = None
                return
            self._count(alerts)
            at, rates = self._clock.now(), self._store.failure_rates
            counted = [(alert, self._windows[alert]) for alert in alerts]
            known = rates.known()
            if failure_rate.look(known, counted, at)[0] == known:
                return
            for event in rates.record(
                lambda known: failure_rate.look(known, counted, at), at, self._routes.subscriptions
            ):
                self._listener.event_recorded(event)

    def _count(self, alerts: Sequence[Alert]) -> None:
        """Count what is new; everything recent enough if the alerts are new, or another node has counted so far."""
        if self._position is None or self._windows.keys() != set(alerts):
            longest = max((alert.within for alert in alerts), default=timedelta(0))
            self._position = self._store.failure_rates.before(self._clock.now() - longest)
            self._windows = {alert: Window(alert) for alert in alerts}
        while self._windows:
            finals, position = self._store.failure_rates.finals(self._position, _CHUNK)
            for final in finals:
                for window in self._windows.values():
                    window.add(final)
            if position == self._position:
                return
            self._position = position
