"""What others are sent about a receiver that is down, or up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.domain.breaker import Change, CircuitBreaker
from bridge.domain.clock import isoformat
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


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
