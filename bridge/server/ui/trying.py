"""The form of the overview that sends a receiver a test, and what came of it in words."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter

from bridge.domain.model import EventType
from bridge.receivers.wording import WORDS
from bridge.server.auth import TEST_FORM
from bridge.server.ui.flash import Notice
from bridge.server.ui.formatting import brief, seconds
from bridge.server.ui.forms import REFUSED, on_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.domain.errors import BridgeError
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form

_MOST_KEPT = 100

TYPES: Final[Mapping[str, str]] = {
    str(type_): words.short[0].upper() + words.short[1:] for type_, words in WORDS.items()
}
"""The types of events that a test can have, and their names."""

_FIXED: Final[Mapping[str, Notice]] = {
    REFUSED: Notice("bad", "Nothing was sent: that is not the bridge's token."),
    "unknown": Notice("bad", "Nothing was sent: there is no such receiver."),
    "type": Notice("bad", "Nothing was sent: choose what to send."),
}
_FORGOTTEN = Notice("bad", "What came of this test is no longer known: send another one, or see the log.")


class Results:
    """Remembers what came of the latest tests: it is shown on the page that follows. Safe to use from several threads.

    An address that held the words themselves could be made by anybody, to say anything.
    """

    def __init__(self) -> None:
        self._known: dict[str, Notice] = {}
        self._lock = threading.Lock()

    def keep(self, notice: Notice) -> str:
        """Remember it; returns the word for it."""
        word = secrets.token_urlsafe(9)
        with self._lock:
            self._known[word] = notice
            while len(self._known) > _MOST_KEPT:
                del self._known[next(iter(self._known))]
        return word

    def read(self, word: str) -> Notice:
        """Say what came of a test, by the word in an address."""
        with self._lock:
            return _FIXED.get(word) or self._known.get(word, _FORGOTTEN)


def trying(
    context: ServerContext,
    access: Access,
    results: Results,
    broken: Callable[[Request, BridgeError], Response],
) -> APIRouter:
    """Make the route to which the form is sent."""
    router = APIRouter(include_in_schema=False)

    def send(form: Form) -> str:
        name, type_ = form.get("test"), form.get("type")
        if name not in context.receivers():
            return "?tested=unknown"
        if type_ not in TYPES:
            return "?tested=type"
        made = context.try_receiver(name, EventType(type_))
        return "?tested=unknown" if made is None else f"?tested={results.keep(notice_of(made, TYPES[type_]))}"

    on_form(router, TEST_FORM, access, send, lambda _: f"?tested={REFUSED}", broken)
    return router


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
    words = words.rstrip(".") + "."
    if made["answer"]:
        words += f" Its answer: {brief(made['answer'])}"
    if not made["subscribed"]:
        words += f" It gets no real “{type_}” events: its “events” in the configuration do not include them."
    return Notice("good" if took else "bad", words)
