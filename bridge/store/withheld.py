"""What `hold` holds back from receivers: it is dropped if it is over, or acknowledged, before it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.incidents import OPENS, Acknowledged, over_before
from bridge.domain.model import DeliveryState
from bridge.store.due_deliveries import QUEUED, WITHHELD
from bridge.store.engine import chunks
from bridge.store.tables import deliveries, events, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime, timedelta

    from bridge.store.incidents import Ended

_DROPPED = str(DeliveryState.DROPPED)
_DROP = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"), QUEUED)
    .values(state=_DROPPED, finished_at=sa.bindparam("at"), reason=sa.bindparam("why"))
)


def drop_over(connection: sa.Connection, ended: Sequence[Ended]) -> list[str]:
    """Drop what is held back of incidents that ended, within a transaction. Returns the receivers, a name for each."""
    if not ended:
        return []
    now = max(each.at for each in ended)
    return drop(connection, [each.event for each in ended], now, over_before)


def drop(
    connection: sa.Connection, positions: Sequence[int], now: datetime, why: Callable[[timedelta, timedelta], str]
) -> list[str]:
    """Drop what is still held back of these events, within a transaction. Returns the receivers, a name for each.

    Args:
        connection: The transaction.
        positions: Those of the events.
        now: When. What was due before may be on its way to the receiver.
        why: Says it, given how long it lasted and how long it was held back at most.
    """
    chosen = sa.select(
        deliveries.c.id, deliveries.c.receiver, deliveries.c.created_at, deliveries.c.withheld_until
    ).where(QUEUED, deliveries.c.withheld_until > now, deliveries.c.due_at > now)
    held = [row for part in chunks(positions) for row in connection.execute(chosen.where(deliveries.c.event.in_(part)))]
    if held:
        rows = [
            {"delivery": row.id, "at": now, "why": why(now - row.created_at, row.withheld_until - row.created_at)}
            for row in held
        ]
        connection.execute(_DROP, rows)
    return [row.receiver for row in held]


def drop_acknowledged(connection: sa.Connection, ids: Collection[int], now: datetime) -> set[int]:
    """Drop those of these that `hold` held back if they are acknowledged by now. Returns their ids."""
    chosen = (
        sa.select(deliveries.c.id, incidents.c.acknowledged_at, incidents.c.acknowledged_by, incidents.c.note)
        .join(incidents, incidents.c.event == deliveries.c.event)
        .where(QUEUED, deliveries.c.reminder == 0, incidents.c.acknowledged_at.isnot(None))
    )
    found = [row for part in chunks(ids) for row in connection.execute(chosen.where(deliveries.c.id.in_(part)))]
    if found:
        words = [Acknowledged(row.acknowledged_at, row.acknowledged_by, row.note).words for row in found]
        rows = [{"delivery": row.id, "at": now, "why": why} for row, why in zip(found, words, strict=True)]
        connection.execute(_DROP, rows)
    return {row.id for row in found}


def unaware(connection: sa.Connection, ended: Sequence[Ended]) -> set[tuple[str, str]]:
    """Find who was never sent that anything was wrong, as pairs of receiver and subject, once it has ended.

    A receiver that still believes that something else is wrong with the subject does not count: it was sent that a
    message is stuck, say, which then failed for less than ``hold``.
    """
    kept_back = sa.select(deliveries.c.receiver, deliveries.c.subject).where(deliveries.c.state == _DROPPED, WITHHELD)
    found = {
        (row.receiver, row.subject)
        for part in chunks([each.event for each in ended])
        for row in connection.execute(kept_back.where(deliveries.c.event.in_(part)))
    }
    return found - _believing(connection, found)


def _believing(connection: sa.Connection, concerned: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Choose those who still believe that something is wrong, by what they were sent last."""
    latest = (
        sa.select(sa.func.max(events.c.position).label("position"), deliveries.c.receiver, deliveries.c.subject)
        .join(deliveries, deliveries.c.event == events.c.position)
        .where(
            deliveries.c.state != _DROPPED, deliveries.c.receiver.in_(sorted({receiver for receiver, _ in concerned}))
        )
        .group_by(deliveries.c.receiver, deliveries.c.subject)
    )
    believing: set[tuple[str, str]] = set()
    for part in chunks({subject for _, subject in concerned}):
        last = latest.where(events.c.subject.in_(part)).subquery()
        wrong = (
            sa.select(last.c.receiver, last.c.subject)
            .join(events, events.c.position == last.c.position)
            .where(events.c.type.in_(list(map(str, OPENS))))
        )
        believing.update((row.receiver, row.subject) for row in connection.execute(wrong))
    return believing
