"""Waits for what the bridge notices."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from bridge.domain.errors import NotNowError
from bridge.domain.observer import Listener

if TYPE_CHECKING:
    from bridge.domain.model import Event, EventType

PATIENCE: Final = 10.0
"""Seconds that an event may take. It takes a second, or two."""

_KEPT = 1000


class Heard(Listener):
    """The latest events, for one who waits for one of them."""

    def __init__(self) -> None:
        self._told: deque[Event] = deque(maxlen=_KEPT)
        self._stopping = False
        self._came = threading.Condition()

    def told(self, event: Event) -> None:
        """Keep an event."""
        with self._came:
            self._told.append(event)
            self._came.notify_all()

    def stopping(self, why: str) -> None:
        """Let nobody wait any longer."""
        del why
        with self._came:
            self._stopping = True
            self._came.notify_all()

    def forget(self) -> None:
        """Forget what was before."""
        with self._came:
            self._told.clear()

    def wait_for(self, type_: EventType, message_id: int | None = None) -> Event:
        """Wait for an event, about a message if one is named.

        Raises:
            NotNowError: It does not come, or the bridge stops.
        """

        def found() -> Event | None:
            return next((each for each in self._told if (each.type, each.message_id) == (type_, message_id)), None)

        with self._came:
            self._came.wait_for(lambda: self._stopping or found() is not None, PATIENCE)
            event = found()
        if event is None:
            why = "`dev` was ended" if self._stopping else f"it did not come within {PATIENCE:.0f} seconds"
            raise NotNowError(f"no {type_}: {why}")
        return event
