"""How messages and deliveries are written in JSON: the same by the commands and over HTTP. Keys are never renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.events import envelope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Delivery
    from bridge.domain.summary import PastAttempt, WatchedMessage


def stamp(moment: datetime | None) -> str | None:
    """Write a moment for JSON."""
    return None if moment is None else isoformat(moment)


def message_json(shown: WatchedMessage) -> dict[str, Any]:
    """Arrange a message for JSON."""
    message, state = shown.message, shown.message.state
    return {
        "id": message.id,
        "label": message.label,
        "tags": dict(message.tags),
        "status": state and str(state.status),
        "since": state and stamp(state.since),
        "error": state and state.error,
        "unreadable": message.unread and {"since": stamp(message.unread.since), "why": message.unread.why},
        "sequence": message.sequence,
        "watched": shown.watched,
        "watched_since": stamp(message.watched_since),
        "expected_at": stamp(message.expected_at),
        "polled_at": stamp(shown.polled_at),
        "due_at": stamp(shown.due_at),
    }


def delivery_json(delivery: Delivery, attempts: Sequence[PastAttempt] | None = None) -> dict[str, Any]:
    """Arrange a delivery for JSON, with its attempts where they are given."""
    shown: dict[str, Any] = {
        "id": delivery.id,
        "receiver": delivery.receiver,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "probes": delivery.probes,
        "created_at": stamp(delivery.created_at),
        "due_at": stamp(delivery.due_at) if delivery.finished_at is None else None,
        "finished_at": stamp(delivery.finished_at),
        "reason": delivery.reason,
        "event": envelope(delivery.event),
    }
    if attempts is not None:
        shown["tries"] = [
            {
                "at": stamp(made.at),
                "seconds": round(made.duration, 3),
                "outcome": made.outcome,
                "http_status": made.http_status,
                "why": made.why,
                "answer": made.answer,
                "probe": made.probe,
            }
            for made in attempts
        ]
    return shown
