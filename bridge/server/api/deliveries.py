"""``/v1/deliveries``: deliveries with their results, and sending them again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.domain.json_views import delivery_json
from bridge.domain.model import DeliveryState, EventType
from bridge.domain.suggest import unknown_receiver
from bridge.server.api.params import Id, Limit, Name, OfMessage, Since, Until, cursor, page, problems
from bridge.server.api.schemas.deliveries import Choice, ListedOut, ResendIn, ResentOut, Retried, TriedOut
from bridge.server.api.schemas.fields import PageOut
from bridge.server.auth import Access
from bridge.server.context import ServerContext
from bridge.store.history import DELIVERY_CURSOR, DeliveryQuery, EventQuery

_States = Annotated[
    list[DeliveryState],
    Query(
        description="Only deliveries in one of these states. `dead`: given up; `dropped`: not sent on purpose.",
        examples=[["dead"]],
    ),
]
_Types = Annotated[list[EventType], Query(description="Only deliveries of events of these types.")]

_Tries = Annotated[bool, Query(description="Include every attempt of each delivery, as `tries`.")]
_Cursor = Annotated[str | None, cursor(DELIVERY_CURSOR)]


def router(context: ServerContext, access: Access) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/deliveries", tags=["deliveries"])
    _read(routes, context, access)
    _send_again(routes, context)
    return routes


def _read(routes: APIRouter, context: ServerContext, access: Access) -> None:
    store = context.store

    @routes.get("", response_model=PageOut[ListedOut], responses=problems())
    def list_deliveries(
        request: Request,
        state: _States = [],
        receiver: Name = None,
        message_id: OfMessage = None,
        type: _Types = [],  # noqa: A002 -- as above
        since: Since = None,
        until: Until = None,
        tries: _Tries = False,
        cursor: _Cursor = None,
        limit: Limit = 50,
    ) -> JSONResponse:
        """List deliveries, newest first."""
        query = DeliveryQuery(message_id, tuple(type) or None, since, until, tuple(state) or None, receiver)
        found, waits = store.history.deliveries(query, cursor, limit), context.waits()
        if not tries:
            return page(found, lambda each: delivery_json(each, waits), request, access)
        attempts = store.history.attempts([each.id for each in found.items])
        return page(found, lambda each: delivery_json(each, waits, attempts[each.id]), request, access)

    @routes.get("/{delivery_id:int}", response_model=TriedOut, responses=problems(HTTPStatus.NOT_FOUND))
    def get_delivery(delivery_id: Id) -> JSONResponse:
        """Return a delivery with every attempt and its response."""
        found = store.history.delivery(delivery_id)
        if found is None:
            raise _unknown(delivery_id)
        return JSONResponse(delivery_json(found.delivery, context.waits(), found.attempts))


def _send_again(routes: APIRouter, context: ServerContext) -> None:
    store = context.store

    @routes.post("/retry", response_model=Retried, responses=problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
    def retry_deliveries(choice: Choice) -> dict[str, int]:
        """Send dead letters again: the selected ones, or all. The event ids stay the same."""
        count = store.deliveries.retry(context.now(), ids=choice.ids, receiver=choice.receiver, since=choice.since)
        context.wake_dispatchers()
        return {"retried": count}

    @routes.post("/resend", response_model=ResentOut, responses=problems(HTTPStatus.NOT_FOUND))
    def resend_deliveries(wanted: ResendIn) -> dict[str, int]:
        """Send delivered events again, with the header `webhook-resent: 1`, the same body and, by default, the same id.

        With `backfill`, send a new receiver the earlier events that it subscribes to.
        """
        query = EventQuery(None, wanted.type, wanted.since, wanted.until)
        asked = [each for each in context.subscriptions() if wanted.receiver in {None, each.receiver}]
        if not asked:
            raise HTTPException(HTTPStatus.NOT_FOUND, unknown_receiver(str(wanted.receiver), context.receivers()))
        how = {"backfill": wanted.backfill, "new_id": wanted.new_id, "dry_run": wanted.dry_run}
        count = store.resending.resend(query, asked, context.now(), event_ids=wanted.event_ids, **how)
        if count and not wanted.dry_run:
            context.wake_dispatchers()
            given = wanted.model_dump(mode="json", exclude_unset=True)
            structlog.get_logger().info("deliveries_resent", count=count, **given)
        return {"resent": count}

    @routes.post(
        "/{delivery_id:int}/retry",
        response_model=Retried,
        responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    def retry_delivery(delivery_id: Id) -> dict[str, int]:
        """Send one dead letter again."""
        if not store.deliveries.retry(context.now(), ids=[delivery_id]):
            if store.history.delivery(delivery_id) is None:
                raise _unknown(delivery_id)
            raise HTTPException(HTTPStatus.CONFLICT, f"delivery {delivery_id} is not a dead letter: nothing to retry")
        context.wake_dispatchers()
        return {"retried": 1}


def _unknown(delivery_id: int) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"unknown or expired delivery {delivery_id}")
