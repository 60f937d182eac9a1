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
    """Acts as soon as something has happened.

    Args:
        show: Shows it to those who follow events.
        say_status: Says how the bridge does: called where that may have changed, at events that are about no message.
    """

    def __init__(self, show: Callable[[], None], say_status: Callable[[], None]) -> None:
        self._show = show
        self._say_status = say_status

    def event_recorded(self, event: Event) -> None:
        """Act."""
        self._show()
        if event.message_id is None:
            self._say_status()


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
