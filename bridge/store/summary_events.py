"""Summaries for receivers: what was last summed up for whom, and the event that sums up what came since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain import numbers, summary_marks
from bridge.domain.event_data import NumberData, NumberSeen, SlowMessage
from bridge.domain.events import summary_subject
from bridge.domain.json_object import read
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.summary_event import MOST_SLOWEST, Circumstances, summary_data
from bridge.domain.summary_marks import SUMMARIES
from bridge.store.activity import counted_since, read_within
from bridge.store.facts import get_meta, set_meta
from bridge.store.tables import deliveries, events, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.model import Event
    from bridge.domain.routing import Subscription
    from bridge.domain.summary_marks import DueSummary, Mark
    from bridge.store.engine import Database
    from bridge.store.event_log import EventLog


class SummaryEvents:
    """Writes summaries.

    Args:
        database: Where.
        events: Writes events.
    """

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def marks(self) -> Mapping[str, Mark]:
        """Read what was last summed up, by receiver."""
        with self._database.read() as connection:
            return _marks(connection)

    def adopt(self, follow: Callable[[Mapping[str, Mark], datetime | None], Mapping[str, Mark]]) -> Mapping[str, Mark]:
        """Write the marks that follow from those that there are, and since when messages are counted."""
        with self._database.write() as connection:
            self._database.serialize(connection)
            before = _marks(connection)
            marks = follow(before, counted_since(connection))
            if marks != before:
                set_meta(self._database, connection, SUMMARIES, summary_marks.written(marks))
        return marks

    def record(
        self, due: DueSummary, mark: Mark, zone: tzinfo, at: datetime, subscriptions: Sequence[Subscription]
    ) -> Event | None:
        """Write a summary and that it is made, in one transaction; None where another node has made it.

        Args:
            due: Which.
            mark: What is known from then on.
            zone: Whose clocks its words show.
            at: When.
            subscriptions: Who gets it.
        """
        beside = self._circumstances(due, at)  # before anybody has to wait for the transaction
        with self._events.transaction() as connection:
            self._database.serialize(connection)
            self._database.keep_order(connection)  # what is counted from here on counts for the next one
            marks = _marks(connection)
            known = marks.get(due.receiver)
            if known is None or known.until != due.since:
                return None
            set_meta(self._database, connection, SUMMARIES, summary_marks.written({**marks, due.receiver: mark}))
            found = read_within(connection, due.since, due.until)
            data = summary_data(due, zone, found, beside, at)
            subject = summary_subject(due.receiver)
            return self._events.add_health(connection, [(EventType.SUMMARY, data, at)], subject, subscriptions)[0]

    def _circumstances(self, due: DueSummary, at: datetime) -> Circumstances:
        with self._database.read() as connection:
            return Circumstances(
                waiting=connection.scalar(_WAITING, {"now": at}) or 0,
                slowest=_slowest(connection, due),
                numbers=_numbers(connection, due, at),
                dead_letters=connection.scalar(_DEAD, _times(due)) or 0,
            )


def _marks(connection: sa.Connection) -> Mapping[str, Mark]:
    return summary_marks.read(get_meta(connection, SUMMARIES))


def _times(due: DueSummary) -> dict[str, datetime]:
    return {"since": due.since, "until": due.until}


def _slowest(connection: sa.Connection, due: DueSummary) -> tuple[SlowMessage, ...]:
    return tuple(
        SlowMessage(message_id=row.id, label=row.label, waited_seconds=row.waited // 1000)
        for row in connection.execute(_SLOWEST, _times(due))
    )


def _numbers(connection: sa.Connection, due: DueSummary, at: datetime) -> tuple[NumberSeen, ...]:
    """List the numbers that were disconnected, those first that still are."""
    fact = get_meta(connection, numbers.NUMBERS)
    off = numbers.disconnected(fact, at) or []
    found = {name: False for each in numbers.read(fact).values() if each.is_lost and (name := each.number.shown) in off}
    for data in connection.scalars(_DISCONNECTED, _times(due)):
        if name := read(NumberData, data).name:
            found.setdefault(name, True)
    return tuple(NumberSeen(number=name, connected=connected) for name, connected in found.items())


def _within(moment: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    return (moment >= sa.bindparam("since", type_=moment.type)) & (moment < sa.bindparam("until", type_=moment.type))


_WAITING = (
    sa.select(sa.func.count())
    .select_from(messages)
    .where(
        messages.c.due_at.is_not(None),
        messages.c.status.is_(None) | (messages.c.status == str(Status.PENDING)),
        messages.c.expected_at.is_(None)
        | (messages.c.expected_at <= sa.bindparam("now", type_=messages.c.expected_at.type)),
    )
)
_BEGUN = sa.case(
    (messages.c.expected_at > messages.c.watched_since, messages.c.expected_at), else_=messages.c.watched_since
)
_WAITED = sa.cast(messages.c.since, sa.BigInteger) - sa.cast(_BEGUN, sa.BigInteger)
# An event before the one that it was sent says that it was seen waiting.
_SLOWEST = (
    sa.select(messages.c.id, messages.c.label, _WAITED.label("waited"))
    .where(messages.c.status == str(Status.SENT), _within(messages.c.since), messages.c.sequence > 1, _WAITED > 0)
    .order_by(sa.desc("waited"), messages.c.id)
    .limit(MOST_SLOWEST)
)
_DISCONNECTED = (
    sa.select(events.c.data)
    .where(_within(events.c.at), events.c.type == str(EventType.NUMBER_DISCONNECTED))
    .order_by(events.c.position)
)
_DEAD = (
    sa.select(sa.func.count())
    .select_from(deliveries)
    .where(deliveries.c.state == str(DeliveryState.DEAD), _within(deliveries.c.finished_at))
)
