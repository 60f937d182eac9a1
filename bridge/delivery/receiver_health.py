"""What others are sent about a receiver that is down, or up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.domain.breaker import Change, CircuitBreaker, announced
from bridge.domain.clock import isoformat
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.model import Event
    from bridge.domain.routing import Subscription
    from bridge.store.store import Store


def health_of(breaker: CircuitBreaker, change: Change, now: datetime) -> tuple[EventType, Mapping[str, Any]]:
    """Make the event about a receiver whose circuit breaker has changed so: its type, and its data."""
    match change:
        case Change.DOWN:
            since, reason = breaker.failing_since or now, breaker.reason
            return EventType.RECEIVER_DOWN, {
                "receiver": breaker.receiver,
                "since": isoformat(since),
                "reason": reason,
            }
        case Change.UP:
            data = {"receiver": breaker.receiver, "since": isoformat(breaker.well_since or now), "reason": None}
            if breaker.down_since is not None:
                data["down_since"] = isoformat(breaker.down_since)
            return EventType.RECEIVER_UP, data
        case _:
            assert_never(change)


def announce(
    store: Store, receiver: str, settle: timedelta, now: datetime, subscriptions: Sequence[Subscription]
) -> Sequence[Event]:
    """Write that a receiver is down, or up again, if that is so for long enough and was not told; return the events."""

    def change(found: CircuitBreaker) -> tuple[CircuitBreaker, EventType, Mapping[str, Any]] | None:
        changed = announced(found, now, settle)
        return None if changed is None else (changed[0], *health_of(found, changed[1], now))

    return store.health_events.record_receiver(receiver, now, change, subscriptions)
