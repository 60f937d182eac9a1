"""What a person looks for among many messages: a page, and how many there are in all. Bounded, whatever is asked.

An index finds messages by status and time. Text, tags and reasons are looked for one by one in what is left: that many
at a time, and what was not looked through is on the next page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from bridge.store.paging import moment_in
from bridge.store.search import Search, place_after, place_of, within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bridge.domain.summary import WatchedMessage
    from bridge.store.paging import Page
    from bridge.store.search import MessageQuery, Place

MOST_COUNTED: Final = 10_000
"""How many messages are counted; of more it is said that they are more."""

MOST_LOOKED_AT: Final = 50_000
"""Messages of each status in which text, a tag or a reason is looked for at a time: some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of messages, and how many there are.

    ``count`` counts up to MOST_COUNTED + 1; as far as ``counted_to``, where that is not None. ``looked_to`` is how far
    this page was looked for, where more may follow beyond.
    """

    page: Page[WatchedMessage]
    count: int
    counted_to: datetime | None = None
    looked_to: datetime | None = None


class Finder(Search):
    """Finds messages for people, too. Safe to use from several threads."""

    most_looked_at = MOST_LOOKED_AT

    def find(self, query: MessageQuery, cursor: str | None = None, most: int = 50) -> Found:
        """Find a page of messages.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        start = None if cursor is None else place_after(query, cursor)
        end = self._end(query, start)
        page = self.stretch(query, start, end, most)
        looked_to = None if end is None or len(page.items) == most else moment_in(end[0])
        if start is None and len(page.items) < most:
            return Found(page, len(page.items), looked_to, looked_to)
        first_end = end if start is None else self._end(query, None)
        counted = self._count(query, first_end)
        return Found(page, counted, None if first_end is None else moment_in(first_end[0]), looked_to)

    def _end(self, query: MessageQuery, start: Place | None) -> Place | None:
        """Tell how far is looked at a time: where the first of the statuses has had its share. None: to the end."""
        if query.text is None and query.reason is None and query.watched is None and not query.tags:
            return None
        with self._database.read() as connection:
            rows = (
                connection.execute(
                    part.where(*within(query, status, start, None)).offset(self.most_looked_at - 1).limit(1)
                ).first()
                for status, part in self.parts(_plain(query))
            )
            ends = [place_of(row) for row in rows if row is not None]
        return (min(ends) if query.oldest_first else max(ends)) if ends else None

    def _count(self, query: MessageQuery, end: Place | None) -> int:
        with self._database.read() as connection:
            count = 0
            for part in self._countable(query, end):
                some = part.limit(MOST_COUNTED + 1 - count).subquery()
                count += connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
        return count

    def _countable(self, query: MessageQuery, end: Place | None) -> Iterator[sa.Select[tuple[int]]]:
        for status, part in self.parts(query):
            yield part.where(*within(query, status, None, end))


def _plain(query: MessageQuery) -> MessageQuery:
    """Ask for what an index finds, of a query."""
    return replace(query, text=None, reason=None, watched=None, tags={})
