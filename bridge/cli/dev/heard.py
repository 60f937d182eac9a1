"""Waits for events of the running bridge."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from bridge.domain.errors import NotNowError
from bridge.domain.observer import Listener

if TYPE_CHECKING:
    from bridge.domain.model import Event, EventType

PATIENCE: Final = 10.0
"""Seconds to wait for an event, which normally takes one or two."""

_KEPT = 1000


class Heard(Listener):
    """Keeps the latest events and lets a trigger wait for its own."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._stopping = False
        self._came = threading.Condition()

    def event_recorded(self, event: Event) -> None:
        """Keep an event."""
        with self._came:
            self._events.append(event)
            self._came.notify_all()

    def stopping(self, why: str) -> None:
        """End all waits."""
        del why
        with self._came:
            self._stopping = True
            self._came.notify_all()

    def forget(self) -> None:
        """Forget what was before."""
        with self._came:
            self._events.clear()

    def wait_for(self, type_: EventType, message_id: int | None = None) -> Event:
        """Wait for an event, about a message if one is named.

        Raises:
            NotNowError: It does not come, or the bridge stops.
        """

        def found() -> Event | None:
            return next((each for each in self._events if (each.type, each.message_id) == (type_, message_id)), None)

        with self._came:
            self._came.wait_for(lambda: self._stopping or found() is not None, PATIENCE)
            event = found()
        if event is None:
            when = "before it stopped" if self._stopping else f"within {PATIENCE:.0f} seconds"
            raise NotNowError(f"the bridge did not report {type_} {when}")
        return event
