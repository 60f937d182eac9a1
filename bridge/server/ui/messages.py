"""The page of messages: what was asked for, and what was found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from bridge.domain import reasons
from bridge.domain.model import UNSEEN, Status
from bridge.domain.settings.units import parse_moment
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bridge.domain.summary import WatchedMessage
    from bridge.store.paging import Page

_MOST_DIGITS = 18
"""Longer numbers are no ids: the database has none so large."""


_LONGEST = 200
_LONGEST_REASON = 600


def id_in(text: str) -> int | None:
    """Read an id; None where it is none."""
    is_one = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return (int(text) or None) if is_one else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A part of what was asked for that no field of the form shows: its words, and the address without it."""

    words: str
    without: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the values of the search form, and what links of other pages add.

    ``reason`` is the key of a class of errors, empty for errors without a reason, None for any. ``since`` and ``until``
    are moments as they were written.
    """

    text: str = ""
    status: str = ""
    tag: str = ""
    reason: str | None = None
    since: str = ""
    until: str = ""

    @property
    def anything(self) -> bool:
        """Whether anything was chosen."""
        return self != Asked()

    @classmethod
    def read(
        cls, text: str, status: str, tag: str, reason: str | None = None, since: str = "", until: str = ""
    ) -> Self:
        """Read what came with the address; what no database holds (NUL) is left out."""
        text, status, tag, since, until = (
            each.replace("\0", "").strip()[:_LONGEST] for each in (text, status, tag, since, until)
        )
        key = None if reason is None else reason.replace("\0", "")[:_LONGEST_REASON]
        return cls(text, status, tag, key, since, until)

    @property
    def id(self) -> int | None:
        """The id that was asked for, if what was asked for may be one."""
        return id_in(self.text.removeprefix("#"))

    @property
    def wrong(self) -> str | None:
        """What is wrong with it, in words for the person who wrote it."""
        if self.status and self.status != UNSEEN and self.status not in set(Status):
            return f"There is no status {self.status}."
        key, is_pair, _ = self.tag.partition("=")
        if self.tag and not (is_pair and key.strip()):
            return "Write a tag as key=value, such as team=billing."
        try:
            since, until = self._moments()
        except ValueError as error:
            return f"The period can't be read: {error}."
        return "The period ends before it begins." if since and until and until <= since else None

    def query(self, *, by_id: bool) -> MessageQuery:
        """Say it to the store.

        Args:
            by_id: Take the words for an id, not for text.
        """
        key, _, value = self.tag.partition("=")
        since, until = self._moments()
        return MessageQuery(
            ids=(self.id,) if by_id and self.id is not None else None,
            statuses=None if not self.status else (None if self.status == UNSEEN else Status(self.status),),
            tags={key.strip(): value.strip()} if self.tag else {},
            text=self.text if self.text and not by_id else None,
            since=since,
            until=until,
            reason=self.reason,
        )

    def filters(self) -> Iterator[Filter]:
        """List what no field of the form shows."""
        if self.reason is not None:
            words = f"Reason: {reasons.read(self.reason).one}" if self.reason else "No reason given"
            yield Filter(words, replace(self, reason=None).address())
        if (self.since or self.until) and not self.wrong:
            yield Filter("Changed", replace(self, since="", until="").address(), *self._moments())

    def hidden(self) -> dict[str, str]:
        """Return what the form keeps without showing it."""
        given = {"reason": self.reason, "since": self.since, "until": self.until}
        return {name: value for name, value in given.items() if value or (name == "reason" and value is not None)}

    def address(self, cursor: str | None = None) -> str:
        """Write the address of a page of what was found, from the first page."""
        asked = {"text": self.text, "status": self.status, "tag": self.tag, "cursor": cursor}
        query = urlencode({key: value for key, value in asked.items() if value} | self.hidden())
        return f"messages?{query}" if query else "messages"

    def table(self, *, by_id: bool) -> str:
        """Write the address of everything that is found, as CSV for Excel; ``by_id`` as for :meth:`query`."""
        key, _, value = self.tag.partition("=")
        asked: dict[str, object] = {"id": self.id} if by_id else {"text": self.text}
        asked |= {"status": self.status, "tag": f"{key.strip()}={value.strip()}" if self.tag else ""}
        given = {name: value for name, value in asked.items() if value}
        return f"v1/messages.csv?{urlencode({**given, **self.hidden(), 'local': 'true', 'bom': 'true'})}"

    def _moments(self) -> tuple[datetime | None, datetime | None]:
        return (parse_moment(self.since) if self.since else None, parse_moment(self.until) if self.until else None)


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """What was found, or what is ``wrong`` with what was asked. ``table`` is the address of all of it as CSV."""

    rows: tuple[WatchedMessage, ...] = ()
    wrong: str | None = None
    older: str | None = None
    newest: str | None = None
    table: str | None = None


def messages_page(asked: Asked, found: Page[WatchedMessage], cursor: str | None, *, by_id: bool) -> MessagesPage:
    """Arrange it; ``by_id`` says that it was found so."""
    return MessagesPage(
        found.items,
        table=asked.table(by_id=by_id) if found.items else None,
        older=None if found.next is None else asked.address(found.next),
        newest=None if cursor is None else asked.address(),
    )
