"""The buttons that send again what was given up, or what was delivered: on a message's page and beside deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.model import DeliveryState
from bridge.server.auth import RETRY_FORM
from bridge.server.ui.deliveries import address
from bridge.server.ui.forms import Notice
from bridge.server.ui.messages import id_in
from bridge.store.history import EventQuery

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form, Forms


def sending_again(context: ServerContext, forms: Forms) -> None:
    """Make the route to which the forms are sent."""

    def retry(ids: Collection[int] | None, receiver: str | None) -> int:
        count = context.store.deliveries.retry(context.now(), ids=ids, receiver=receiver)
        context.wake_dispatchers()
        return count

    def resend(delivery_id: int) -> int:
        found = context.store.history.delivery(delivery_id)
        if found is None:
            return 0
        asked = [each for each in context.subscriptions() if each.receiver == found.delivery.receiver]
        ids = [found.delivery.event.id]
        count = context.store.resending.resend(EventQuery(), asked, context.now(), event_ids=ids)
        context.wake_dispatchers()
        return count

    def send_again(form: Form) -> Notice:
        delivery, delivered = id_in(form.get("ids")), id_in(form.get("resend"))
        if delivered is not None:
            return sent_again(resend(delivered), receiver_of(delivered))
        if delivery is not None:
            return sent_again(retry([delivery], form.get("receiver") or None), receiver_of(delivery))
        receiver = form.get("receiver") or None
        return sent_again(retry(None, receiver) if form.get("all") == "true" else 0, receiver)

    def receiver_of(delivery_id: int) -> str | None:
        found = context.store.history.delivery(delivery_id)
        return None if found is None else found.delivery.receiver

    forms.on(RETRY_FORM, send_again, _back, "Nothing was sent again")


def sent_again(count: int, receiver: str | None) -> Notice:
    """Say how many deliveries are queued again, and to whom."""
    if not count:
        return Notice("bad", "Nothing was sent again: what you chose is queued, or gone.")
    to = "" if receiver is None else f" to {receiver}"
    return Notice(
        "good",
        f"{count:,} {'delivery' if count == 1 else 'deliveries'}{to} {'is' if count == 1 else 'are'} on the way again.",
    )


def _back(form: Form) -> str:
    """Lead back to where the form was."""
    message, state = id_in(form.get("message_id")), form.get("state")
    if message is not None:
        return f"messages/{message}"
    shown = DeliveryState(state) if state in set(DeliveryState) else DeliveryState.DEAD
    return address(shown, form.get("receiver") or None)
