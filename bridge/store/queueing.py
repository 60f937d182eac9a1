"""How an event comes to be queued for a receiver: the row of its delivery, and when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.clock import in_words
from bridge.domain.incidents import held_until
from bridge.domain.model import DeliveryState
from bridge.store.tables import deliveries
from bridge.store.withheld import END_UNHEARD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime, timedelta

    from bridge.domain.model import Event, EventType
    from bridge.domain.routing import Subscription

QUEUED_STATE = str(DeliveryState.QUEUED)


def new_row(
    position: int, event: Event, subscription: Subscription, unheard: Collection[EventType] = ()
) -> dict[str, Any]:
    """Make the row of an event's delivery to one who wants it.

    Args:
        position: The event's.
        event: Which.
        subscription: The receiver's.
        unheard: Types that only end what the receiver was never sent (:func:`bridge.store.withheld.unaware`).
    """
    row = {
        "event": position,
        "subject": event.subject,
        "receiver": subscription.receiver,
        "state": QUEUED_STATE,
        "created_at": event.at,
        "first_due_at": event.at,
        "due_at": event.at,
    }
    if event.type in unheard:
        return row | {"state": str(DeliveryState.DROPPED), "finished_at": event.at, "reason": END_UNHEARD}
    until = held_until(event, subscription.hold)
    if until is None:
        return row
    times = {"first_due_at": until, "due_at": until, "withheld_until": until}
    return row | times | {"reason": held_back(until - event.at)}


def held_back(hold: timedelta) -> str:
    """Say why a delivery is queued that `hold` holds back for so long."""
    return f"held back: sent if it is not over or acknowledged within {in_words(hold.total_seconds())} (`hold`)"


def reminder_row(position: int, subject: str, receiver: str, number: int, now: datetime) -> dict[str, Any]:
    """Make the row of a reminder of an event, due now."""
    row = {"event": position, "subject": subject, "receiver": receiver, "state": QUEUED_STATE}
    return row | {"created_at": now, "first_due_at": now, "due_at": now, "reminder": number}


def insert(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows of deliveries, those with the same columns in one statement."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    for each in alike.values():
        connection.execute(sa.insert(deliveries), each)
