"""Events about the bridge's own health: the source, receivers and numbers, each with what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain import numbers
from bridge.domain.events import SOURCE, receiver_subject
from bridge.domain.model import EventType
from bridge.store import breakers, incidents
from bridge.store.facts import get_meta, set_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.event_data import ReceiverData, SourceData
    from bridge.domain.model import Event
    from bridge.domain.numbers import Number
    from bridge.domain.routing import Subscription
    from bridge.store.engine import Database
    from bridge.store.event_log import EventLog
    from bridge.store.membership import Membership

_WELL = "{}"


class HealthEvents:
    """Writes events about health, each in one transaction with what it follows from.

    Args:
        database: Where to.
        events: Writes them.
        node: Knows whether another node has had answers.
    """

    def __init__(self, database: Database, events: EventLog, node: Membership) -> None:
        self._database = database
        self._events = events
        self._node = node

    def record_receiver(
        self,
        receiver: str,
        at: datetime,
        change: Callable[[CircuitBreaker], tuple[CircuitBreaker, EventType, ReceiverData] | None],
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Write that a receiver is down, or up again, with the event and its deliveries, in one transaction.

        Args:
            receiver: Which.
            at: When.
            change: Given the receiver's breaker as it is then, returns the one from now on and what others are sent;
                None for nothing.
            subscriptions: Who wants which events.
        """
        with self._events.transaction() as connection:
            before = breakers.read(connection, receiver, to_change=True)
            changed = None if before is None else change(before)
            if changed is None:
                return []
            breaker, type_, data = changed
            breakers.put(self._database, connection, breaker)
            return self._events.add_health(connection, [(type_, data, at)], receiver_subject(receiver), subscriptions)

    def record_source(
        self,
        type_: EventType,
        data: SourceData,
        at: datetime,
        subscriptions: Sequence[Subscription],
        *,
        fact: str,
        failing_since: datetime | None = None,
    ) -> Event | None:
        """Write that the source went down or came back, with its deliveries, and the fact that tells so.

        None where another node has reported it, or where WbizTool answers others, so that it is this node's own fault.

        Args:
            type_: Which of the two.
            data: The event's.
            at: When.
            subscriptions: Who wants which events.
            fact: What is known of the source from now on; ``{}`` while it is well.
            failing_since: Since when nothing was answered, for one that went down.
        """
        with self._events.transaction() as connection:
            self._database.serialize(connection)
            if ((get_meta(connection, SOURCE) or _WELL) == _WELL) == (fact == _WELL):
                return None
            if failing_since is not None and self._node.answered_elsewhere(connection, failing_since):
                return None
            set_meta(self._database, connection, SOURCE, fact)
            return self._events.add_health(connection, [(type_, data, at)], SOURCE, subscriptions)[0]

    def record_numbers(
        self,
        seen: Sequence[Number],
        at: datetime,
        settle: timedelta,
        good_until: datetime,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Write how the account's numbers are, and the events of those that changed, in one transaction.

        Args:
            seen: All of them.
            at: When they were seen so.
            settle: For how long a number must have been as it is before that is reported.
            good_until: Until when that counts as known.
            subscriptions: Who wants which events.
        """
        with self._events.transaction() as connection:
            self._database.serialize(connection)
            known, changes = numbers.look(numbers.read(get_meta(connection, numbers.NUMBERS)), seen, at, settle)
            set_meta(self._database, connection, numbers.NUMBERS, numbers.written(known, good_until))
            there = {numbers.subject(id_) for id_ in known}
            lost = incidents.open_of(connection, EventType.NUMBER_DISCONNECTED)
            incidents.forget(connection, [subject for subject in lost if subject not in there])
            return self._events.add_changes(connection, changes, at, subscriptions)
