"""Everything that a store has, whatever its number: what is shown to people comes in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.store.history import DeliveryQuery, EventQuery
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Delivery, DeliveryState, Event, Status
    from bridge.domain.summary import PastAttempt, WatchedMessage
    from bridge.store.store import Store

_ALL = 1_000_000


def messages(
    store: Store, *, status: Status | None = None, ids: Sequence[int] | None = None, most: int = _ALL
) -> list[WatchedMessage]:
    """List messages, those with the latest change first."""
    query = MessageQuery(ids=None if ids is None else tuple(ids), statuses=None if status is None else (status,))
    return list(store.search.messages(query, most=most).items)


def events(store: Store, *, message_id: int | None = None, most: int = _ALL) -> list[tuple[int, Event]]:
    """List the latest events with their positions, oldest first."""
    return store.history.latest(2**62, EventQuery(message_id), most)


def deliveries(
    store: Store, *, state: DeliveryState | None = None, receiver: str | None = None, most: int = _ALL
) -> list[Delivery]:
    """List deliveries, the newest first."""
    query = DeliveryQuery(states=None if state is None else (state,), receiver=receiver)
    return list(store.history.deliveries(query, most=most).items)


def attempts(store: Store, delivery_id: int) -> list[PastAttempt]:
    """List the attempts of a delivery, oldest first."""
    return store.history.attempts([delivery_id])[delivery_id]
