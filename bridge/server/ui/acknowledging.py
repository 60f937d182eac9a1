"""What is wrong now, and the form that acknowledges it: on the overview, a message's page, and a page of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.check import counted
from bridge.domain.incidents import LONGEST_NOTE, read_subject
from bridge.domain.model import LONGEST_PERSON
from bridge.receivers.wording import name_of, said_of
from bridge.server.api.incidents import acknowledge
from bridge.server.auth import ACKNOWLEDGE_FORM
from bridge.server.ui.formatting import address_of
from bridge.server.ui.forms import Notice
from bridge.server.ui.messages import id_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.domain.incidents import Incident
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form, Forms
    from bridge.store.paging import Page

SHOWN = 8
"""How many incidents the overview shows."""


def incidents_page(found: Page[Incident], cursor: str | None, *, acknowledged: bool) -> dict[str, object]:
    """Arrange a page of all that is wrong.

    Args:
        found: What is wrong.
        cursor: Where this page begins; None for the first.
        acknowledged: Whether what is acknowledged was asked for, too.
    """
    asked = {"acknowledged": "true" if acknowledged else None}
    return {
        "rows": found.items,
        "acknowledged": acknowledged,
        "older": None if found.next is None else address_of("incidents", asked | {"cursor": found.next}),
        "newest": None if cursor is None else address_of("incidents", asked),
    }


def acknowledging(context: ServerContext, forms: Forms) -> None:
    """Make the route to which the form is sent."""

    def back(form: Form) -> str:
        message = id_in(form.get("message_id"))
        return "incidents" if "list" in form else "" if message is None else f"messages/{message}"

    def tick_off(form: Form) -> Notice:
        if "list" in form and "subject" not in form:
            return Notice("bad", "Nothing was acknowledged: choose something first.")
        try:
            subjects = list(map(read_subject, form.all("subject")))
        except ValueError:
            return Notice("bad", "Nothing was acknowledged: it is not open.")
        by, note = (form.get(name)[:most] for name, most in (("by", LONGEST_PERSON), ("note", LONGEST_NOTE)))
        found = acknowledge(context, subjects, by, note)
        if len(subjects) > 1 and (count := len(found["acknowledged"])):
            return Notice("good", f"{counted(count, 'problem is', 'problems are')} acknowledged: reminders stop.")
        outcome = next(outcome for outcome, those in found.items() if those)
        incident = context.store.incidents.of(subjects[0])
        what = subjects[0].replace("/", " ") if incident is None else said_of(incident.event, name_of(incident.event))
        return Notice("bad" if outcome in _IN_VAIN else "good", _OUTCOMES[outcome].format(what))

    forms.on(ACKNOWLEDGE_FORM, tick_off, back, "Nothing was acknowledged")


_OUTCOMES: Mapping[str, str] = {
    "acknowledged": "Acknowledged: {}. Reminders of it stop.",
    "updated": "Somebody had already acknowledged it: {}. Your note replaces the earlier one.",
    "already_acknowledged": "Somebody has already acknowledged it: {}.",
    "not_open": "Nothing was acknowledged: {} is not open.",
}
_IN_VAIN = {"already_acknowledged", "not_open"}
