"""What is wrong now, and the form that acknowledges it: on the overview, a message's page, and a page of all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter

from bridge.domain.check import counted
from bridge.domain.incidents import LONGEST_NOTE, read_subject
from bridge.domain.mute import LONGEST_BY
from bridge.receivers.wording import cause_of, label_of
from bridge.server.api.incidents import acknowledge
from bridge.server.auth import ACKNOWLEDGE_FORM
from bridge.server.ui.flash import Notice
from bridge.server.ui.forms import REFUSED, on_form
from bridge.server.ui.messages import id_in
from bridge.server.ui.timeline import about, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.domain.errors import BridgeError
    from bridge.domain.incidents import Incident
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form
    from bridge.store.paging import Page

SHOWN = 8
"""How many incidents the overview shows."""

NOTICES: Mapping[str, Notice] = {
    REFUSED: Notice("bad", "Nothing was acknowledged: that is not the bridge's token."),
    "acknowledged": Notice("good", "Acknowledged: reminders stop."),
    "updated": Notice("good", "Somebody had already acknowledged it: your note replaces the earlier one."),
    "already_acknowledged": Notice("bad", "Somebody has already acknowledged it."),
    "none_chosen": Notice("bad", "Nothing was acknowledged: choose something first."),
    "not_open": Notice("bad", "Nothing to acknowledge: it is not open."),
}
"""What became of the form, by the word for it in the address of the page that follows."""


@dataclass(frozen=True, slots=True)
class Row:
    """An incident as it is listed."""

    incident: Incident
    title: str
    name: str
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class AcknowledgePanel:
    """What is open: the newest of it, how much in all, and how much is acknowledged."""

    rows: tuple[Row, ...]
    count: int
    acknowledged: int


def panel(incidents: Sequence[Incident], count: int, acknowledged: int = 0) -> AcknowledgePanel:
    """Arrange it."""
    return AcknowledgePanel(tuple(map(_row, incidents)), count, acknowledged)


def _row(incident: Incident) -> Row:
    event = incident.event
    return Row(incident, title_of(event), about(event), label_of(event), cause_of(event))


@dataclass(frozen=True, slots=True)
class IncidentsPage:
    """A page of all that is wrong; ``acknowledged`` says whether it shows what somebody has acknowledged, too."""

    rows: tuple[Row, ...]
    acknowledged: bool
    older: str | None
    newest: str | None


def incidents_page(found: Page[Incident], cursor: str | None, *, acknowledged: bool) -> IncidentsPage:
    """Arrange it.

    Args:
        found: What is wrong.
        cursor: Where this page begins; None for the first.
        acknowledged: Whether what is acknowledged was asked for, too.
    """

    def address(cursor: str | None = None) -> str:
        asked = {"acknowledged": "true" if acknowledged else None, "cursor": cursor}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"incidents?{query}" if query else "incidents"

    return IncidentsPage(
        tuple(map(_row, found.items)),
        acknowledged,
        older=None if found.next is None else address(found.next),
        newest=None if cursor is None else address(),
    )


def acknowledged(outcome: str) -> Notice | None:
    """Say what became of the form: by a word, or by how many were acknowledged of those that were chosen."""
    count = id_in(outcome)
    if count is None:
        return NOTICES.get(outcome)
    return Notice("good", f"{counted(count, 'problem is', 'problems are')} acknowledged: reminders stop.")


def acknowledging(
    context: ServerContext, access: Access, broken: Callable[[Request, BridgeError], Response]
) -> APIRouter:
    """Make the route to which the form is sent."""
    router = APIRouter(include_in_schema=False)

    def back(form: Form, outcome: str) -> str:
        message = id_in(form.get("message_id"))
        page = "incidents" if "list" in form else "" if message is None else f"messages/{message}"
        return f"{page}?ack={outcome}"

    def tick_off(form: Form) -> str:
        if "list" in form and "subject" not in form:
            return back(form, "none_chosen")
        try:
            subjects = list(map(read_subject, form.all("subject")))
        except ValueError:
            return back(form, "not_open")
        by, note = (form.get(name)[:most] for name, most in (("by", LONGEST_BY), ("note", LONGEST_NOTE)))
        found = acknowledge(context, subjects, by, note)
        if len(subjects) > 1 and found["acknowledged"]:
            return back(form, str(len(found["acknowledged"])))
        return back(form, next(outcome for outcome, subjects in found.items() if subjects))

    on_form(router, ACKNOWLEDGE_FORM, access, tick_off, lambda form: back(form, REFUSED), broken)
    return router
