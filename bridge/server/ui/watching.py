"""The buttons that stop watching messages, watch one again, and poll one now: on the list, and on a message's page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.domain.check import counted
from bridge.server.auth import POLL_FORM, REMOVE_FORM
from bridge.server.ui.forms import Notice
from bridge.server.ui.messages import SEARCHED, Asked, id_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form, Forms


def removed(gone: Sequence[int], listed: int, unknown: int) -> Notice:
    """Say what became of removing messages: which are gone, and how many are listed or were not watched."""
    what = f"Message {gone[0]} is" if len(gone) == 1 else f"{len(gone):,} messages are"
    said = [f"{what} no longer watched: the history is kept."] if gone else []
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


def watching(context: ServerContext, forms: Forms) -> None:
    """Make the routes to which the forms are sent."""

    def back(form: Form) -> str:
        message = id_in(form.get("message_id"))
        if message is not None:
            return f"messages/{message}"
        asked = Asked.read(context.now(), context.timezone(), **{name: form.get(name) for name in SEARCHED})
        reason = form.get("reason") if "reason" in form else None
        return replace(asked, reason=reason).address(form.get("cursor") or None)

    def remove(form: Form) -> Notice:
        ids = list(dict.fromkeys(filter(None, map(id_in, form.all("ids")))))
        gone, listed = context.store.messages.unwatch(ids)
        return removed(gone, len(listed), len(ids) - len(gone) - len(listed))

    def poll(form: Form) -> Notice:
        message = id_in(form.get("message_id"))
        if message is None:
            return Notice("bad", "Nothing was done: there is no such message.")
        if "watch" in form:
            is_new = context.store.messages.watch([message], context.now())
            notice = Notice("good", f"Message {message} is watched {'again' if is_new else 'already'}.")
        elif context.store.messages.poll_now([message], context.now()):
            notice = Notice("good", f"Message {message} is being polled: a new status shows here in a moment.")
        else:
            notice = Notice("bad", f"Message {message} was not polled: it is no longer watched.")
        context.wake_poller()
        return notice

    def back_to_message(form: Form) -> str:
        return "messages" if id_in(form.get("message_id")) is None else back(form)

    forms.on(REMOVE_FORM, remove, back, "Nothing was removed")
    forms.on(POLL_FORM, poll, back_to_message, "Nothing was done")
