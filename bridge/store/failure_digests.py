"""Single failures while too many messages fail: people get them as one digest now and then, not one by one.

Such a delivery is queued as any other, and due at the time of the next digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import failure_rate
from bridge.domain.event_data import MessageData, message_data
from bridge.domain.failure_rate import FAILING
from bridge.domain.json_object import read
from bridge.domain.model import EventType
from bridge.domain.routing import subscribed
from bridge.store.due_deliveries import QUEUED
from bridge.store.engine import chunks
from bridge.store.facts import get_meta
from bridge.store.queueing import held_back
from bridge.store.tables import deliveries, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.failure_rate import Known
    from bridge.domain.model import Event
    from bridge.domain.routing import Subscription

_FAILURES = frozenset(map(EventType.of_status, failure_rate.FAILURES))
_UNTRIED = sa.and_(QUEUED, deliveries.c.attempts == 0, deliveries.c.probes == 0)


def postpone(connection: sa.Connection, new_events: Sequence[Event], subscriptions: Iterable[Subscription]) -> None:
    """Let deliveries of events that were just written wait for the next digest, within that transaction."""
    failures = [event for event in new_events if event.type in _FAILURES]
    every = _gatherers(subscriptions) if failures else {}
    known = failure_rate.read(get_meta(connection, FAILING)) if every else {}
    waiting = [
        {"event_id": event.id, "name": receiver, "until": due, "why": _WHY}
        for event in failures
        for receiver, interval in every.items()
        if (due := failure_rate.digest_due(known, message_data(event.data).tags, interval, event.at)) is not None
    ]
    if waiting:
        connection.execute(_POSTPONED, waiting)


def rearrange(
    connection: sa.Connection, before: Known, after: Known, subscriptions: Iterable[Subscription], at: datetime
) -> set[str]:
    """Follow a change of which groups fail: what is queued of them, and was not tried yet, waits or is due now.

    Returns the receivers whose deliveries are due at another time than before.
    """
    if before.keys() == after.keys():
        return set()
    moved = set()
    for receiver, every in _gatherers(subscriptions).items():
        rows = connection.execute(_WAITING, {"name": receiver, "now": at, "recent": at - every})
        times = [(row, _new_time(row, after, every, at)) for row in rows]
        changed = [
            {"delivery": row.id, "until": until, "why": _why(row, until, at)}
            for row, until in times
            if until is not None
        ]
        for part in chunks(changed):
            connection.execute(_MOVED, part)
            moved.add(receiver)
    return moved


def _new_time(row: Any, failing: Known, every: timedelta, at: datetime) -> datetime | None:
    """Decide when a delivery is due by the groups that fail from now on; None for when it is."""
    due = failure_rate.digest_due(failing, read(MessageData, row.data).tags, every, at)
    earliest = max(at, row.withheld_until or at)
    if due is None:
        return earliest if row.gathered else None
    return max(due, earliest) if row.gathered or row.first_due_at < due else None


def _why(row: Any, until: datetime, at: datetime) -> str | None:
    """Say what a delivery waits for that is due then: a digest, or, once none is to come, the end of `hold`."""
    if row.withheld_until is not None and until == row.withheld_until:
        return held_back(row.withheld_until - row.created_at)
    return _WHY if until > at else None


def _gatherers(subscriptions: Iterable[Subscription]) -> dict[str, timedelta]:
    """List who gets digests, and how often: only receivers that also get ``account.failing``, which says why."""
    return {
        each.receiver: each.digests
        for each in subscriptions
        if each.digests is not None and subscribed(each, EventType.ACCOUNT_FAILING)
    }


_WHY = "waits for a digest: too many messages fail"

_until: Any = sa.bindparam("until", type_=deliveries.c.due_at.type)
_WAITS = {"due_at": _until, "first_due_at": _until, "gathered": True, "reason": sa.bindparam("why", type_=sa.Text)}
_POSTPONED = (
    sa.update(deliveries)
    .where(
        deliveries.c.event
        == sa.select(events.c.position).where(events.c.id == sa.bindparam("event_id")).scalar_subquery(),
        deliveries.c.receiver == sa.bindparam("name"),
        _UNTRIED,
        deliveries.c.first_due_at < _until,
    )
    .values(_WAITS)
)
_WAITING = (
    sa.select(
        *(deliveries.c.id, deliveries.c.created_at, deliveries.c.first_due_at),
        *(deliveries.c.withheld_until, deliveries.c.gathered, events.c.data),
    )
    .join(events, events.c.position == deliveries.c.event)
    .where(
        deliveries.c.receiver == sa.bindparam("name"),
        _UNTRIED,
        deliveries.c.resent.is_(None),
        deliveries.c.reminder == 0,
        events.c.type.in_([str(type_) for type_ in _FAILURES]),
        sa.or_(
            deliveries.c.gathered & (deliveries.c.first_due_at > sa.bindparam("now")),  # others are on their way
            ~deliveries.c.gathered & (deliveries.c.created_at > sa.bindparam("recent")),
        ),
    )
    .order_by(deliveries.c.id)  # as digests are recorded: in another order, the two could wait for each other
)
_MOVED = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("delivery"), _UNTRIED).values(_WAITS)
