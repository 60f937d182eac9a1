"""When a receiver is reminded of what is still wrong: the owner of the table ``reminders``.

A row is there from the time at which an event, or a reminder of it, was delivered or given up, until the next reminder
is queued.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.model import DeliveryState
from bridge.store import queueing, withheld
from bridge.store.column_types import Instant, moved
from bridge.store.due_deliveries import QUEUED
from bridge.store.engine import CHUNK, chunks
from bridge.store.tables import deliveries, incidents, reminders

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from bridge.store.engine import Database
    from bridge.store.event_log import EventLog

_LASTING = sa.select(sa.literal(1)).where(
    incidents.c.event == deliveries.c.event, incidents.c.acknowledged_at.is_(None)
)
"""The incident that a delivery reports, while it lasts and nobody has acknowledged it."""


class Reminders:
    """Queues reminders.

    Args:
        database: Where.
        events: Counts what is dropped.
    """

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def next_due(self, receiver: str) -> datetime | None:
        """Return when a receiver is to be reminded next; None if nothing is wrong that it was to be sent."""
        with self._database.read() as connection:
            due_at: datetime | None = connection.scalar(_NEXT, {"receiver": receiver})
            return due_at

    def queue_due(self, receiver: str, now: datetime, early: timedelta = timedelta()) -> None:
        """Queue the reminders that are due, if any, and those that are due by ``early`` from now.

        Those of what is over, or acknowledged, are forgotten.
        """
        due_at = self.next_due(receiver)
        if due_at is None or due_at > now:
            return
        soon = reminders.c.due_at <= now + early
        mine = sa.select(reminders.c.subject).where(reminders.c.receiver == receiver, soon)
        with self._database.write() as connection:
            self._database.keep_order(connection)  # or an incident could end meanwhile, unseen
            while subjects := connection.scalars(mine.limit(CHUNK)).all():
                ended = sa.delete(reminders).where(reminders.c.receiver == receiver, reminders.c.subject.in_(subjects))
                rows = connection.execute(ended.returning(reminders.c.event, reminders.c["count"])).all()
                _queue(connection, receiver, {event: count + 1 for event, count in rows}, now)

    def drop_over(self, receiver: str, ids: Collection[int], now: datetime) -> set[int]:
        """Drop those of these that tell of what is over, or acknowledged: reminders, and what `hold` held back.

        It is for who is about to send them: what is on its way already can't be taken back. Returns the ids of all
        that is dropped: of what `hold` held back, the end is, too.
        """
        over = sa.select(deliveries.c.id).where(~_LASTING.exists())
        with self._database.read() as connection:
            found = [id_ for part in chunks(ids) for id_ in connection.scalars(over.where(deliveries.c.id.in_(part)))]
        if not found:
            return set()
        dropped = (
            sa.update(deliveries)
            .where(QUEUED, deliveries.c.reminder > 0)
            .values(
                state=str(DeliveryState.DROPPED), finished_at=now, reason="over, or acknowledged, before it was sent"
            )
            .returning(deliveries.c.id)
        )
        with self._events.transaction() as connection:
            self._database.keep_order(connection)  # or an end could be written beside it, to whom it is news
            gone = {
                id_ for part in chunks(found) for id_ in connection.scalars(dropped.where(deliveries.c.id.in_(part)))
            }
            gone |= withheld.drop_outlived(connection, receiver, found, now)
            self._events.note_dropped(connection, [receiver] * len(gone))
        return gone

    def configure(self, every: Mapping[str, timedelta], now: datetime) -> None:
        """Let no reminder be due later than its receiver wants it.

        Those of receivers that want none are left alone: another node, with another configuration, may have planned
        them. Nobody makes them, and they are forgotten when what they would remind of is over.
        """
        with self._database.write() as connection:
            for receiver, wait in every.items():
                late = sa.update(reminders).where(reminders.c.receiver == receiver, reminders.c.due_at > now + wait)
                connection.execute(late.values(due_at=now + wait))


def plan(database: Database, connection: sa.Connection, ids: Collection[int], at: datetime, every: timedelta) -> None:
    """Note when a receiver is to be reminded of what is over among these deliveries, and still wrong.

    Within a transaction. What was delivered counts, and what was given up: the next one may be taken.
    """
    if not ids:
        return
    due_at = sa.literal(at + every, Instant)
    counts = deliveries.c.state.in_([str(DeliveryState.DELIVERED), str(DeliveryState.DEAD)])
    made = deliveries.alias()
    # Not this one's number: the event itself may be sent again, and the next reminder needs an id that is new.
    latest = (
        sa.select(sa.func.max(made.c.reminder))
        .where(made.c.event == deliveries.c.event, made.c.receiver == deliveries.c.receiver)
        .scalar_subquery()
    )
    for part in chunks(ids):
        # A digest may hold an event twice: itself, and a reminder of it.
        found = (
            sa.select(deliveries.c.receiver, deliveries.c.subject, deliveries.c.event, due_at, latest)
            .where(deliveries.c.id.in_(part), counts, _LASTING.exists())
            .distinct()
        )
        insert = database.insert(reminders).from_select(["receiver", "subject", "event", "due_at", "count"], found)
        new = {name: insert.excluded[name] for name in ("event", "due_at", "count")}
        key = [reminders.c.receiver, reminders.c.subject]
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=new))


def forget_what_is_over(connection: sa.Connection) -> None:
    """Forget when to remind of what is over, or acknowledged, within a transaction."""
    lasting = sa.select(sa.literal(1)).where(
        incidents.c.event == reminders.c.event, incidents.c.acknowledged_at.is_(None)
    )
    connection.execute(sa.delete(reminders).where(~lasting.exists()))


def shift(connection: sa.Connection, step: timedelta) -> None:
    """Move what is scheduled: the clock was set. Within a transaction."""
    connection.execute(sa.update(reminders).values(due_at=moved(reminders.c.due_at, step)))


def _queue(connection: sa.Connection, receiver: str, numbers: Mapping[int, int], now: datetime) -> None:
    lasting = sa.select(incidents.c.event, incidents.c.subject).where(
        incidents.c.event.in_(list(numbers)), incidents.c.acknowledged_at.is_(None)
    )
    queueing.insert(
        connection,
        [
            queueing.reminder_row(row.event, row.subject, receiver, numbers[row.event], now)
            for row in connection.execute(lasting.order_by(incidents.c.event))
        ],
    )


_NEXT = sa.select(sa.func.min(reminders.c.due_at)).where(reminders.c.receiver == sa.bindparam("receiver"))
