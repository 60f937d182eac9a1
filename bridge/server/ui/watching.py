"""The buttons that stop watching messages, watch one again, and poll one now: on the list, and on a message's page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter

from bridge.domain.check import counted
from bridge.server.auth import POLL_FORM, REMOVE_FORM
from bridge.server.ui.flash import Notice
from bridge.server.ui.forms import REFUSED, on_form
from bridge.server.ui.messages import SEARCHED, Asked, id_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.domain.errors import BridgeError
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form

_NOTHING = "0.0.0"

POLLED: Mapping[str, Notice] = {
    REFUSED: Notice("bad", "Nothing was done: that is not the bridge's token."),
    "now": Notice("good", "The message is being polled: a new status shows here in a moment."),
    "again": Notice("good", "The message is watched again."),
    "known": Notice("good", "The message is watched already."),
    "not": Notice("bad", "The message was not polled: it is no longer watched."),
}
"""What became of polling or watching a message, by the word for it in the address of the page that follows."""


def removed(outcome: str) -> Notice | None:
    """Say what became of removing messages: how many are gone, listed by the configuration, or were not watched."""
    if outcome == REFUSED:
        return Notice("bad", "Nothing was removed: that is not the bridge's token.")
    counts = outcome.split(".")
    if len(counts) != len(_NOTHING.split(".")):
        return None
    gone, listed, unknown = (id_in(count) or 0 for count in counts)
    said = [f"{counted(gone, 'message is', 'messages are')} no longer watched: the history is kept."] if gone else []
    if listed:
        still = counted(listed, "message is", "messages are")
        said.append(
            f"{still} still watched: the configuration lists {'it' if listed == 1 else 'them'}, under messages or in a "
            f"file that it includes. Remove {'it' if listed == 1 else 'them'} there."
        )
    if unknown:
        said.append(f"{counted(unknown, 'message was', 'messages were')} not watched.")
    if not said:
        said = ["Nothing was removed: choose messages first."]
    return Notice("good" if gone and not listed else "bad", " ".join(said))


def watching(context: ServerContext, access: Access, broken: Callable[[Request, BridgeError], Response]) -> APIRouter:
    """Make the routes to which the forms are sent."""
    router = APIRouter(include_in_schema=False)

    def back(form: Form, outcome: str) -> str:
        message = id_in(form.get("message_id"))
        if message is not None:
            return f"messages/{message}?removed={outcome}"
        asked = Asked.read(context.now(), context.timezone(), **{name: form.get(name) for name in SEARCHED})
        reason = form.get("reason") if "reason" in form else None
        return replace(asked, reason=reason).address(form.get("cursor") or None, removed=outcome)

    def remove(form: Form) -> str:
        ids = list(dict.fromkeys(filter(None, map(id_in, form.all("ids")))))
        gone, listed = context.store.messages.unwatch(ids)
        return back(form, f"{len(gone)}.{len(listed)}.{len(ids) - len(gone) - len(listed)}")

    def poll(form: Form) -> str:
        message = id_in(form.get("message_id"))
        if message is None:
            return "messages"
        if "watch" in form:
            outcome = "again" if context.store.messages.watch([message], context.now()) else "known"
        else:
            outcome = "now" if context.store.messages.poll_now([message], context.now()) else "not"
        context.wake_poller()
        return f"messages/{message}?polled={outcome}"

    def refuse_poll(form: Form) -> str:
        message = id_in(form.get("message_id"))
        return f"messages/{message or ''}?polled={REFUSED}"

    on_form(router, REMOVE_FORM, access, remove, lambda form: back(form, REFUSED), broken)
    on_form(router, POLL_FORM, access, poll, refuse_poll, broken)
    return router
