"""What is wrong now, and the form that acknowledges it: on the overview, and on a message's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter

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

SHOWN = 8
"""How many incidents the overview shows."""

NOTICES: Mapping[str, Notice] = {
    REFUSED: Notice("bad", "Nothing was acknowledged: that is not the bridge's token."),
    "acknowledged": Notice("good", "Acknowledged: reminders stop."),
    "updated": Notice("good", "Somebody had already acknowledged it: your note replaces the earlier one."),
    "already_acknowledged": Notice("bad", "Somebody has already acknowledged it."),
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
    rows = (
        Row(each, title_of(each.event), about(each.event), label_of(each.event), cause_of(each.event))
        for each in incidents
    )
    return AcknowledgePanel(tuple(rows), count, acknowledged)


def acknowledging(
    context: ServerContext, access: Access, broken: Callable[[Request, BridgeError], Response]
) -> APIRouter:
    """Make the route to which the form is sent."""
    router = APIRouter(include_in_schema=False)

    def back(form: Form, outcome: str) -> str:
        message = id_in(form.get("message_id"))
        return f"?ack={outcome}" if message is None else f"messages/{message}?ack={outcome}"

    def tick_off(form: Form) -> str:
        try:
            subject = read_subject(form.get("subject"))
        except ValueError:
            return back(form, "not_open")
        by, note = (form.get(name)[:most] for name, most in (("by", LONGEST_BY), ("note", LONGEST_NOTE)))
        found = acknowledge(context, [subject], by, note)
        return back(form, next(outcome for outcome, subjects in found.items() if subjects))

    on_form(router, ACKNOWLEDGE_FORM, access, tick_off, lambda form: back(form, REFUSED), broken)
    return router
