"""What others are sent about a receiver that is down, or up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bridge.domain.breaker import Change, CircuitBreaker, announced
from bridge.domain.clock import isoformat
from bridge.domain.event_data import ReceiverData
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from bridge.domain.observer import Listener
    from bridge.domain.routing import Subscription
    from bridge.store.store import Store


def health_of(breaker: CircuitBreaker, change: Change, now: datetime) -> tuple[EventType, ReceiverData]:
    """Make the event about a receiver whose circuit breaker has changed so: its type, and its data."""
    match change:
        case Change.DOWN:
            since = isoformat(breaker.failing_since or now)
            return EventType.RECEIVER_DOWN, ReceiverData(receiver=breaker.receiver, since=since, reason=breaker.reason)
        case Change.UP:
            return EventType.RECEIVER_UP, ReceiverData(
                receiver=breaker.receiver,
                since=isoformat(breaker.well_since or now),
                reason=None,
                down_since=None if breaker.down_since is None else isoformat(breaker.down_since),
            )
        case _:
            assert_never(change)


def announce(
    store: Store,
    breaker: CircuitBreaker,
    settle: timedelta,
    now: datetime,
    subscriptions: Sequence[Subscription],
    listener: Listener,
) -> CircuitBreaker:
    """Send ``receiver.down`` or ``receiver.up`` to the others if that is due. Returns the breaker as it is then."""
    at = breaker.changes_at(settle)
    if at is None or now < at:
        return breaker

    def change(found: CircuitBreaker) -> tuple[CircuitBreaker, EventType, ReceiverData] | None:
        changed = announced(found, now, settle)
        return None if changed is None else (changed[0], *health_of(found, changed[1], now))

    for event in store.health_events.record_receiver(breaker.receiver, now, change, subscriptions):
        listener.event_recorded(event)
    return store.deliveries.breaker(breaker.receiver)
