"""The buttons that send again what was given up, or what was delivered: on a message's page and beside deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from bridge.domain.model import DeliveryState
from bridge.server.auth import RETRY_FORM
from bridge.server.ui.deliveries import address
from bridge.server.ui.flash import WRONG_TOKEN
from bridge.server.ui.forms import on_form
from bridge.server.ui.messages import id_in
from bridge.store.history import EventQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.domain.errors import BridgeError
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form


def sending_again(
    context: ServerContext, access: Access, broken: Callable[[Request, BridgeError], Response]
) -> APIRouter:
    """Make the route to which the forms are sent."""
    router = APIRouter(include_in_schema=False)

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

    def send_again(form: Form) -> str:
        delivery, delivered = id_in(form.get("ids")), id_in(form.get("resend"))
        if delivered is not None:
            count = resend(delivered)
        elif delivery is not None:
            count = retry([delivery], form.get("receiver") or None)
        elif form.get("all") == "true":
            count = retry(None, form.get("receiver") or None)
        else:
            count = 0
        return _back(form, str(count))

    on_form(router, RETRY_FORM, access, send_again, lambda form: _back(form, WRONG_TOKEN), broken)
    return router


def _back(form: Form, count: str) -> str:
    """Lead back to where the form was."""
    message, state = id_in(form.get("message_id")), form.get("state")
    if message is not None:
        return f"messages/{message}?retried={count}"
    shown = DeliveryState(state) if state in set(DeliveryState) else DeliveryState.DEAD
    return address(shown, form.get("receiver") or None, retried=count)
