"""The page of messages: what was asked for, and what was found. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from bridge.domain.model import UNSEEN, Status
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from bridge.domain.summary import WatchedMessage
    from bridge.store.paging import Page

_MOST_DIGITS = 18
"""Longer numbers are no ids: the database has none so large."""


_LONGEST = 200


def id_in(text: str) -> int | None:
    """Read an id; None where it is none."""
    is_one = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return (int(text) or None) if is_one else None


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of the search form."""

    text: str = ""
    status: str = ""
    tag: str = ""

    @property
    def anything(self) -> bool:
        """Whether anything was chosen."""
        return any((self.text, self.status, self.tag))

    @classmethod
    def read(cls, text: str, status: str, tag: str) -> Self:
        """Read what came with the address; what no database holds (NUL) is left out."""
        return cls(*(each.replace("\0", "").strip()[:_LONGEST] for each in (text, status, tag)))

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
        return None if not self.tag or (is_pair and key.strip()) else "Write a tag as key=value, such as team=billing."

    def query(self, *, by_id: bool) -> MessageQuery:
        """Say it to the store.

        Args:
            by_id: Take the words for an id, not for text.
        """
        key, _, value = self.tag.partition("=")
        return MessageQuery(
            ids=(self.id,) if by_id and self.id is not None else None,
            statuses=None if not self.status else (None if self.status == UNSEEN else Status(self.status),),
            tags={key.strip(): value.strip()} if self.tag else {},
            text=self.text if self.text and not by_id else None,
        )

    def address(self, cursor: str | None = None) -> str:
        """Write the address of a page of what was found, from the first page."""
        asked = {"text": self.text, "status": self.status, "tag": self.tag, "cursor": cursor}
        query = urlencode({key: value for key, value in asked.items() if value})
        return f"messages?{query}" if query else "messages"


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """What was found, or what is ``wrong`` with what was asked."""

    rows: tuple[WatchedMessage, ...] = ()
    wrong: str | None = None
    older: str | None = None
    newest: str | None = None


def messages_page(asked: Asked, found: Page[WatchedMessage], cursor: str | None) -> MessagesPage:
    """Arrange it."""
    return MessagesPage(
        found.items,
        older=None if found.next is None else asked.address(found.next),
        newest=None if cursor is None else asked.address(),
    )
