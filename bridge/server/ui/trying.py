"""The form of the overview that sends a receiver a test, and what came of it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.domain.model import EventType
from bridge.receivers.wording import WORDS
from bridge.server.auth import TEST_FORM
from bridge.server.ui.formatting import brief, seconds, upper_first
from bridge.server.ui.forms import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form, Forms

_LONG: Final = 100
_UNKNOWN: Final = Notice("bad", "Nothing was sent: there is no such receiver.")

TYPES: Final[Mapping[str, str]] = {str(type_): upper_first(words.short) for type_, words in WORDS.items()}
"""The types of events that a test can have, and their names."""


def trying(context: ServerContext, forms: Forms) -> None:
    """Make the route to which the form is sent."""

    def send(form: Form) -> Notice:
        name, type_ = form.get("test"), form.get("type")
        if name not in context.receivers():
            return _UNKNOWN
        if type_ not in TYPES:
            return Notice("bad", "Nothing was sent: choose what to send.")
        made = context.try_receiver(name, EventType(type_))
        return _UNKNOWN if made is None else notice_of(made, TYPES[type_])

    forms.on(TEST_FORM, send, lambda _: "", "Nothing was sent")


def notice_of(made: Mapping[str, Any], type_: str) -> Notice:
    """Say what came of a test.

    Args:
        made: As ``POST /v1/receivers/NAME/test`` answers.
        type_: The name of the event's type.
    """
    took = made["outcome"] == "delivered"
    status = f"HTTP {made['http_status']}, " if made["http_status"] else ""
    words = f"{made['receiver']} {'accepted' if took else 'did not accept'} the test “{type_}” ("
    words += f"{status}{seconds(made['seconds'])})"
    if made["why"]:
        words += f": {brief(made['why'])}"
    if made["retry_after_seconds"]:
        words += f"; try again in {seconds(made['retry_after_seconds'])}"
    words = words.rstrip(".") + "."
    if made["answer"] and not (took and len(made["answer"]) > _LONG):
        words += f" Its answer: {brief(made['answer'])}"
    if not made["subscribed"]:
        words += f" It gets no real “{type_}” events: its “events” in the configuration do not include them."
    return Notice("good" if took else "bad", words)
