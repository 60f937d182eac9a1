"""What `hold` holds back from receivers: it is dropped if it is over, or acknowledged, before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.incidents import GOOD_NEWS, OPENS, OPPOSITES, Acknowledged, over_before
from bridge.domain.model import DeliveryState
from bridge.store.due_deliveries import QUEUED, WITHHELD
from bridge.store.engine import chunks
from bridge.store.tables import deliveries, events, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.model import EventType
    from bridge.store.incidents import Ended

END_UNHEARD = "not sent, because what it ends was not sent either"
"""Why an end is dropped."""

_DROPPED, _QUEUED = str(DeliveryState.DROPPED), str(DeliveryState.QUEUED)
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


def drop_outlived(connection: sa.Connection, receiver: str, ids: Collection[int], now: datetime) -> set[int]:
    """Drop those of these that `hold` held back if they are over, or acknowledged, by now, and the ends of those.

    It is for who is about to send them, within a transaction that no event is written beside. Returns the ids of all
    that is dropped.
    """
    chosen = (
        sa.select(
            *(deliveries.c.id, deliveries.c.subject),
            *(incidents.c.acknowledged_at, incidents.c.acknowledged_by, incidents.c.note),
        )
        .outerjoin(incidents, incidents.c.event == deliveries.c.event)
        .where(QUEUED, deliveries.c.reminder == 0)
        .where(sa.or_(incidents.c.event.is_(None), incidents.c.acknowledged_at.isnot(None)))
    )
    found = [row for part in chunks(ids) for row in connection.execute(chosen.where(deliveries.c.id.in_(part)))]
    reasons = {row.id: _why_outlived(row) for row in found}
    over = {row.id: row.subject for row in found if row.acknowledged_at is None}
    reasons |= dict.fromkeys(_ends_of(connection, receiver, over), END_UNHEARD)
    if reasons:
        connection.execute(_DROP, [{"delivery": id_, "at": now, "why": why} for id_, why in reasons.items()])
    return set(reasons)


def _why_outlived(row: Any) -> str:
    if row.acknowledged_at is None:
        return "over before it was sent (`hold`)"
    return Acknowledged(row.acknowledged_at, row.acknowledged_by, row.note).words


def _ends_of(connection: sa.Connection, receiver: str, over: Mapping[int, str]) -> list[int]:
    """Find what is queued that ends only what is ``over`` (ids of deliveries, with their subjects)."""
    subjects = set(over.values())
    believing = _believing(connection, {(receiver, subject) for subject in subjects}, but=(_DROPPED, _QUEUED))
    queued = (
        sa.select(deliveries.c.id, deliveries.c.subject, events.c.type)
        .join(events, events.c.position == deliveries.c.event)
        .where(deliveries.c.receiver == receiver, QUEUED, deliveries.c.reminder == 0)
        .order_by(deliveries.c.id)
    )
    believes = {subject: (receiver, subject) in believing for subject in subjects}
    unheard: set[str] = set()
    ends: list[int] = []
    for part in chunks(subjects):
        for row in connection.execute(queued.where(deliveries.c.subject.in_(part))):
            if row.id in over:
                unheard.add(row.subject)
            elif row.type in GOOD_NEWS and row.subject in unheard and not believes[row.subject]:
                ends.append(row.id)
                unheard.discard(row.subject)
            else:
                believes[row.subject] = row.type in OPENS
                unheard.discard(row.subject)
    return ends


def unaware(connection: sa.Connection, ended: Sequence[Ended]) -> dict[tuple[str, str], Collection[EventType]]:
    """Find who was never sent that anything was wrong, once it has ended: by receiver and subject, what is not sent.

    That is the end of what `hold` held back, or a mute dropped. `message.sent` is also news of its own: only `hold`
    withholds it. A receiver that still believes that something else is wrong with the subject does not count: it was
    sent that a message is stuck, say, which then failed for less than ``hold``.
    """
    kept_back = sa.select(deliveries.c.receiver, deliveries.c.subject, WITHHELD.label("held")).where(
        deliveries.c.state == _DROPPED, deliveries.c.reminder == 0
    )
    found: dict[tuple[str, str], Collection[EventType]] = {}
    for part in chunks([each.event for each in ended]):
        for row in connection.execute(kept_back.where(deliveries.c.event.in_(part))):
            pair = (row.receiver, row.subject)
            found[pair] = {*found.get(pair, ()), *(GOOD_NEWS if row.held else OPPOSITES)}
    believing = _believing(connection, set(found), but=(_DROPPED,))
    return {pair: types for pair, types in found.items() if pair not in believing}


def _believing(
    connection: sa.Connection, concerned: set[tuple[str, str]], *, but: Collection[str]
) -> set[tuple[str, str]]:
    """Choose those who still believe that something is wrong, by what they were sent last: all ``but`` these states."""
    latest = (
        sa.select(sa.func.max(events.c.position).label("position"), deliveries.c.receiver, deliveries.c.subject)
        .join(deliveries, deliveries.c.event == events.c.position)
        .where(
            deliveries.c.state.not_in(but), deliveries.c.receiver.in_(sorted({receiver for receiver, _ in concerned}))
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
