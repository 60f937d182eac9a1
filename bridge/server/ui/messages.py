"""The page of messages: what was asked for, and what was found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode

from bridge.domain import reasons
from bridge.domain.clock import isoformat
from bridge.domain.model import UNSEEN, Status
from bridge.server.ui.formatting import address_of, status_name
from bridge.server.ui.period import CHANGED, Span, is_day, read_span
from bridge.store.finding import MOST_COUNTED
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, tzinfo

    from bridge.domain.summary import WatchedMessage
    from bridge.store.finding import Found

_MOST_DIGITS = 18
"""Longer numbers are no ids: the database has none so large."""


_LONGEST = 200
_LONGEST_REASON = 600


def id_in(text: str) -> int | None:
    """Read an id; None where it is none."""
    is_one = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return (int(text) or None) if is_one else None


SEARCHED: Final = ("text", "status", "tag", "period", "since", "until", "timezone", "order")
"""The fields of the search form."""

OLDEST: Final = "oldest"
ORDERS: Final[Mapping[str, str]] = {"latest": "Latest first", OLDEST: "Oldest first"}
"""The orders to choose from: those in which an index has the messages."""


_ANY_TIME = Span()


@dataclass(frozen=True, slots=True)
class Filter:
    """A part of what was asked for: its words, and the address without it."""

    words: str
    without: str
    span: Span = _ANY_TIME


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the values of the search form, and what links of other pages add.

    ``reason`` is the key of a class of errors, empty for errors without a reason, None for any. ``since`` and ``until``
    are days or moments as they were written, ``span`` what was read of them and of ``period``; where they can't be
    read, ``unread`` says so.
    """

    text: str = ""
    status: str = ""
    tag: str = ""
    reason: str | None = None
    period: str = ""
    since: str = ""
    until: str = ""
    timezone: str = ""
    order: str = ""
    span: Span = field(default=_ANY_TIME, compare=False)
    unread: str | None = field(default=None, compare=False)

    @property
    def anything(self) -> bool:
        """Whether anything was chosen."""
        return replace(self, order="", timezone="") != Asked()

    @classmethod
    def read(cls, now: datetime, zone: tzinfo, reason: str | None = None, **given: str) -> Self:
        """Read what came with the address; what no database holds (NUL) is left out.

        Args:
            now: When it is asked.
            zone: Where days begin.
            reason: As above.
            given: The fields of the form.
        """
        clean: dict[str, Any] = {name: each.replace("\0", "").strip()[:_LONGEST] for name, each in given.items()}
        key = None if reason is None else reason.replace("\0", "")[:_LONGEST_REASON]
        asked = cls(reason=key, **clean)
        try:
            return replace(asked, span=read_span(asked.period, asked.since, asked.until, asked.timezone, now, zone))
        except ValueError as error:
            return replace(asked, unread=str(error))

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
        if self.order and self.order not in ORDERS:
            return f"There is no order {self.order} (there are: {', '.join(ORDERS)})."
        return self.unread

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
            since=self.span.since,
            until=self.span.until,
            reason=self.reason,
            oldest_first=self.order == OLDEST,
        )

    def filters(self) -> Iterator[Filter]:
        """List what narrows the search."""
        if self.text:
            yield Filter(f"Text: {self.text}", self._without("text"))
        if self.status:
            yield Filter(f"Status: {status_name(self.status)}", self._without("status"))
        if self.tag:
            yield Filter(f"Tag: {self.tag}", self._without("tag"))
        if self.reason is not None:
            words = f"Reason: {reasons.read(self.reason).one}" if self.reason else "No reason given"
            yield Filter(words, replace(self, reason=None).address())
        if self.period or self.since or self.until:
            words = f"Changed: {CHANGED[self.period]}," if self.period in CHANGED else "Changed"
            yield Filter(words, self._without("period", "since", "until"), self.span)

    @property
    def by_days(self) -> bool:
        """Whether the fields for days can show since when and until when."""
        return is_day(self.since) and is_day(self.until)

    def hidden(self) -> dict[str, str]:
        """Return what the form keeps without showing it."""
        moments = {} if self.by_days else {"since": self.since, "until": self.until}
        reason = {} if self.reason is None else {"reason": self.reason}
        return reason | {name: value for name, value in (moments | {"timezone": self.timezone}).items() if value}

    def given(self, cursor: str | None = None) -> dict[str, str]:
        """Return the parameters that ask for the same again."""
        asked = {**{name: getattr(self, name) for name in SEARCHED}, "cursor": cursor}
        reason = {} if self.reason is None else {"reason": self.reason}
        return {key: value for key, value in asked.items() if value} | reason

    def address(self, cursor: str | None = None) -> str:
        """Write the address of a page of what was found, from the first page."""
        return address_of("messages", self.given(cursor))

    def table(self, *, by_id: bool) -> str:
        """Write the address of everything that is found, as CSV for Excel; ``by_id`` as for :meth:`query`."""
        key, _, value = self.tag.partition("=")
        asked: dict[str, object] = {"id": self.id} if by_id else {"text": self.text}
        asked |= {"status": self.status, "tag": f"{key.strip()}={value.strip()}" if self.tag else ""}
        asked |= {"since": self.span.since and isoformat(self.span.since)}
        asked |= {"until": self.span.until and isoformat(self.span.until)}
        given = {name: value for name, value in asked.items() if value}
        given |= {} if self.reason is None else {"reason": self.reason}
        return f"v1/messages.csv?{urlencode({**given, 'local': 'true', 'bom': 'true'})}"

    def _without(self, *names: str) -> str:
        nothing: dict[str, Any] = dict.fromkeys(names, "")
        return replace(self, **nothing).address()


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """What was found, or what is ``wrong`` with what was asked.

    ``count`` messages were found, or more where ``is_more``; as far as ``counted_to``, where that is not None. This
    page was looked for as far as ``looked_to``, where more may follow. ``further`` and ``back`` name the links to the
    pages ``older`` and ``newest``: with the oldest first, it is the other way round. ``table`` is the address of all of
    it as CSV.
    """

    rows: tuple[WatchedMessage, ...] = ()
    wrong: str | None = None
    older: str | None = None
    newest: str | None = None
    table: str | None = None
    count: int = 0
    is_more: bool = False
    counted_to: datetime | None = None
    looked_to: datetime | None = None
    further: str = "Older"
    back: str = "Back to the newest"


def messages_page(asked: Asked, found: Found, cursor: str | None, *, by_id: bool) -> MessagesPage:
    """Arrange it; ``by_id`` says that it was found so."""
    page, upwards = found.page, asked.order == OLDEST
    further = "Newer" if upwards else "Older"
    return MessagesPage(
        page.items,
        table=asked.table(by_id=by_id) if page.items else None,
        older=None if page.next is None else asked.address(page.next),
        newest=None if cursor is None else asked.address(),
        count=min(found.count, MOST_COUNTED),
        is_more=found.count > MOST_COUNTED,
        counted_to=found.counted_to,
        looked_to=found.looked_to,
        further=f"Search {further.lower()} messages" if found.looked_to else further,
        back="Back to the oldest" if upwards else "Back to the newest",
    )
