"""Receivers that are sent nothing for a while: the owner of the tables ``mutes`` and ``holds``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.events import receiver_subject
from bridge.domain.model import DeliveryState
from bridge.domain.mute import Hold, Mute, held_by
from bridge.store import breakers
from bridge.store.column_types import Instant, moved, to_millis
from bridge.store.due_deliveries import QUEUED
from bridge.store.facts import nudge
from bridge.store.tables import deliveries, holds, mutes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.store.engine import Database
    from bridge.store.membership import Membership

_RECEIVER = sa.select(sa.cast(sa.bindparam("receiver"), sa.Text).label("name")).subquery()
_STATE = sa.select(mutes, holds.c.since.label("held_since"), holds.c.until.label("held_until")).select_from(
    _RECEIVER.outerjoin(mutes, mutes.c.receiver == _RECEIVER.c.name).outerjoin(
        holds, holds.c.receiver == _RECEIVER.c.name
    )
)
_DROPPING = sa.select(mutes).where(mutes.c.drops).order_by(mutes.c.receiver).with_for_update()

NOT_HELD = deliveries.c.receiver.not_in(sa.select(holds.c.receiver))
"""Deliveries that are not held."""


class Mutes:
    """Reads and writes which receivers are muted, and whose deliveries are held.

    Args:
        database: Where.
        node: Tells the other nodes.
    """

    def __init__(self, database: Database, node: Membership) -> None:
        self._database = database
        self._node = node

    def mute(self, wanted: Mute, quiet_until: datetime | None = None) -> None:
        """Mute a receiver; a mute that it has is replaced, and what that one dropped goes on counting.

        ``quiet_until`` is when quiet hours end in which the mute does.
        """
        values = {
            "since": wanted.since,
            "until": wanted.until,
            "reason": wanted.reason,
            "muted_by": wanted.by,
            "drops": wanted.drops,
        }
        insert = self._database.insert(mutes).values(receiver=wanted.receiver, **values)
        replaced = insert.on_conflict_do_update(index_elements=[mutes.c.receiver], set_=values)
        with self._database.write() as connection:
            connection.execute(replaced)
            _hold_until(connection, wanted.receiver, quiet_until or wanted.until)
            self._tell(connection, wanted.receiver)

    def unmute(self, receiver: str, now: datetime, quiet_until: datetime | None = None) -> Mute | None:
        """Let a mute end now, and return it; None where there is none. The node that delivers to it does the rest.

        ``quiet_until`` is when the quiet hours end that it is now.
        """
        ended = sa.update(mutes).where(mutes.c.receiver == receiver, mutes.c.until > now).values(until=now)
        with self._database.write() as connection:
            found = _mute(connection.execute(ended.returning(mutes)).one_or_none())
            if found is not None:
                _hold_until(connection, receiver, quiet_until or now)
                self._tell(connection, receiver)
            return found

    def holding(self, now: datetime) -> dict[str, Mute | Hold]:
        """Read what holds deliveries, by receiver."""
        with self._database.read() as connection:
            return holding(connection, now)

    def waiting(self, receiver: str) -> int:
        """Count what is queued for a receiver: what waits for the end of its mute."""
        queued = sa.select(sa.func.count()).where(deliveries.c.receiver == receiver, QUEUED)
        with self._database.read() as connection:
            return connection.scalar(queued) or 0

    def state_of(self, receiver: str) -> tuple[Mute | None, Hold | None, CircuitBreaker]:
        """Read a receiver's mute, whether its deliveries are held, and its breaker, in one transaction."""
        with self._database.read() as connection:
            row = connection.execute(_STATE, {"receiver": receiver}).one()
            breaker = breakers.read(connection, receiver)
        hold = None if row.held_since is None else Hold(receiver, row.held_since, row.held_until)
        return None if row.receiver is None else _mute(row), hold, breaker or CircuitBreaker(receiver)

    def end(self, receiver: str, now: datetime) -> Mute | None:
        """Forget a mute that is over, and return it with all that it dropped; None where another node has."""
        over = sa.delete(mutes).where(mutes.c.receiver == receiver, mutes.c.until <= now).returning(mutes)
        with self._database.write() as connection:
            return _mute(connection.execute(over).one_or_none())

    def hold(self, wanted: Hold) -> None:
        """Record that a receiver's deliveries are held; since when stays as it was first recorded."""
        insert = self._database.insert(holds).values(receiver=wanted.receiver, since=wanted.since, until=wanted.until)
        with self._database.write() as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=[holds.c.receiver], set_={"until": wanted.until})
            )

    def release(self, receiver: str, now: datetime) -> bool:
        """Release what was held, and do not count the time for which it was. False if another node has.

        What was due before the hold keeps the age that it had then; what came due meanwhile is due now.
        """
        with self._database.write() as connection:
            ended = sa.delete(holds).where(holds.c.receiver == receiver).returning(holds.c.since)
            since = connection.scalar(ended)
            if since is None:
                return False
            held = max(now - since, timedelta(0))
            begin = sa.literal(min(since, now), Instant)
            later = {
                column: sa.case(
                    (column <= begin, moved(column, held)),
                    (column <= now, sa.literal(now, Instant)),
                    else_=column,
                )
                for column in (deliveries.c.first_due_at, deliveries.c.due_at)
            }
            connection.execute(sa.update(deliveries).where(deliveries.c.receiver == receiver, QUEUED).values(later))
            return True

    def _tell(self, connection: sa.Connection, receiver: str) -> None:
        nudge(self._database, connection)
        self._node.tell(connection, [receiver])


def holding(connection: sa.Connection, now: datetime) -> dict[str, Mute | Hold]:
    """Read what holds deliveries, by receiver."""
    muted, held = all_mutes(connection), all_holds(connection)
    found = {name: held_by(muted.get(name), held.get(name), now) for name in {*muted, *held}}
    return {name: each for name, each in found.items() if each is not None}


def all_mutes(connection: sa.Connection) -> dict[str, Mute]:
    """Read all mutes, those that are over but not yet forgotten, too."""
    return {row.receiver: mute for row in connection.execute(sa.select(mutes)) if (mute := _mute(row))}


def all_holds(connection: sa.Connection) -> dict[str, Hold]:
    """Read whose deliveries are held."""
    return {row.receiver: Hold(row.receiver, row.since, row.until) for row in connection.execute(sa.select(holds))}


def are_noted(connection: sa.Connection, receiver: str) -> bool:
    """Tell whether a receiver is muted, or its deliveries are held: then there is something to do for it."""
    found = sa.union_all(
        sa.select(mutes.c.receiver).where(mutes.c.receiver == receiver),
        sa.select(holds.c.receiver).where(holds.c.receiver == receiver),
    )
    return connection.execute(found).first() is not None


def divide(
    connection: sa.Connection, rows: Sequence[dict[str, Any]]
) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """Divide deliveries that are to be queued into those that are, and those that a mute drops: it counts them.

    Args:
        connection: The transaction's.
        rows: The deliveries, as they would be queued.
    """
    found = {mute.receiver: mute for row in connection.execute(_DROPPING) if (mute := _mute(row))}
    if not found:
        return rows, ()
    kept, dropped = [], []
    for row in rows:
        mute, at = found.get(row["receiver"]), row["created_at"]
        about_a_receiver = row["subject"].startswith(receiver_subject(""))
        is_muted = mute is not None and mute.since <= at < mute.until and not about_a_receiver
        if mute is not None and is_muted and row["state"] == DeliveryState.QUEUED:
            reason = f"{mute.receiver} was {mute.cause}"
            dropped.append({**row, "state": str(DeliveryState.DROPPED), "finished_at": at, "reason": reason})
        else:
            kept.append(row)
    for receiver in sorted({row["receiver"] for row in dropped}):
        count = sum(row["receiver"] == receiver for row in dropped)
        counted = sa.update(mutes).where(mutes.c.receiver == receiver).values(dropped=mutes.c.dropped + count)
        connection.execute(counted)
    return kept, dropped


def shift(connection: sa.Connection, step: timedelta) -> None:
    """Move since when deliveries have been held, as they are moved: the clock was set. Within a transaction."""
    connection.execute(sa.update(holds).values(since=moved(holds.c.since, step)))


def clamp(connection: sa.Connection, now: datetime) -> None:
    """Let a mute that lies ahead begin now, and last as long: a wrong clock began it. Within a transaction."""
    lasts = sa.cast(mutes.c.until, sa.BigInteger) - sa.cast(mutes.c.since, sa.BigInteger)
    late = sa.update(mutes).where(mutes.c.since > now)
    connection.execute(late.values(since=now, until=lasts + to_millis(now)))


def _hold_until(connection: sa.Connection, receiver: str, until: datetime) -> None:
    """Let a hold, if there is one, end with its mute: where no node looks, it would be taken for quiet hours."""
    connection.execute(sa.update(holds).where(holds.c.receiver == receiver).values(until=until))


def _mute(row: Any | None) -> Mute | None:
    if row is None:
        return None
    return Mute(row.receiver, row.since, row.until, row.reason, row.muted_by, row.drops, row.dropped)
