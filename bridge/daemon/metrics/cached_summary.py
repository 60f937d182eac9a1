"""Reads the store's summary for scrapes: rarely, and never for longer than a scraper waits."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.domain.clock import Clock
    from bridge.domain.summary import Summary

KEPT_FOR = 5.0
"""Seconds for which one reading serves all scrapes: however many scrape, the database is counted no more often."""

PATIENCE = 3.0
"""Seconds that a scrape waits for a reading. Prometheus gives up on the whole scrape after ten."""


class CachedSummary:
    """The latest summary.

    Args:
        read: Reads it; it may take long, or fail with a BridgeError.
        clock: Tells how old a reading is.
        patience: How many seconds to wait for one.
    """

    def __init__(self, read: Callable[[], Summary], clock: Clock, patience: float) -> None:
        self._read = read
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._reading: Future[Summary] | None = None
        self._began = 0.0

    def __call__(self) -> Summary | None:
        """Return the summary, at most a few seconds old; None where the database cannot be read, or not in time."""
        with self._lock:
            reading = self._reading
            if reading is None or (reading.done() and self._clock.monotonic() - self._began >= KEPT_FOR):
                reading = self._reading = self._begin()
        try:
            return reading.result(self._patience)
        except (BridgeError, TimeoutError):
            return None

    def _begin(self) -> Future[Summary]:
        self._began = self._clock.monotonic()
        reading: Future[Summary] = Future()
        # A daemon thread: a database server that does not answer must not hold up the end of the process.
        threading.Thread(target=self._finish, args=(reading,), name="glance", daemon=True).start()
        return reading

    def _finish(self, reading: Future[Summary]) -> None:
        try:
            reading.set_result(self._read())
        except BaseException as error:  # noqa: BLE001 -- whatever it is belongs to the scrapes that wait for it
            reading.set_exception(error)
