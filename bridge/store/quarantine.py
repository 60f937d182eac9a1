"""What is set aside after internal errors: the owner of the table ``internal_errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.quarantine import Kind, SetAside, wait_after
from bridge.store import reminders
from bridge.store.engine import chunks
from bridge.store.tables import deliveries, internal_errors, messages

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from bridge.domain.model import Expired
    from bridge.store.deliveries import DeliveryQueue
    from bridge.store.engine import Database
    from bridge.store.watchlist import Messages

_KEY = (internal_errors.c.kind, internal_errors.c.item, internal_errors.c.name)
MOST_SHOWN = 100
"""How many are read for people: where there are more, they have one cause."""


class Quarantine:
    """Sets aside what an internal error concerned, and lets it be tried again.

    Args:
        database: Where it is noted.
        messages: Those that can't be polled now are put off.
        deliveries: Those that can't be tried now are, too.
    """

    def __init__(self, database: Database, messages: Messages, deliveries: DeliveryQueue) -> None:
        self._database = database
        self._messages = messages
        self._deliveries = deliveries

    def set_message_aside(self, message_id: int, why: str, now: datetime) -> None:
        """Poll a message again later, for it can't be now: an internal error."""
        with self._database.write() as connection:
            retry_at = note(self._database, connection, Kind.MESSAGE, message_id, "", why, now)
            self._messages.put_off(connection, [message_id], retry_at)

    def set_delivery_aside(
        self, delivery_id: int, why: str, now: datetime, *, remind: timedelta | None = None
    ) -> list[Expired]:
        """Try a delivery again later, for it can't be now: an internal error. Returned where its time is over.

        ``remind`` is as for :meth:`bridge.store.store.Store.record_deliveries`.
        """
        with self._database.write() as connection:
            retry_at = note(self._database, connection, Kind.DELIVERY, delivery_id, "", why, now)
            gone = self._deliveries.put_off(connection, delivery_id, why, now, retry_at)
            if remind is not None:
                reminders.plan(self._database, connection, [each.id for each in gone], now, remind)
            return gone

    def step_failed(self, name: str, why: str, now: datetime) -> None:
        """Note that a step of the daemon failed by an internal error."""
        with self._database.write() as connection:
            note(self._database, connection, Kind.STEP, 0, name, why, now)

    def step_worked(self, name: str) -> None:
        """Note that a step works again."""
        with self._database.write() as connection:
            forget_step(connection, name)

    def try_set_aside_now(self, now: datetime) -> None:
        """Let everything be tried at once that internal errors set aside: a new version may know better."""
        with self._database.write() as connection:
            forget_step(connection)
            self._messages.put_off(connection, items(Kind.MESSAGE), now)
            self._deliveries.try_now(connection, items(Kind.DELIVERY), now)
            try_now(connection, now)


def note(
    database: Database, connection: sa.Connection, kind: Kind, item: int, name: str, why: str, now: datetime
) -> datetime:
    """Note that something failed, within a transaction; return when it is to be tried again."""
    table = internal_errors.c
    key = (table.kind == str(kind)) & (table.item == item) & (table.name == name)
    count = (connection.scalar(sa.select(table.failures).where(key)) or 0) + 1
    retry_at = now + wait_after(count)
    values = {"at": now, "failures": count, "error": why, "retry_at": retry_at}
    insert = database.insert(internal_errors).values(kind=str(kind), item=item, name=name, since=now, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=values))
    return retry_at


def forget(connection: sa.Connection, kind: Kind, items: Collection[int]) -> None:
    """Forget what worked, within a transaction."""
    if connection.scalar(_ANY, {"kind": str(kind)}) is None:
        return  # nearly always, and much faster than a list of ids
    of_kind = sa.delete(internal_errors).where(internal_errors.c.kind == str(kind))
    for chunk in chunks(items):
        connection.execute(of_kind.where(internal_errors.c.item.in_(chunk)))


def items(kind: Kind) -> sa.Select[tuple[int]]:
    """Select the ids of what is set aside."""
    return sa.select(internal_errors.c.item).where(internal_errors.c.kind == str(kind))


def try_now(connection: sa.Connection, now: datetime) -> None:
    """Let everything be tried again, within a transaction."""
    connection.execute(sa.update(internal_errors).values(retry_at=now))


def forget_step(connection: sa.Connection, name: str | None = None) -> None:
    """Forget that a step failed, or that any did, within a transaction."""
    steps = sa.delete(internal_errors).where(internal_errors.c.kind == str(Kind.STEP))
    connection.execute(steps if name is None else steps.where(internal_errors.c.name == name))


def forget_what_is_over(connection: sa.Connection) -> None:
    """Forget messages that are not polled any more, and deliveries that are not queued, within a transaction."""
    connection.execute(sa.delete(internal_errors).where(sa.not_(_IS_CURRENT)))


def current(connection: sa.Connection) -> tuple[SetAside, ...]:
    """List what is set aside, the latest failure first."""
    found = connection.execute(
        sa.select(internal_errors).where(_IS_CURRENT).order_by(internal_errors.c.at.desc()).limit(MOST_SHOWN)
    )
    return tuple(
        SetAside(Kind(row.kind), row.name or str(row.item), row.since, row.failures, row.error, row.retry_at)
        for row in found
    )


_ANY = sa.select(internal_errors.c.item).where(internal_errors.c.kind == sa.bindparam("kind")).limit(1)
_POLLED = sa.select(messages.c.id).where(messages.c.id == internal_errors.c.item, messages.c.due_at.isnot(None))
_QUEUED = sa.select(deliveries.c.id).where(deliveries.c.id == internal_errors.c.item, deliveries.c.state == "queued")
_IS_CURRENT = sa.case(
    (internal_errors.c.kind == str(Kind.MESSAGE), _POLLED.exists()),
    (internal_errors.c.kind == str(Kind.DELIVERY), _QUEUED.exists()),
    else_=sa.true(),
)
