"""Answers browsers: reads the store, lets the pure parts arrange what a page shows, and renders it."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property, partial, wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from fastapi.responses import HTMLResponse, Response

from bridge.domain import numbers
from bridge.domain.activity import HOUR
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.health import judge
from bridge.domain.incidents import message_subject
from bridge.domain.model import DeliveryState
from bridge.server.ui.acknowledging import SHOWN, incidents_page
from bridge.server.ui.deliveries import deliveries_page, state_in
from bridge.server.ui.forms import SAID, Form
from bridge.server.ui.health import parts
from bridge.server.ui.messages import Asked, MessagesPage, id_in, messages_page
from bridge.server.ui.muting import MutePanel
from bridge.server.ui.overview import overview
from bridge.server.ui.render import alert_help, render
from bridge.server.ui.reporting import report_page
from bridge.server.ui.timeline import story_page
from bridge.server.ui.trying import TYPES
from bridge.server.ui.waiting import waiting
from bridge.store.history import DeliveryQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from bridge.domain.summary import Summary
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.add_fields import AddPage
    from bridge.server.ui.api_reference import ApiReference
    from bridge.server.ui.forms import Flashes, Said
    from bridge.server.ui.health import Component
    from bridge.server.ui.period import Wanted

_P = ParamSpec("_P")

_ROWS = 50
"""How many rows a page of a list has."""

_DAY = timedelta(days=1)

_LATELY = 8
"""How many of the latest failures the overview shows."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # no-referrer would let the browser send "Origin: null" with our own form
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Sent with every page: nothing from elsewhere is loaded, nothing within is run, and nobody shows it in a frame."""


def answer(html: str, status: int = HTTPStatus.OK) -> Response:
    """Answer with a page."""
    # Halves of characters, which events may hold, cannot be written.
    return HTMLResponse(html.encode("utf-8", "replace"), status, _HEADERS)


def _page(write: Callable[Concatenate[View, _P], Response]) -> Callable[Concatenate[View, _P], Response]:
    """Answer with a page that says so where the store can't be read, or where somebody cut a link."""

    @wraps(write)
    def answered(view: View, /, *given: _P.args, **named: _P.kwargs) -> Response:
        try:
            return write(view, *given, **named)
        except UsageError as error:
            return view.missing("There is no such page", str(error), status=HTTPStatus.BAD_REQUEST)
        except BridgeError as error:
            return view.broken(error)

    return answered


class View:
    """Answers one request for a page.

    Args:
        context: The running bridge, of which everything is only read.
        access: Says who may change something.
        flashes: Has what became of a form, which is said once.
        request: The request.
    """

    def __init__(self, context: ServerContext, access: Access, flashes: Flashes, request: Request) -> None:
        self._context, self._access, self._flashes, self._request = context, access, flashes, request
        self._store, self._now, self._zone = context.store, context.now(), context.timezone()

    @_page
    def overview(self) -> Response:
        """Show the first page."""
        summary, now, zone, search = self._summary, self._now, self._zone, self._store.search
        lately = self._store.activity.read(now - _DAY, now, HOUR, zone)
        failed = search.latest_failed(_LATELY)
        receivers, later = self._context.receivers(), self._store.summaries.due_later([*summary.deliveries], now)
        page = overview(search.totals(), summary, self._parts, lately, failed, receivers, later, now, zone)
        opened = {
            "rows": self._store.incidents.listed(most=SHOWN).items,
            "count": summary.open_incidents,
            "acknowledged": summary.acknowledged_incidents,
        }
        mutes = MutePanel.of(receivers, summary, now, zone)
        return self._show("overview.html", "overview", page=page, muting=mutes, open=opened, types=TYPES)

    @_page
    def messages(self, asked: Asked, cursor: str | None) -> Response:
        """Show a page of the messages that were asked for."""
        page = self._find(asked, cursor)
        shown: dict[str, Any] = {
            "asked": asked,
            "page": page,
            "cursor": cursor,
            "picks": self._store.activity.recent_tags(),
        }
        return self._show("messages.html", "messages", _status(page.wrong), **shown)

    @_page
    def message(self, written: str) -> Response:
        """Show a message's story, by its id as the address has it."""
        message_id = id_in(written)
        if message_id is None:
            return self.missing("There is no such message")
        story = self._store.history.story(message_id)
        if story is None:
            return self.missing(f"Message {message_id} is not known here", message_id=message_id)
        incident = self._store.incidents.of(message_subject(message_id))
        return self._show("message.html", "messages", page=story_page(story), incident=incident)

    @_page
    def deliveries(self, written: str, receiver: str | None, cursor: str | None) -> Response:
        """Show a page of deliveries, in a state as the address has it."""
        state = state_in(written)
        query = DeliveryQuery(states=None if state is None else (state,), receiver=receiver)
        page = deliveries_page(
            self._store.history.deliveries(query, cursor, _ROWS),
            self._summary.deliveries,
            self._store.history.given_up() if state is DeliveryState.DEAD else (),
            state=state,
            receiver=receiver,
            cursor=cursor,
        )
        return self._show("deliveries.html", "deliveries", page=page)

    @_page
    def incidents(self, cursor: str | None, *, acknowledged: bool) -> Response:
        """Show a page of what is wrong now; with ``acknowledged``, also of what somebody has acknowledged."""
        found = self._store.incidents.listed(acknowledged=acknowledged, cursor=cursor, most=_ROWS)
        page = incidents_page(found, cursor, acknowledged=acknowledged)
        counts = {"open": self._summary.open_incidents, "acknowledged": self._summary.acknowledged_incidents}
        return self._show("incidents.html", "", page=page, counts=counts)

    @_page
    def adding(self, page: AddPage, status: int = HTTPStatus.OK) -> Response:
        """Show the page that adds messages."""
        return self._show("add.html", "messages", status, page=page)

    @_page
    def report(self, wanted: Wanted) -> Response:
        """Show what became of messages in a period."""
        page = report_page(self._store.activity, wanted, self._now, self._zone)
        return self._show("report.html", "report", _status(page.wrong), page=page)

    @_page
    def help(self) -> Response:
        """Show what the statuses mean, and what to do."""
        return self._show("help.html", "help")

    @_page
    def alerts(self) -> Response:
        """Show what the alerts mean, and what to do."""
        return self._show("alerts.html", "help", alerts=alert_help())

    @_page
    def docs(self, page: ApiReference) -> Response:
        """Show the page about the API."""
        return self._show("docs.html", "docs", page=page)

    def missing(
        self, title: str, text: str = "", *, message_id: int | None = None, status: int = HTTPStatus.NOT_FOUND
    ) -> Response:
        """Say that there is nothing at an address, without a look at anything that may be broken."""
        page = {"title": title, "text": text, "message_id": message_id}
        return self._answer("missing.html", "", status, page=page, frame={"faults": 0, "dead": 0})

    def broken(self, error: BridgeError) -> Response:
        """Say that the database can't be used."""
        return self.missing("The database can't be used now", str(error), status=HTTPStatus.SERVICE_UNAVAILABLE)

    @cached_property
    def _summary(self) -> Summary:
        return self._store.summaries.summary()

    @cached_property
    def _parts(self) -> tuple[Component, ...]:
        summary, receivers = self._summary, self._context.receivers()
        known = numbers.read(summary.facts.get(numbers.NUMBERS)).values()
        due = self._context.next_summaries(summary.facts, self._now)
        return parts(judge(summary, receivers, self._now, self._zone), receivers, known, self._now, due)

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

    def _show(self, template: str, here: str, status: int = HTTPStatus.OK, **shown: Any) -> Response:
        """Answer with a page and all that is around it; ``here`` is its place in the navigation."""
        summary, said = self._summary, self._said()
        around = {
            "frame": {
                "faults": sum(not part.ok for part in self._parts),
                "dead": sum(map(summary.dead, summary.deliveries)),
            },
            "waiting": partial(waiting, summary=summary, now=self._now, posts=self._context.waits().posts),
            "can_change": self._access.token is not None or self._access.trusted,
            "needs_token": not self._access.trusted,
            "said": said,
            "kept": Form({}) if said is None or said.form is None else said.form,
        }
        return self._answer(template, here, status, **around, **shown)

    def _answer(self, template: str, here: str, status: int, **shown: Any) -> Response:
        more = {"asked": Asked(), "here": here, "now": self._now, "zone": self._zone, **shown}
        return answer(render(template, self._request.url.path, **more), status)

    def _said(self) -> Said | None:
        request = self._request
        return self._flashes.take(request.query_params.get(SAID)) if request.method == "GET" else None


def _status(wrong: str | None) -> HTTPStatus:
    return HTTPStatus.OK if wrong is None else HTTPStatus.BAD_REQUEST
