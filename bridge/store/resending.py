"""Sends again what was delivered, and what happened before a receiver was there: as new deliveries of known events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.model import DeliveryState, Resent
from bridge.domain.routing import route
from bridge.store import row_mapping
from bridge.store.engine import chunks
from bridge.store.facts import nudge
from bridge.store.history import EventQuery, conditions
from bridge.store.tables import deliveries, events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from bridge.domain.routing import Subscription
    from bridge.store.engine import Database

_PAGE = 1000
_OVER = (str(DeliveryState.DELIVERED), str(DeliveryState.DROPPED))
_Row = tuple[int, str, str]  # the position of an event, its subject, and a receiver


class Resending:
    """Queues events once more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def resend(
        self,
        query: EventQuery,
        subscriptions: Sequence[Subscription],
        now: datetime,
        *,
        event_ids: Collection[str] | None = None,
        backfill: bool = False,
        new_id: bool = False,
        dry_run: bool = False,
    ) -> int:
        """Queue events for receivers again. Returns how many deliveries are, or would be, queued.

        Args:
            query: Which events.
            event_ids: Only these, if they are given; not with ``backfill``.
            subscriptions: Which receivers.
            now: When.
            backfill: Queue what a receiver asked for and never had, not what was delivered to it.
            new_id: Give the events new ids.
            dry_run: Only count.
        """
        with self._database.read() as connection:
            pages = list(
                _missing(connection, query, subscriptions)
                if backfill
                else _delivered(connection, query, subscriptions, event_ids)
            )
        if not dry_run:
            kind = Resent.NEW_ID if new_id else Resent.SAME_ID
            for page in pages:
                with self._database.write() as connection:  # one for each page: others write in between
                    self._add(connection, page, now, kind)
        return sum(map(len, pages))

    def _add(self, connection: sa.Connection, found: Sequence[_Row], now: datetime, kind: Resent) -> None:
        if not found:
            return
        rows = [
            {
                "event": position,
                "subject": subject,
                "receiver": receiver,
                "state": str(DeliveryState.QUEUED),
                "created_at": now,
                "first_due_at": now,
                "due_at": now,
                "resent": str(kind),
            }
            for position, subject, receiver in found
        ]
        connection.execute(sa.insert(deliveries), rows)
        nudge(self._database, connection)


def _delivered(
    connection: sa.Connection,
    query: EventQuery,
    subscriptions: Sequence[Subscription],
    event_ids: Collection[str] | None,
) -> Iterator[list[_Row]]:
    """Find page by page what was delivered or dropped, each event once for each receiver, in order."""
    chosen = (
        sa.select(events.c.position, events.c.subject, deliveries.c.receiver)
        .join(deliveries, deliveries.c.event == events.c.position)
        .where(
            deliveries.c.state.in_(_OVER),
            deliveries.c.receiver.in_([each.receiver for each in subscriptions]),
            *conditions(query),
        )
        .distinct()
        .order_by(events.c.position)
    )
    for part in [None] if event_ids is None else chunks(event_ids):
        found = connection.execute(chosen if part is None else chosen.where(events.c.id.in_(part)))
        yield from ([tuple(row) for row in page] for page in found.partitions(_PAGE))


def _missing(
    connection: sa.Connection, query: EventQuery, subscriptions: Sequence[Subscription]
) -> Iterator[list[_Row]]:
    """Find page by page what receivers would have got, had they been there."""
    chosen = sa.select(events).where(*conditions(query)).order_by(events.c.position).limit(_PAGE)
    position = 0
    while found := connection.execute(chosen.where(events.c.position > position)).all():
        position = found[-1].position
        had = sa.select(deliveries.c.event, deliveries.c.receiver).where(
            deliveries.c.event.in_([row.position for row in found])
        )
        known = {tuple(row) for row in connection.execute(had)}
        yield [
            (row.position, row.subject, each.receiver)
            for row in found
            for each in route(subscriptions, row_mapping.event(row))
            if (row.position, each.receiver) not in known
        ]
