"""``/v1/messages``: hand over, find, read, poll now and remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.domain.errors import UsageError
from bridge.domain.events import envelope
from bridge.domain.json_views import delivery_json, message_json
from bridge.domain.model import Details
from bridge.domain.spreadsheet.handover import read_list
from bridge.domain.waits import Waits
from bridge.server.api.params import ChosenMessageQuery, Id, Limit, cursor, page, problems
from bridge.server.api.schemas.fields import PageOut
from bridge.server.api.schemas.messages import (
    ChosenMessages,
    Handed,
    MessageOut,
    PolledNow,
    StoryOut,
    Unwatched,
    Watch,
    Watched,
)
from bridge.server.auth import Access
from bridge.server.context import ServerContext
from bridge.server.csv_request import CSV, CsvRoute
from bridge.store.history import Story
from bridge.store.search import CURSOR, MessageQuery

_TABLE = "id,label,expected_at,tags.team\n12346,Invoice 88,2026-12-24T09:00+05:30,billing\n12347,,,\n"
_Order = Annotated[
    Literal["latest", "oldest"], Query(description="Which change comes first: the latest or the oldest.")
]
_Cursor = Annotated[str | None, cursor(CURSOR)]


def router(context: ServerContext, access: Access) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/messages", tags=["messages"])
    _read(routes, context, access)
    _change(routes, context)
    return routes


def watch_csv(context: ServerContext, content: bytes) -> dict[str, list[int]]:
    """Watch all messages of a list in CSV, or none.

    Raises:
        InvalidCsvError: Something in it is wrong.
    """
    return watch(context, {each.id: each.details for each in read_list(content)})


def watch(context: ServerContext, described: Mapping[int, Details]) -> dict[str, list[int]]:
    """Watch messages for the API and the page. Returns those that are new, and those that were watched already."""
    new = context.store.messages.watch_each(described, context.now())
    context.wake_poller()
    known = described.keys() - set(new)
    return {"watched": new, "already_watched": [id_ for id_ in described if id_ in known]}


def story_json(story: Story, waits: Waits) -> dict[str, Any]:
    """Arrange a message's story for JSON."""
    events = []
    for item in story.events:
        queued = [delivery_json(each.delivery, waits, each.attempts) for each in item.deliveries]
        events.append({**envelope(item.event), "deliveries": queued})
    return {**message_json(story.message), "events": events, "whole": story.whole}


def _read(routes: APIRouter, context: ServerContext, access: Access) -> None:
    store = context.store

    @routes.get("", response_model=PageOut[MessageOut], responses=problems(HTTPStatus.CONFLICT))
    def list_messages(
        request: Request,
        query: ChosenMessageQuery,
        order: _Order = "latest",
        cursor: _Cursor = None,
        limit: Limit = 50,
    ) -> JSONResponse:
        """List messages, most recently changed first unless `order` says otherwise. Filters are combined with AND."""
        query = replace(query, oldest_first=order == "oldest")
        try:
            found = store.search.messages(query, cursor, limit)
        except UsageError as error:  # it is a cursor, as its pattern says, but of the list in the other order
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
        return page(found, message_json, request, access)

    @routes.get("/{message_id:int}", response_model=StoryOut, responses=problems(HTTPStatus.NOT_FOUND))
    def get_message(message_id: Id) -> JSONResponse:
        """Return a message with its status, events, deliveries and their attempts."""
        story = store.history.story(message_id)
        if story is None:
            raise _unknown(message_id)
        return JSONResponse(story_json(story, context.waits()))


def _change(routes: APIRouter, context: ServerContext) -> None:
    store = context.store

    async def watch_table(request: Request) -> JSONResponse:
        content = await request.body()
        return JSONResponse(await run_in_threadpool(watch_csv, context, content))

    routes.add_api_route("", watch_table, methods=["POST"], include_in_schema=False, route_class_override=CsvRoute)

    @routes.post(
        "",
        response_model=Watched,
        responses=problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        openapi_extra={"requestBody": {"content": {CSV: {"schema": {"type": "string"}, "example": _TABLE}}}},
    )
    def watch_messages(handed: Handed) -> dict[str, list[int]]:
        """Watch messages from now on: one, or thousands. They are polled immediately; receivers stay as configured.

        With `Content-Type: text/csv`, a table of up to 100,000 messages and 5 MB. Its first line names the columns:
        `id`, and optionally `label`, `expected_at` and any `tags.NAME`. If a row is wrong, none of them is watched.
        """
        given = (handed,) if isinstance(handed, Watch) else handed.messages
        return watch(context, {each.id: each.details() for each in given})

    @routes.post("/unwatch", response_model=Unwatched, responses=problems())
    def unwatch_messages(chosen: ChosenMessages) -> dict[str, list[int]]:
        """Stop watching messages. Their history and queued deliveries are kept."""
        gone, listed = store.messages.unwatch(chosen.ids)
        rest = [id_ for id_ in chosen.ids if id_ not in {*gone, *listed}]
        return {"unwatched": gone, "listed_in_configuration": listed, "not_watched": rest}

    @routes.delete("/{message_id:int}", status_code=204, responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
    def unwatch_message(message_id: Id) -> Response:
        """Stop watching a message. Its history and queued deliveries are kept."""
        gone, listed = store.messages.unwatch([message_id])
        if listed:
            detail = f"the configuration lists {message_id} under `messages`: remove it there"
            raise HTTPException(HTTPStatus.CONFLICT, detail)
        if not gone and not store.search.messages(MessageQuery(ids=(message_id,)), most=1).items:
            raise _unknown(message_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.post(
        "/{message_id:int}/poll",
        status_code=202,
        response_model=PolledNow,
        responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    def poll_message(message_id: Id) -> JSONResponse:
        """Poll a message now, at most once a second."""
        if not store.messages.poll_now([message_id], context.now()):
            if not store.search.messages(MessageQuery(ids=(message_id,)), most=1).items:
                raise _unknown(message_id)
            detail = f"{message_id} is no longer polled: POST it to /v1/messages to watch it again"
            raise HTTPException(HTTPStatus.CONFLICT, detail)
        context.wake_poller()
        return JSONResponse({"polling": message_id}, HTTPStatus.ACCEPTED)


def _unknown(message_id: int) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"unknown message {message_id}: POST it to /v1/messages to watch it")
