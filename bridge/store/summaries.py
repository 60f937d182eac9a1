"""How much there is, and how the bridge does: counts, read only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.model import DeliveryState, Status
from bridge.domain.summary import NodeSeen, Summary
from bridge.store import acknowledging, mutes, quarantine, row_mapping
from bridge.store.due_deliveries import QUEUED
from bridge.store.size import DatabaseSize
from bridge.store.tables import breakers, deliveries, dispatchers, messages, meta, nodes

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bridge.store.engine import Database


class Summaries:
    """Counts for people. Nothing here is on the way of the data."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._size = DatabaseSize(database.path)

    def summary(self, *, finished: bool = False) -> Summary:
        """Count what is not finished, or everything, which takes longer the more is finished: 0.5 s a million."""
        still = messages.c.due_at.isnot(None)
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
            late = sa.select(sa.func.min(deliveries.c.first_due_at)).where(QUEUED, mutes.NOT_HELD)
            oldest_queued = connection.scalar(late)
            shown = tuple(row_mapping.breaker(row) for row in connection.execute(sa.select(breakers)))
            facts = {row.key: row.value for row in connection.execute(sa.select(meta))}
            seen, aside = _nodes(connection), quarantine.current(connection)
            unreadable = connection.scalar(_UNREADABLE) or 0
            open_, acknowledged = acknowledging.counts(connection)
            muted, held = mutes.all_mutes(connection), mutes.all_holds(connection)
            size = self._size.read(connection)
        fault = self._database.fault()
        return Summary(
            *(statuses, polled, oldest_due, by_receiver, oldest_queued, shown, facts, seen, aside, unreadable, fault),
            mutes=muted,
            holds=held,
            open_incidents=open_,
            acknowledged_incidents=acknowledged,
            size=size,
        )

    def queued(self) -> tuple[int, datetime | None]:
        """Count what is queued for anybody, and tell when the next of it is due."""
        query = sa.select(sa.func.count(), sa.func.min(deliveries.c.due_at)).where(QUEUED)
        with self._database.read() as connection:
            count, due_at = connection.execute(query).one()
        return count, due_at

    def due_later(self, receivers: Collection[str], now: datetime) -> dict[str, int]:
        """Count for each of these what is queued and not due: held back by `hold`, or until a digest or a retry."""
        query = sa.select(deliveries.c.receiver, sa.func.count()).where(
            deliveries.c.receiver.in_(receivers), QUEUED, deliveries.c.due_at > now
        )
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(deliveries.c.receiver))
            return {receiver: count for receiver, count in rows}  # noqa: C416 -- mypy takes no dict() of rows


_NOT_DELIVERED: list[Any] = [sa.literal_column(f"'{state}'") for state in (DeliveryState.QUEUED, DeliveryState.DEAD)]
_NOT_TERMINAL: list[Any] = [sa.literal_column(f"'{status}'") for status in Status if not status.terminal]
_BY_STATUS = sa.select(messages.c.status, sa.func.count()).group_by(messages.c.status)
# Two parts: SQLite would else read the index of all statuses as a whole.
_UNFINISHED_BY_STATUS = sa.union_all(
    _BY_STATUS.where(messages.c.status.in_(_NOT_TERMINAL)), _BY_STATUS.where(messages.c.status.is_(None))
)
# Those that are polled still. Asked for in the condition, SQLite would look at all that is due to find them.
_UNREADABLE = sa.select(sa.func.count(messages.c.due_at)).where(sa.literal_column("unread_told"))


def _nodes(connection: sa.Connection) -> tuple[NodeSeen, ...]:
    held: dict[int, list[str]] = {}
    for row in connection.execute(sa.select(dispatchers).order_by(dispatchers.c.receiver)):
        held.setdefault(row.node, []).append(row.receiver)
    return tuple(
        NodeSeen(row.name, row.since, row.lease_until, row.share, tuple(held.get(row.id, ())))
        for row in connection.execute(sa.select(nodes).order_by(nodes.c.id))
    )
