"""Holds what is queued for a receiver while it is muted or in its quiet hours, and releases it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.mute import NEVER_HELD, Hold, Mute, exempt
from bridge.store.membership import Ownership

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import EventType
    from bridge.domain.observer import Listener
    from bridge.domain.quiet_hours import QuietHours
    from bridge.store.deliveries import DeliveryQueue
    from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class Held:
    """Only what is in the ``queue`` is sent before ``until``. ``begins`` says that the look before found no hold."""

    until: datetime
    queue: DeliveryQueue
    begins: bool


class Holding:
    """Knows whether a receiver's deliveries are held. Used by its dispatcher's own thread, except for ``begins``.

    Args:
        receiver: Which.
        quiet: Its quiet hours.
        store: Has its mute, and since when its deliveries have been held.
        listener: Hears of the beginning and the end of a mute.
    """

    def __init__(self, receiver: str, quiet: QuietHours | None, store: Store, listener: Listener) -> None:
        self._receiver = receiver
        self._quiet = quiet
        self._store = store
        self._listener = listener
        self._announced: Mute | None = None
        self._queues: dict[Collection[EventType], DeliveryQueue] = {}
        self._is_held = False

    def begins(self, now: datetime) -> bool:
        """Tell whether quiet hours have begun since the latest look, so that another one is needed."""
        if self._quiet is None or self._is_held or self._quiet.quiet_until(now) is None:
            return False
        return self._store.node.ownership(self._receiver) is Ownership.OURS

    def look(self, now: datetime) -> tuple[Held | None, CircuitBreaker]:
        """Return what holds the deliveries (None, after releasing them, if nothing does), and the breaker."""
        mute, hold, breaker = self._store.mutes.state_of(self._receiver)
        if mute is not None and mute.until <= now:
            self._end(now)
            return self.look(now)  # somebody may have muted it again
        self._announce(mute)
        wanted, types, look_at = self._wanted(mute, now)
        before, self._is_held = self._is_held, wanted is not None
        if wanted is None:
            if hold is not None:
                self._store.mutes.release(self._receiver, now)
            return None, breaker
        if hold is None or hold.until != wanted.until:
            self._store.mutes.hold(wanted)
        return Held(look_at, self._queue(types), begins=not before), breaker

    def _wanted(self, mute: Mute | None, now: datetime) -> tuple[Hold | None, frozenset[EventType], datetime]:
        """Tell what is to hold the deliveries, which event types are sent anyway, and until when that is so."""
        if mute is not None:
            quiet_until = None if self._quiet is None else self._quiet.quiet_until(mute.until)
            return Hold(self._receiver, mute.since, quiet_until or mute.until), NEVER_HELD, mute.until
        night = None if self._quiet is None else self._quiet.night(now)
        if self._quiet is None or night is None:
            return None, NEVER_HELD, now
        return Hold(self._receiver, night.since, night.until), exempt(self._quiet.exempt), night.until

    def _announce(self, mute: Mute | None) -> None:
        if mute is not None and (self._announced is None or mute.since != self._announced.since):
            self._listener.muted(mute)
        self._announced = mute

    def _end(self, now: datetime) -> None:
        ended = self._store.mutes.end(self._receiver, now)
        if ended is not None:
            self._listener.unmuted(ended)

    def _queue(self, types: frozenset[EventType]) -> DeliveryQueue:
        if types not in self._queues:
            self._queues[types] = self._store.exempt_deliveries(types)
        return self._queues[types]
