"""Who hears of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.observer import Listener

if TYPE_CHECKING:
    from bridge.domain.model import Event


class Heard(Listener):
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event_recorded(self, event: Event) -> None:
        self.events.append(event)
