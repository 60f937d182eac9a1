"""Messages as people look for them: pages and totals. Read only.

What is chosen by status and time is found by an index, so that a page costs the same among a million messages. Text and
tags are looked for in all that is left: name a status or a time beside them where there are many.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from bridge.domain.model import Status
from bridge.domain.summary import WatchedMessage
from bridge.store import row_mapping
from bridge.store.column_types import to_millis
from bridge.store.due_messages import IS_WATCHED
from bridge.store.paging import Page, before, beyond, cursor_pattern, cursor_to, moment_in, page_of, place_in
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from bridge.store.engine import Database

TOTALS_GOOD_FOR = 5.0
"""Seconds for which counted totals are shown: counting a million messages takes a tenth of one."""

_EVERY_STATUS = (None, *Status)
_CURSORS = {False: "m", True: "o"}

CURSOR = cursor_pattern(f"[{''.join(_CURSORS.values())}]", 2)
"""What cursors look like: a list that begins with the oldest change has others."""

Place: TypeAlias = tuple[int, int]
"""Where a message is in a list: when it last changed, in milliseconds, and its id."""


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """Which messages. What is given must all be true of them.

    ``statuses`` may hold None: not seen yet. ``reason`` is the key of a class of errors (:mod:`bridge.domain.reasons`).
    ``text`` is in the label or the error, in whatever case (on SQLite, of ASCII letters). ``since`` and ``until`` bound
    the latest change, the latter without the moment itself; a message that was not seen yet changed when it came to be
    watched. ``ids`` are at most some thousand. ``oldest_first`` begins the list with the oldest change.
    """

    ids: tuple[int, ...] | None = None
    statuses: Collection[Status | None] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    watched: bool | None = None
    reason: str | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """All messages by status (None: not seen yet), those that are polled still."""

    statuses: Mapping[Status | None, int]
    polled: int

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(self.statuses.values())


class Search:
    """Finds and counts messages. Safe to use from several threads."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._counting = threading.Lock()
        self._totals: tuple[float, Totals] | None = None

    def messages(
        self, query: MessageQuery = MessageQuery(), cursor: str | None = None, most: int = 50
    ) -> Page[WatchedMessage]:
        """List messages, those with the latest change first unless the query asks for the oldest.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        return self.stretch(query, None if cursor is None else place_after(query, cursor), None, most)

    def stretch(self, query: MessageQuery, start: Place | None, end: Place | None, most: int) -> Page[WatchedMessage]:
        """List messages after one place in their order, up to and with another; None is where the list begins or ends.

        What follows ``end`` is on the next page.
        """
        with self._database.read() as connection:
            found = [
                connection.execute(part.where(*within(query, status, start, end)).limit(most + 1)).all()
                for status, part in self.parts(query, *SHOWN)
            ]
        in_order = merge(*found, key=lambda row: (row.changed_at, row.id), reverse=not query.oldest_first)
        page = page_of(list(islice(in_order, most + 1)), most, shown, lambda row: cursor_after(query, place_of(row)))
        return page if page.next is not None or end is None else replace(page, next=cursor_after(query, end))

    def parts(self, query: MessageQuery, *columns: Any) -> Iterator[tuple[Status | None, sa.Select[Any]]]:
        """Select what is asked for, one status at a time: an index has the messages of each in their order."""
        conditions = narrowed(query, self._database)
        for status in _EVERY_STATUS:
            if query.statuses is None or status in query.statuses:
                yield status, _part(query, status, columns).where(*conditions)

    def latest_failed(self, most: int = 10) -> tuple[WatchedMessage, ...]:
        """List what failed last."""
        return self.messages(MessageQuery(statuses=(Status.FAILED,)), most=most).items

    def totals(self) -> Totals:
        """Count all messages by status, finished ones too; what was counted some seconds ago is good enough."""
        with self._counting:  # who comes meanwhile waits for the same counts
            now = self._monotonic()
            if self._totals is not None and now < self._totals[0]:
                return self._totals[1]
            with self._database.read() as connection:
                counted = row_mapping.counted((row.status, row.n) for row in connection.execute(_BY))
                polled = connection.scalar(_POLLED) or 0
            totals = Totals(counted, polled)
            self._totals = self._monotonic() + TOTALS_GOOD_FOR, totals
            return totals


def shown(row: Any) -> WatchedMessage:
    """Read a row of what :data:`SHOWN` selects."""
    return WatchedMessage(row_mapping.message(row), bool(row.watched), row.polled_at, row.due_at, bool(row.listed))


SHOWN = (*row_mapping.MESSAGE, messages.c.polled_at, messages.c.listed, IS_WATCHED.label("watched"))
_BY = sa.select(messages.c.status, sa.func.count().label("n")).group_by(messages.c.status)
_POLLED = sa.select(sa.func.count()).select_from(messages).where(messages.c.due_at.isnot(None))


def place_of(row: Any) -> Place:
    """Tell where a row of such a list is."""
    return to_millis(row.changed_at), row.id


def place_after(query: MessageQuery, cursor: str) -> Place:
    """Read where a page ended.

    Raises:
        UsageError: The cursor is none of this list's.
    """
    changed, id_ = place_in(cursor, _CURSORS[query.oldest_first], 2)
    return changed, id_


def cursor_after(query: MessageQuery, place: Place) -> str:
    """Write where a page ends."""
    return cursor_to(_CURSORS[query.oldest_first], *place)


def within(
    query: MessageQuery, status: Status | None, start: Place | None, end: Place | None
) -> Iterator[sa.ColumnElement[bool]]:
    """Choose what comes after a place, in the order of the query, and what comes up to another, and with it."""
    order = _order(status)
    passed = beyond if query.oldest_first else before
    if start is not None:
        yield passed(order, (moment_in(start[0]), start[1]))
    if end is not None:
        yield sa.not_(passed(order, (moment_in(end[0]), end[1])))


def _order(status: Status | None) -> tuple[sa.ColumnElement[Any], ...]:
    return (messages.c.watched_since if status is None else messages.c.since, messages.c.id)


def _part(query: MessageQuery, status: Status | None, columns: tuple[Any, ...]) -> sa.Select[Any]:
    changed, id_ = order = _order(status)
    part = sa.select(*columns, changed.label("changed_at"), *(() if columns else (id_,)))
    # Not "status IS NULL": SQLite would take the index of all statuses for that, and sort.
    part = part.where(messages.c.since.is_(None) if status is None else messages.c.status == str(status))
    if query.since is not None:
        part = part.where(changed >= query.since)
    if query.until is not None:
        part = part.where(changed < query.until)
    return part.order_by(*(column.asc() if query.oldest_first else column.desc() for column in order))


def narrowed(query: MessageQuery, database: Database) -> list[sa.ColumnElement[bool]]:
    """Say in SQL which messages are meant, but for their status and the time of its change."""
    found = [_tagged(key, value, database) for key, value in query.tags.items()]
    if query.ids is not None:
        found.append(messages.c.id.in_(query.ids))
    if query.text is not None:
        within = [column.icontains(query.text, autoescape=True) for column in (messages.c.label, messages.c.error)]
        found.append(sa.or_(*within))
    if query.reason is not None:
        found.append(messages.c.reason == query.reason)
    if query.watched is not None:
        found.append(IS_WATCHED if query.watched else ~IS_WATCHED)
    return found


def tags_of_messages(database: Database) -> sa.TableValuedAlias:
    """Make a table of each message's tags, with the columns ``key`` and ``value``."""
    each_of_json = sa.func.json_each_text if database.path is None else sa.func.json_each
    return each_of_json(messages.c.tags).table_valued("key", "value", name="tag")


def _tagged(key: str, value: str, database: Database) -> sa.ColumnElement[bool]:
    if database.path is None:
        return messages.c.tags.op("->>", return_type=sa.Text())(sa.literal(key, sa.Text())) == value
    # SQLite's operators take a path such as `$."key"`, which would do for keys without quotes only.
    tag = tags_of_messages(database)
    found = sa.select(sa.literal(1)).select_from(tag).where(tag.c.key == key, tag.c.value == value)
    return found.correlate(messages).exists()
