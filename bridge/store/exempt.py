"""What is sent to a receiver although it is muted or in its quiet hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.store.deliveries import DeliveryQueue
from bridge.store.due_deliveries import DueQueries

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.domain.model import EventType
    from bridge.store.engine import Database


class ExemptQueue(DeliveryQueue):
    """The part of a queue that is not held: events of some types, and what came before them of the same subject.

    Args:
        database: Where it is.
        types: Which.
    """

    def __init__(self, database: Database, types: Collection[EventType]) -> None:
        super().__init__(database)
        self._queries = DueQueries(database, types)
