"""What people ask to see: lists and counts, read only, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.model import Delivery, DeliveryState, Event, Status
from bridge.domain.summary import NodeSeen, PastAttempt, Summary, WatchedMessage
from bridge.store import quarantine, row_mapping
from bridge.store.tables import attempts, breakers, carried, deliveries, dispatchers, events, messages, meta, nodes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.store.engine import Database


def past_attempt(row: sa.Row[Any]) -> PastAttempt:
    """Read an attempt from a row that has all of its columns."""
    return PastAttempt(row.id, row.at, row.duration, row.outcome, row.http_status, row.why, row.answer, row.probe)


class Listing:
    """Reads for people. Nothing here is on the way of the data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def messages(
        self, *, status: Status | None = None, ids: Sequence[int] | None = None, most: int | None = None
    ) -> list[WatchedMessage]:
        """List messages, those with the latest change first; only some by status or by ids."""
        query = sa.select(
            *row_mapping.MESSAGE,
            messages.c.polled_at,
            (messages.c.listed | messages.c.added | messages.c.discovered).label("watched"),
        ).order_by(sa.func.coalesce(messages.c.since, messages.c.watched_since).desc(), messages.c.id.desc())
        if status is not None:
            query = query.where(messages.c.status == str(status))
        if ids is not None:
            query = query.where(messages.c.id.in_(ids))
        with self._database.read() as connection:
            return [
                WatchedMessage(row_mapping.message(row), bool(row.watched), row.polled_at, row.due_at)
                for row in connection.execute(query.limit(most))
            ]

    def events(self, *, message_id: int | None = None, most: int | None = None) -> list[tuple[int, Event]]:
        """List the latest ``most`` events, each with its position, oldest first."""
        query = sa.select(events).order_by(events.c.position.desc())
        if message_id is not None:
            query = query.where(events.c.message_id == message_id)
        with self._database.read() as connection:
            found = [(row.position, row_mapping.event(row)) for row in connection.execute(query.limit(most))]
        return found[::-1]

    def event(self, event_id: str) -> Event | None:
        """Look an event up by its id."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(events).where(events.c.id == event_id)).one_or_none()
        return None if row is None else row_mapping.event(row)

    def deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        receiver: str | None = None,
        ids: Sequence[int] | None = None,
        most: int | None = None,
    ) -> list[Delivery]:
        """List deliveries, the newest first."""
        query = (
            sa.select(*row_mapping.DELIVERY)
            .join(events, events.c.position == deliveries.c.event)
            .order_by(deliveries.c.id.desc())
        )
        if state is not None:
            query = query.where(deliveries.c.state == str(state))
        if receiver is not None:
            query = query.where(deliveries.c.receiver == receiver)
        if ids is not None:
            query = query.where(deliveries.c.id.in_(ids))
        with self._database.read() as connection:
            return [row_mapping.delivery(row) for row in connection.execute(query.limit(most))]

    def attempts(self, delivery_id: int) -> list[PastAttempt]:
        """List the attempts of a delivery, oldest first."""
        query = (
            sa.select(attempts)
            .join(carried, carried.c.attempt == attempts.c.id)
            .where(carried.c.delivery == delivery_id)
            .order_by(attempts.c.id)
        )
        with self._database.read() as connection:
            return [past_attempt(row) for row in connection.execute(query)]

    def summary(self, *, finished: bool = False) -> Summary:
        """Count what is not finished, or everything, which takes longer the more is finished: 0.5 s a million."""
        still = messages.c.due_at.isnot(None)
        queued = deliveries.c.state == sa.literal_column("'queued'")
        kept = sa.true() if finished else deliveries.c.state.in_(_NOT_DELIVERED)
        by_receiver: dict[str, dict[DeliveryState, int]] = {}
        with self._database.read() as connection:
            counts: Any = connection.execute(_BY_STATUS if finished else _UNFINISHED_BY_STATUS)
            statuses = row_mapping.counted(counts)
            polled, oldest_due = connection.execute(
                sa.select(sa.func.count(), sa.func.min(messages.c.due_at)).where(still)
            ).one()
            for receiver, state, count in connection.execute(
                sa.select(deliveries.c.receiver, deliveries.c.state, sa.func.count())
                .where(kept)
                .group_by(deliveries.c.receiver, deliveries.c.state)
            ):
                if state in set(DeliveryState):  # another one, somebody has written by hand
                    by_receiver.setdefault(receiver, {})[DeliveryState(state)] = count
            oldest_queued = connection.scalar(sa.select(sa.func.min(deliveries.c.created_at)).where(queued))
            shown = tuple(row_mapping.breaker(row) for row in connection.execute(sa.select(breakers)))
            facts = {row.key: row.value for row in connection.execute(sa.select(meta))}
            seen, aside = _nodes(connection), quarantine.current(connection)
            unread = sa.select(sa.func.count()).select_from(messages).where(sa.literal_column("unread_told"), still)
            unreadable = connection.scalar(unread) or 0
        fault = self._database.fault()
        return Summary(
            statuses, polled, oldest_due, by_receiver, oldest_queued, shown, facts, seen, aside, unreadable, fault
        )

    def polled(self) -> int:
        """Count the messages that are polled still; those that are finished cost nothing here."""
        query = sa.select(sa.func.count()).select_from(messages).where(messages.c.due_at.isnot(None))
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def queued(self) -> tuple[int, datetime | None]:
        """Count what is queued for anybody, and tell when the next of it is due."""
        query = sa.select(sa.func.count(), sa.func.min(deliveries.c.due_at)).where(
            deliveries.c.state == sa.literal_column("'queued'")
        )
        with self._database.read() as connection:
            count, due_at = connection.execute(query).one()
        return count, due_at


_NOT_DELIVERED: list[Any] = [sa.literal_column(f"'{state}'") for state in (DeliveryState.QUEUED, DeliveryState.DEAD)]
_NOT_TERMINAL: list[Any] = [sa.literal_column(f"'{status}'") for status in Status if not status.terminal]
_BY_STATUS = sa.select(messages.c.status, sa.func.count()).group_by(messages.c.status)
# Two parts: SQLite would else read the index of all statuses as a whole.
_UNFINISHED_BY_STATUS = sa.union_all(
    _BY_STATUS.where(messages.c.status.in_(_NOT_TERMINAL)), _BY_STATUS.where(messages.c.status.is_(None))
)


def _nodes(connection: sa.Connection) -> tuple[NodeSeen, ...]:
    held: dict[int, list[str]] = {}
    for row in connection.execute(sa.select(dispatchers).order_by(dispatchers.c.receiver)):
        held.setdefault(row.node, []).append(row.receiver)
    return tuple(
        NodeSeen(row.name, row.since, row.lease_until, row.share, tuple(held.get(row.id, ())))
        for row in connection.execute(sa.select(nodes).order_by(nodes.c.id))
    )
