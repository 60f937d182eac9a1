"""Between rows (``Any``: SQLAlchemy 2.0 and 2.1 type them differently) and the frozen values that all others see."""

from __future__ import annotations

from typing import Any

from bridge.model import Delivery, DeliveryState, Event, EventType, Message, State, Status
from bridge.store.schema import deliveries, events, messages

MESSAGE = (
    messages.c.id,
    messages.c.label,
    messages.c.tags,
    messages.c.status,
    messages.c.since,
    messages.c.error,
    messages.c.sequence,
    messages.c.unknown_since,
    messages.c.watched_since,
    messages.c.stuck,
    messages.c.expected_at,
    messages.c.hinted_at,
    messages.c.due_at,
)
"""What :func:`message` reads."""

DELIVERY = (
    deliveries.c.id,
    deliveries.c.receiver,
    deliveries.c.state,
    deliveries.c.attempts,
    deliveries.c.created_at,
    deliveries.c.first_due_at,
    deliveries.c.due_at,
    deliveries.c.finished_at,
    deliveries.c.reason,
    events.c.id.label("event_id"),
    events.c.type,
    events.c.at,
    events.c.subject,
    events.c.sequence,
    events.c.message_id,
    events.c.data,
)
"""What :func:`delivery` reads, of the two tables joined."""


def message(row: Any) -> Message:
    """Read a watched message."""
    state = None if row.status is None else State(Status(row.status), row.since, row.error)
    return Message(
        id=row.id,
        label=row.label,
        tags=row.tags or {},
        state=state,
        sequence=row.sequence,
        unknown_since=row.unknown_since,
        watched_since=row.watched_since,
        stuck=row.stuck,
        expected_at=row.expected_at,
        hinted_at=row.hinted_at,
        due_at=row.due_at,
    )


def event(row: Any) -> Event:
    """Read an event."""
    return Event(row.id, EventType(row.type), row.at, row.subject, row.sequence, row.data, row.message_id)


def delivery(row: Any) -> Delivery:
    """Read a delivery with its event."""
    told = Event(row.event_id, EventType(row.type), row.at, row.subject, row.sequence, row.data, row.message_id)
    return Delivery(
        id=row.id,
        event=told,
        receiver=row.receiver,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        first_due_at=row.first_due_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
        reason=row.reason,
    )


def event_row(told: Event) -> dict[str, Any]:
    """Write an event."""
    return {
        "id": told.id,
        "type": str(told.type),
        "at": told.at,
        "subject": told.subject,
        "sequence": told.sequence,
        "message_id": told.message_id,
        "data": dict(told.data),
    }
