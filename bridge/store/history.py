"""What happened, and what became of it: events, deliveries with their attempts, a message's whole story. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.domain.model import Delivery, DeliveryState, Event, EventType
from bridge.domain.summary import PastAttempt
from bridge.store import row_mapping, waiting
from bridge.store.column_types import to_millis
from bridge.store.engine import chunks
from bridge.store.paging import Page, before, cursor_pattern, cursor_to, moment_in, page_of, place_in
from bridge.store.search import SHOWN, shown
from bridge.store.tables import attempts, carried, deliveries, events, messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.summary import WatchedMessage
    from bridge.domain.waits import Waits
    from bridge.store.engine import Database

IN_FLIGHT = timedelta(seconds=10)
"""How long an event is waited for that may be on its way into the database behind a later one."""

_LOOK_BACK = 1000
_EVENTS, _DELIVERIES = "e", "d"
EVENT_CURSOR, DELIVERY_CURSOR = cursor_pattern(_EVENTS, 2), cursor_pattern(_DELIVERIES, 1)
"""What cursors look like."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events. What is given must all be true of them; ``until`` is without the moment itself."""

    message_id: int | None = None
    types: Collection[EventType] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryQuery(EventQuery):
    """Which deliveries, and of which events. What is given must all be true of them."""

    states: Collection[DeliveryState] | None = None
    receiver: str | None = None


@dataclass(frozen=True, slots=True)
class StoryDelivery:
    """A delivery with its attempts, oldest first. One attempt may have carried others, too."""

    delivery: Delivery
    attempts: tuple[PastAttempt, ...]


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """An event, and what became of its deliveries."""

    event: Event
    deliveries: tuple[StoryDelivery, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A message with everything that happened to it, oldest first; of very many events, the latest."""

    message: WatchedMessage
    events: tuple[StoryEvent, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Dead letters to one receiver for one reason: how many, and the newest of them."""

    receiver: str
    reason: str | None
    count: int
    newest: int


class History:
    """Reads what was recorded. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self, query: EventQuery = EventQuery(), cursor: str | None = None, most: int = 50) -> Page[Event]:
        """List events, the newest first.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        order = (events.c.at, events.c.position)
        chosen = sa.select(events).where(*conditions(query))
        if cursor is not None:
            at, position = place_in(cursor, _EVENTS, 2)
            chosen = chosen.where(before(order, (moment_in(at), position)))
        with self._database.read() as connection:
            found = connection.execute(chosen.order_by(*(column.desc() for column in order)).limit(most + 1)).all()
        return page_of(found, most, row_mapping.event, lambda row: cursor_to(_EVENTS, to_millis(row.at), row.position))

    def follow(
        self, after: int, now: datetime, query: EventQuery = EventQuery(), most: int = 100
    ) -> tuple[list[tuple[int, Event]], int]:
        """List the first events after a position, oldest first, each with its own; and the position to go on from.

        The bridge commits events in the order of their positions (:meth:`.Database.keep_order`). For what others write,
        a position that is missing is waited for as well, as long as it may yet come.
        """
        chosen = sa.select(events).where(events.c.position > after).order_by(events.c.position).limit(most)
        with self._database.read() as connection:
            found = connection.execute(chosen).all()
        if self._database.path is None:
            found = _settled(found, after, now - IN_FLIGHT)
        events_ = [(row.position, row_mapping.event(row)) for row in found]
        return [(at, event) for at, event in events_ if _is(event, query)], events_[-1][0] if events_ else after

    def latest(self, until: int, query: EventQuery, most: int) -> list[tuple[int, Event]]:
        """List the latest events up to a position, oldest first, each with its own."""
        chosen = sa.select(events).where(events.c.position <= until, *conditions(query))
        with self._database.read() as connection:
            found = connection.execute(chosen.order_by(events.c.position.desc()).limit(most)).all()
        return [(row.position, row_mapping.event(row)) for row in found[::-1]]

    def place(self, now: datetime) -> int:
        """Tell the position after which what happens from now on is found, and what may yet be committed before it."""
        latest = sa.select(events.c.position, events.c.at).order_by(events.c.position.desc()).limit(_LOOK_BACK)
        with self._database.read() as connection:
            found: Sequence[Any] = connection.execute(latest).all()[::-1]
        if not found:
            return 0
        if self._database.path is None:
            found = _settled(found, found[0].position - 1, now - IN_FLIGHT)
        return int(found[-1].position)

    def waits(self, now: datetime, zone: tzinfo, gathers: Mapping[str, timedelta] = {}) -> Waits:
        """Read what holds up deliveries: see :mod:`bridge.store.waiting`."""
        with self._database.read() as connection:
            return waiting.read_waits(connection, now, zone, gathers)

    def event(self, event_id: str) -> Event | None:
        """Look an event up by its id; None where there is no such event."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(events).where(events.c.id == event_id)).one_or_none()
        return None if row is None else row_mapping.event(row)

    def position(self, event_id: str) -> int | None:
        """Tell the position of an event; None where there is no such event."""
        with self._database.read() as connection:
            found: int | None = connection.scalar(sa.select(events.c.position).where(events.c.id == event_id))
        return found

    def deliveries(
        self, query: DeliveryQuery = DeliveryQuery(), cursor: str | None = None, most: int = 50
    ) -> Page[Delivery]:
        """List deliveries, the newest first.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        chosen = _JOINED.where(*_queued_about(query)).order_by(deliveries.c.id.desc()).limit(most + 1)
        if cursor is not None:
            chosen = chosen.where(deliveries.c.id < place_in(cursor, _DELIVERIES, 1)[0])
        with self._database.read() as connection:
            if query.message_id is not None:
                of_message = list(connection.scalars(sa.select(events.c.position).where(_of(query.message_id))))
                chosen = chosen.where(deliveries.c.event.in_(of_message))
            found = connection.execute(chosen).all()
        return page_of(found, most, row_mapping.delivery, lambda row: cursor_to(_DELIVERIES, row.id))

    def delivery(self, delivery_id: int) -> StoryDelivery | None:
        """Read one delivery with its attempts; None where there is no such."""
        with self._database.read() as connection:
            found = connection.execute(_JOINED.where(deliveries.c.id == delivery_id)).all()
            return next(iter(_with_attempts(connection, found)), None)

    def attempts(self, ids: Iterable[int]) -> dict[int, list[PastAttempt]]:
        """List the attempts of deliveries, oldest first; of one that there is not, none."""
        with self._database.read() as connection:
            return _attempts(connection, ids)

    def story(self, message_id: int, most: int = 200) -> Story | None:
        """Tell everything about a message; of its events at most the latest this many. None where there is no such."""
        latest = sa.select(events).where(_of(message_id)).order_by(events.c.sequence.desc()).limit(most + 1)
        with self._database.read() as connection:
            message = connection.execute(sa.select(*SHOWN).where(messages.c.id == message_id)).one_or_none()
            if message is None:
                return None
            happened = connection.execute(latest).all()
            newest = happened[:most][::-1]
            queued = _JOINED.where(deliveries.c.event.in_([row.position for row in newest])).order_by(deliveries.c.id)
            of_event: dict[str, list[StoryDelivery]] = {}
            for each in _with_attempts(connection, connection.execute(queued).all()):
                of_event.setdefault(each.delivery.event.id, []).append(each)
        return Story(
            shown(message),
            tuple(StoryEvent(row_mapping.event(row), tuple(of_event.get(row.id, ()))) for row in newest),
            whole=len(happened) <= most,
        )

    def given_up(self, most: int = 20) -> tuple[GivenUp, ...]:
        """Count dead letters by receiver and reason, most of all first."""
        count = sa.func.count()
        newest = sa.func.max(deliveries.c.id)
        grouped = (
            sa.select(deliveries.c.receiver, deliveries.c.reason, count.label("n"), newest)
            .where(deliveries.c.state == str(DeliveryState.DEAD))
            .group_by(deliveries.c.receiver, deliveries.c.reason)
            .order_by(count.desc(), newest.desc())
            .limit(most)
        )
        with self._database.read() as connection:
            return tuple(GivenUp(*row) for row in connection.execute(grouped))


_JOINED = sa.select(*row_mapping.DELIVERY).join(events, events.c.position == deliveries.c.event)


def _of(message_id: int) -> sa.ColumnElement[bool]:
    return events.c.subject == f"{MESSAGE_SUBJECT}{message_id}"  # of the two columns that tell, the one with an index


def conditions(query: EventQuery) -> list[sa.ColumnElement[bool]]:
    """Say in SQL which events are meant."""
    of_message = [] if query.message_id is None else [_of(query.message_id)]
    return of_message + _narrowed(query, events.c.at)


def _queued_about(query: DeliveryQuery) -> list[sa.ColumnElement[bool]]:
    chosen = _narrowed(query, deliveries.c.created_at)
    if query.states is not None:
        chosen.append(deliveries.c.state.in_([str(state) for state in query.states]))
    if query.receiver is not None:
        chosen.append(deliveries.c.receiver == query.receiver)
    return chosen


def _narrowed(query: EventQuery, at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    chosen: list[sa.ColumnElement[bool]] = []
    if query.types is not None:
        chosen.append(events.c.type.in_([str(type_) for type_ in query.types]))
    if query.since is not None:
        chosen.append(at >= query.since)
    if query.until is not None:
        chosen.append(at < query.until)
    return chosen


def _is(event: Event, query: EventQuery) -> bool:
    return (
        (query.message_id is None or event.message_id == query.message_id)
        and (query.types is None or event.type in query.types)
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )


def _settled(found: Sequence[Any], after: int, old: datetime) -> Sequence[Any]:
    """Leave out what follows a missing position that may yet be filled."""
    for index, row in enumerate(found):
        if row.position != after + 1 and row.at >= old:
            return found[:index]
        after = row.position
    return found


def _with_attempts(connection: sa.Connection, found: Iterable[Any]) -> list[StoryDelivery]:
    queued = [row_mapping.delivery(row) for row in found]
    made = _attempts(connection, [each.id for each in queued])
    return [StoryDelivery(each, tuple(made[each.id])) for each in queued]


def _attempts(connection: sa.Connection, ids: Iterable[int]) -> dict[int, list[PastAttempt]]:
    made: dict[int, list[PastAttempt]] = {id_: [] for id_ in ids}
    for chunk in chunks(made):
        tries = (
            sa.select(carried.c.delivery, attempts)
            .join(attempts, attempts.c.id == carried.c.attempt)
            .where(carried.c.delivery.in_(chunk))
            .order_by(carried.c.delivery, carried.c.attempt)
        )
        for row in connection.execute(tries):
            past = PastAttempt(
                *(row.id, row.at, row.duration, row.outcome, row.http_status, row.why, row.answer, row.probe)
            )
            made[row.delivery].append(past)
    return made
