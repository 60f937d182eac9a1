"""Brings together what a page shows: reads the store, lets the pure parts arrange it, and renders it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.domain import numbers
from bridge.domain.activity import HOUR
from bridge.domain.errors import UsageError
from bridge.domain.health import judge
from bridge.domain.incidents import message_subject
from bridge.domain.model import DeliveryState
from bridge.server.ui.acknowledging import SHOWN, incidents_page
from bridge.server.ui.deliveries import deliveries_page
from bridge.server.ui.forms import Form
from bridge.server.ui.health import parts
from bridge.server.ui.messages import Asked, MessagesPage, messages_page
from bridge.server.ui.muting import MutePanel
from bridge.server.ui.overview import overview
from bridge.server.ui.render import alert_help, render
from bridge.server.ui.reporting import report_page
from bridge.server.ui.timeline import story_page
from bridge.server.ui.trying import TYPES
from bridge.server.ui.waiting import waiting
from bridge.store.history import DeliveryQuery

if TYPE_CHECKING:
    from bridge.domain.summary import Summary
    from bridge.server.context import ServerContext
    from bridge.server.ui.adding import AddPage
    from bridge.server.ui.api_reference import ApiReference
    from bridge.server.ui.forms import Said
    from bridge.server.ui.health import Component
    from bridge.server.ui.period import Wanted

_ROWS = 50
"""How many rows a page of a list has."""

_DAY = timedelta(days=1)

_LATELY = 8
"""How many of the latest failures the overview shows."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is around every page: how many things are wrong, how many dead letters there are."""

    faults: int
    dead: int


@dataclass(frozen=True, slots=True)
class Written:
    """A page, and whether it says that something is wrong with what was asked for."""

    html: str
    wrong: bool


class Views:
    """Writes the pages.

    Args:
        context: The running bridge, of which everything is only read.
        can_change: Whether there is a token, with which one may change something.
        trusted: Whether nobody needs it here.
    """

    def __init__(self, context: ServerContext, *, can_change: bool, trusted: bool = False) -> None:
        self._store, self._receivers, self._now = context.store, context.receivers, context.now
        self._next_summaries = context.next_summaries
        self._zone, self._waits = context.timezone, context.waits
        self._can_change = can_change or trusted
        self._trusted = trusted

    def overview(self, path: str, said: Said | None = None) -> str:
        """Write the first page; ``said`` is what became of a form, if one was sent."""
        summary, known = self._look()
        now, search = self._now(), self._store.search
        lately = self._store.activity.read(now - _DAY, now, HOUR, self._zone())
        failed = search.latest_failed(_LATELY)
        receivers, later = self._receivers(), self._store.summaries.due_later([*summary.deliveries], now)
        page = overview(search.totals(), summary, known, lately, failed, receivers, later, now, self._zone())
        mutes = MutePanel.of(self._receivers(), summary, now, self._zone())
        found = self._store.incidents.listed(most=SHOWN).items
        shown = {
            "page": page,
            "said": said,
            "muting": mutes,
            "open": {
                "rows": found,
                "count": summary.open_incidents,
                "acknowledged": summary.acknowledged_incidents,
            },
            "types": TYPES,
        }
        return self._render("overview.html", path, "overview", summary, known, **shown)

    def messages(self, path: str, asked: Asked, cursor: str | None, said: Said | None = None) -> Written:
        """Write a page of the messages that were asked for."""
        summary, known = self._look()
        page = self._find(asked, cursor)
        shown = {
            "asked": asked,
            "page": page,
            "cursor": cursor,
            "said": said,
            "picks": self._store.activity.recent_tags(),
        }
        html = self._render("messages.html", path, "messages", summary, known, **shown)
        return Written(html, page.wrong is not None)

    def message(self, path: str, message_id: int, said: Said | None = None) -> str | None:
        """Write a message's story; None where there is no such message."""
        story = self._store.history.story(message_id)
        if story is None:
            return None
        summary, known = self._look()
        incident = self._store.incidents.of(message_subject(message_id))
        shown = {"page": story_page(story), "incident": incident, "said": said}
        return self._render("message.html", path, "messages", summary, known, **shown)

    def deliveries(
        self,
        path: str,
        state: DeliveryState | None,
        receiver: str | None,
        cursor: str | None,
        said: Said | None = None,
    ) -> str:
        """Write a page of deliveries.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        summary, known = self._look()
        query = DeliveryQuery(states=None if state is None else (state,), receiver=receiver)
        page = deliveries_page(
            self._store.history.deliveries(query, cursor, _ROWS),
            summary.deliveries,
            self._store.history.given_up() if state is DeliveryState.DEAD else (),
            state=state,
            receiver=receiver,
            cursor=cursor,
        )
        return self._render("deliveries.html", path, "deliveries", summary, known, page=page, said=said)

    def incidents(self, path: str, cursor: str | None, said: Said | None, *, acknowledged: bool) -> str:
        """Write a page of what is wrong now; with ``acknowledged``, also of what somebody has acknowledged.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        summary, known = self._look()
        found = self._store.incidents.listed(acknowledged=acknowledged, cursor=cursor, most=_ROWS)
        shown = {
            "page": incidents_page(found, cursor, acknowledged=acknowledged),
            "open_count": summary.open_incidents,
            "acknowledged_count": summary.acknowledged_incidents,
            "said": said,
        }
        return self._render("incidents.html", path, "", summary, known, **shown)

    def adding(self, path: str, page: AddPage) -> str:
        """Write the page that adds messages."""
        summary, known = self._look()
        return self._render("add.html", path, "messages", summary, known, page=page)

    def report(self, path: str, wanted: Wanted) -> Written:
        """Write what became of messages in a period."""
        summary, known = self._look()
        page = report_page(self._store.activity, wanted, self._now(), self._zone())
        html = self._render("report.html", path, "report", summary, known, page=page)
        return Written(html, page.wrong is not None)

    def help(self, path: str) -> str:
        """Write what the statuses mean, and what to do."""
        summary, known = self._look()
        return self._render("help.html", path, "help", summary, known)

    def alerts(self, path: str) -> str:
        """Write what the alerts mean, and what to do."""
        summary, known = self._look()
        return self._render("alerts.html", path, "help", summary, known, alerts=alert_help())

    def docs(self, path: str, page: ApiReference) -> str:
        """Write the page about the API."""
        summary, known = self._look()
        return self._render("docs.html", path, "docs", summary, known, page=page)

    def missing(self, path: str, *, title: str, text: str = "", message_id: int | None = None) -> str:
        """Write that there is nothing at an address, without a look at anything that may be broken."""
        page = {"title": title, "text": text, "message_id": message_id}
        more = {"now": self._now(), "zone": self._zone(), "frame": _Frame(0, 0), "asked": Asked()}
        return render("missing.html", path, here="", page=page, **more)

    def _look(self) -> tuple[Summary, tuple[Component, ...]]:
        summary, now, receivers = self._store.summaries.summary(), self._now(), self._receivers()
        known = numbers.read(summary.facts.get(numbers.NUMBERS)).values()
        due = self._next_summaries(summary.facts, now)
        return summary, parts(judge(summary, receivers, now, self._zone()), receivers, known, now, due)

    def _find(self, asked: Asked, cursor: str | None) -> MessagesPage:
        if asked.wrong:
            return MessagesPage(wrong=asked.wrong)
        search, by_id = self._store.search, asked.id is not None
        try:
            found = search.find(asked.query(by_id=by_id), cursor, _ROWS)
            if not found.page.items and by_id:  # digits may be in a label, too
                by_id = False
                found = search.find(asked.query(by_id=False), cursor, _ROWS)
        except UsageError as error:
            return MessagesPage(wrong=str(error), newest=asked.address())
        return messages_page(asked, found, cursor, by_id=by_id)

    def _render(
        self, template: str, path: str, here: str, summary: Summary, known: tuple[Component, ...], **shown: Any
    ) -> str:
        dead = sum(map(summary.dead, summary.deliveries))
        frame = _Frame(sum(not part.ok for part in known), dead)
        now = self._now()
        waits = partial(waiting, summary=summary, now=now, posts=self._waits().posts)
        may = {"can_change": self._can_change, "needs_token": not self._trusted}
        said: Said | None = shown.get("said")
        kept = Form({}) if said is None or said.form is None else said.form
        more = {"asked": Asked(), "waiting": waits, "kept": kept, **may, **shown}
        return render(template, path, here=here, now=now, zone=self._zone(), frame=frame, **more)
