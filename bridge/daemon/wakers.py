"""Listeners that let the daemon act on what it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.observer import Listener
from bridge.store.errors import DamagedError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Event


class Waker(Listener):
    """Wakes, as soon as something has happened, those who deliver it or follow it."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def event_recorded(self, event: Event) -> None:  # noqa: ARG002 -- the listener's signature
        """Wake."""
        self._wake()


class HealthWaker(Waker):
    """Lets the bridge's own state be said as soon as it has changed."""

    def event_recorded(self, event: Event) -> None:
        """Wake at events that are about no message."""
        if event.message_id is None:
            super().event_recorded(event)


class DamageWatch(Listener):
    """Ends the daemon when the database is found damaged.

    What is read from it may be wrong, and what is sent can't be noted down. Opening the store looks for damage too, so
    that a daemon which is started again and again does not send the same again and again.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.found: Exception | None = None

    def step_failed(self, where: str, error: BridgeError) -> None:  # noqa: ARG002 -- the listener's signature
        """End the daemon where the database is damaged."""
        if isinstance(error, DamagedError):
            self.found = error
            self._stop.set()
