"""Writes events: numbers them, queues their deliveries with them, and wakes who delivers once they are committed."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.domain import numbers
from bridge.domain.events import health_event, transition_event
from bridge.domain.model import EventType
from bridge.store import failure_digests
from bridge.store.facts import get_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from bridge.domain.event_data import HealthData
    from bridge.domain.events import HealthChange
    from bridge.domain.model import Event
    from bridge.domain.routing import Subscription
    from bridge.store.deliveries import DeliveryQueue
    from bridge.store.engine import Database
    from bridge.store.membership import Membership
    from bridge.store.poll_results import PollResult

_QUEUED = "queued for"
_DROPPED = "dropped for"


class EventLog:
    """Writes events.

    Args:
        database: Where to.
        database_id: The ids of events are made from it.
        deliveries: What is queued because of them.
        node: Tells the other nodes.
    """

    def __init__(self, database: Database, database_id: str, deliveries: DeliveryQueue, node: Membership) -> None:
        self._database = database
        self.database_id = database_id
        self._deliveries = deliveries
        self._node = node
        self.when_queued: Callable[[Collection[str]], None] = lambda _: None
        """Called with the receivers for which something was queued, once that is committed."""
        self.when_dropped: Callable[[str, int], None] = lambda _receiver, _count: None
        """Called with a receiver, and how many deliveries to it were dropped, once that is committed."""

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a transaction. Once it is committed, those are woken who deliver what it queued."""
        with self._database.write() as connection:
            connection.info.pop(_QUEUED, None)
            connection.info.pop(_DROPPED, None)
            yield connection
            queued: set[str] = connection.info.pop(_QUEUED, set())
            dropped: Counter[str] = connection.info.pop(_DROPPED, Counter())
        for receiver, count in dropped.items():
            self.when_dropped(receiver, count)
        if queued:
            self.when_queued(queued)

    def note_dropped(self, connection: sa.Connection, receivers: Iterable[str]) -> None:
        """Count deliveries that are dropped, one for each name, within a transaction."""
        connection.info.setdefault(_DROPPED, Counter()).update(receivers)

    def transitions(self, connection: sa.Connection, polls: Sequence[PollResult]) -> list[Event]:
        """Make the events of polls that found one, within a transaction. They are not written yet."""
        new_events = []
        for poll in polls:
            verdict = poll.verdict
            assert verdict is not None
            assert verdict.event is not None
            lost = None
            if verdict.event is EventType.MESSAGE_STUCK and verdict.unread is None:
                lost = numbers.disconnected(get_meta(connection, numbers.NUMBERS), poll.at)
            new_events.append(
                transition_event(
                    self.database_id, poll.message, verdict.state, verdict.event, poll.at, lost, verdict.unread
                )
            )
        return new_events

    def add_health(
        self,
        connection: sa.Connection,
        health: Sequence[tuple[EventType, HealthData, datetime]],
        subject: str,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Make the next events of a subject that is not a message, and write them, within a transaction."""
        new_events = []
        if health:
            self._database.serialize(connection)  # two that number the same subject would find the same number
        for type_, data, at in health:
            sequence = self._deliveries.next_sequence(connection, subject)
            event = health_event(self.database_id, type_, subject, sequence, at, data)
            self.add(connection, [event], subscriptions)
            new_events.append(event)
        return new_events

    def add_changes(
        self,
        connection: sa.Connection,
        changes: Iterable[HealthChange],
        at: datetime,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Make the next event of each subject that changed, and write them, within a transaction."""
        return [
            event
            for each in changes
            for event in self.add_health(connection, [(each.type, each.data, at)], each.subject, subscriptions)
        ]

    def add(
        self, connection: sa.Connection, new_events: Sequence[Event], subscriptions: Sequence[Subscription]
    ) -> None:
        """Write events with their deliveries, within a transaction."""
        if new_events:
            self._database.keep_order(connection)
            queued, dropped = self._deliveries.add(connection, new_events, subscriptions)
            self.note_dropped(connection, dropped)
            failure_digests.postpone(connection, new_events, subscriptions)
            self.note_queued(connection, queued)

    def note_queued(self, connection: sa.Connection, receivers: Collection[str]) -> None:
        """Let those be woken who deliver to these, once it is committed; within a transaction."""
        connection.info.setdefault(_QUEUED, set()).update(receivers)
        self._node.tell(connection, receivers)
