"""Everything that was asked for, as CSV: page by page, so that a million rows take no more memory than a thousand.

Each page is read in a transaction of its own: a slow client holds up neither writers nor checkpoints of SQLite's log.
Messages come in the order of their ids: none is left out, or there twice, because its status changes meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.errors import UsageError
from bridge.domain.model import UNSEEN
from bridge.domain.spreadsheet.rows import EVENT_COLUMNS, event_row, message_columns, message_row
from bridge.domain.spreadsheet.writer import csv_text
from bridge.store.search import SHOWN, narrowed, shown, tags_of_messages
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from bridge.domain.summary import WatchedMessage
    from bridge.store.engine import Database
    from bridge.store.history import EventQuery, History
    from bridge.store.search import MessageQuery

PAGE = 1000
"""How many rows are read at once."""

MOST_TAGS = 1000
"""Columns of tags: spreadsheets have 16,384 columns in all."""


class Export:
    """Writes what is asked for as CSV, in pieces; the first has the names of the columns. Safe to use from threads."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    def messages(
        self, query: MessageQuery, most: int | None = None, *, raw: bool = False, zone: tzinfo | None = None
    ) -> Iterator[str]:
        """Write messages, by their ids.

        Args:
            query: Which.
            most: How many at most; None for all.
            raw: Leave out the guard against formulas.
            zone: The time zone of its times; None for UTC.

        Raises:
            UsageError: They have too many different tags.
        """
        tags = self._tags(query)
        header = [message_columns(tags)]
        pages = ([message_row(each, tags, zone) for each in page] for page in self._pages(query, most))
        return _written(header, pages, raw=raw)

    def events(
        self, query: EventQuery, most: int | None = None, *, raw: bool = False, zone: tzinfo | None = None
    ) -> Iterator[str]:
        """Write events, the newest first; the arguments are those of :meth:`messages`."""
        pages = ([event_row(each, zone) for each in page] for page in self._event_pages(query, most))
        return _written([EVENT_COLUMNS], pages, raw=raw)

    def _tags(self, query: MessageQuery) -> list[str]:
        """Name the tags of the messages that are asked for."""
        tag = tags_of_messages(self._database)
        names = sa.select(tag.c.key).select_from(messages).join(tag, sa.true()).where(*self._chosen(query)).distinct()
        with self._database.read() as connection:
            found = sorted(connection.scalars(names.limit(MOST_TAGS + 1)))
        if len(found) > MOST_TAGS:
            raise UsageError(f"these messages have more than {MOST_TAGS:,} different tags: ask for fewer of them")
        return found

    def _pages(self, query: MessageQuery, most: int | None) -> Iterator[list[WatchedMessage]]:
        chosen = sa.select(*SHOWN).where(*self._chosen(query)).order_by(messages.c.id)
        after, left = 0, most
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            with self._database.read() as connection:
                if self._database.path is None:
                    # Else PostgreSQL may prefer to look through all that is left, and sort it, for each page.
                    connection.exec_driver_sql("SET LOCAL enable_sort = off")
                found = connection.execute(chosen.where(messages.c.id > after).limit(size)).all()
            if found:
                yield list(map(shown, found))
            if len(found) < size:
                return
            after, left = found[-1].id, None if left is None else left - size

    def _event_pages(self, query: EventQuery, most: int | None) -> Iterator[tuple[Any, ...]]:
        cursor, left = None, most
        while left is None or left > 0:
            page = self._history.events(query, cursor, PAGE if left is None else min(PAGE, left))
            if page.items:
                yield page.items
            if page.next is None:
                return
            cursor, left = page.next, None if left is None else left - len(page.items)

    def _chosen(self, query: MessageQuery) -> list[sa.ColumnElement[bool]]:
        """Say in SQL which messages are meant, so that no index but that of ids serves: SQLite would sort."""
        chosen = narrowed(query, self._database)
        if query.statuses is not None:
            names = [UNSEEN if status is None else str(status) for status in query.statuses]
            chosen.append(sa.func.coalesce(messages.c.status, UNSEEN).in_(names))
        changed = sa.func.coalesce(messages.c.since, messages.c.watched_since)
        if query.since is not None:
            chosen.append(changed >= query.since)
        if query.until is not None:
            chosen.append(changed < query.until)
        return chosen


def _written(header: list[Any], pages: Iterator[list[Any]], *, raw: bool) -> Iterator[str]:
    """Write pages; the header goes with the first of them, so that whoever takes that knows that all goes well."""
    first = next(pages, [])
    yield csv_text([*header, *first], raw=raw)
    for page in pages:
        yield csv_text(page, raw=raw)
