"""``/v1/events``: what happened, in pages, or as a stream that goes on."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.domain.events import envelope
from bridge.domain.model import LARGEST_ID
from bridge.server.api.params import ChosenEventQuery, Limit, OfMessage, Types, cursor, page, problems
from bridge.server.api.schemas.events import EventOut
from bridge.server.api.schemas.fields import PageOut
from bridge.server.auth import Access, asks_for_stream
from bridge.server.context import ServerContext
from bridge.server.event_stream import MOST_STREAMS
from bridge.store.history import EVENT_CURSOR, EventQuery

_PLACE = r"^([0-9]{1,19}|evt_[a-z2-7]{24})$"
_LastId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=_PLACE,
        description="The last `id:` received. `EventSource` sends it automatically.",
    ),
]
_After = Annotated[
    str | None,
    Query(
        pattern=_PLACE,
        description="Start after this event: its id, or an `id:` of the stream; 0 starts at the oldest event. "
        "Default: `Last-Event-ID`, or only new events.",
    ),
]
_Last = Annotated[
    int,
    Query(
        ge=0,
        le=1000,
        description="Start with this many of the latest events, unless `after` or `Last-Event-ID` is given.",
    ),
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-Sent Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
}

_Cursor = Annotated[str | None, cursor(EVENT_CURSOR)]


def router(context: ServerContext, access: Access) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/events", tags=["events"])

    async def stream(query: EventQuery, after: str | None, last: int = 0) -> Response:
        position = await run_in_threadpool(_place, context, after)
        if position is None:
            detail = f"unknown or expired event {after}: start with after=0, or without `after`"
            raise HTTPException(HTTPStatus.NOT_FOUND, detail)
        history = context.store.history
        first = [] if after or not last else await run_in_threadpool(history.latest, position, query, last)
        if context.streams.full:  # asked last: while the position is looked for, others come
            detail = f"{MOST_STREAMS} clients are already following: try again later, or read pages"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})
        return context.streams.answer(lambda since: history.follow(since, context.now(), query), position, first)

    @routes.get("", response_model=PageOut[EventOut], responses=problems(HTTPStatus.NOT_FOUND))
    async def list_events(
        request: Request,
        query: ChosenEventQuery,
        cursor: _Cursor = None,
        limit: Limit = 50,
        last_event_id: _LastId = None,
    ) -> Response:
        """List events, newest first. With `Accept: text/event-stream`, the same stream as `/v1/events/stream`."""
        if asks_for_stream("/v1/events", request.headers):
            return await stream(query, last_event_id)
        found = await run_in_threadpool(context.store.history.events, query, cursor, limit)
        return page(found, envelope, request, access)

    @routes.get("/stream", responses={**_STREAM, **problems(HTTPStatus.NOT_FOUND)}, response_class=Response)
    async def follow_events(
        type: Types = [],  # noqa: A002 -- the parameter's name
        message_id: OfMessage = None,
        after: _After = None,
        last: _Last = 0,
        last_event_id: _LastId = None,
    ) -> Response:
        """Stream events as they happen, oldest first, one `data:` per event, until the client disconnects.

        A browser's `EventSource` reconnects by itself and continues after the last `id:` that it received.
        """
        return await stream(EventQuery(message_id, tuple(type) or None), last_event_id or after, last)

    return routes


def _place(context: ServerContext, after: str | None) -> int | None:
    """Find the position to begin after."""
    if not after:
        return context.store.history.place(context.now())
    if not after.isdigit():
        return context.store.history.position(after)
    return min(int(after), LARGEST_ID)
