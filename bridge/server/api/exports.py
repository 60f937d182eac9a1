"""``/v1/messages.csv`` and ``/v1/events.csv``: everything that is asked for, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from bridge.domain.errors import BridgeError
from bridge.server.api.params import ChosenEventQuery, ChosenMessageQuery, problems
from bridge.server.context import ServerContext
from bridge.server.csv_request import CSV

_Most = Annotated[int | None, Query(ge=1, le=2**53 - 1, description="Maximum number of rows. Default: all.")]
_Raw = Annotated[
    bool,
    Query(
        description="Write every cell as it is, for programs. By default, an apostrophe is put before what a "
        "spreadsheet would take for a formula: cells that begin with `=`, `+`, `-`, `@`, a tab or a carriage return."
    ),
]
_Local = Annotated[bool, Query(description="Write times in the configured time zone, with its offset. Default: UTC.")]
_Mark = Annotated[bool, Query(description="Begin with a byte order mark, without which Excel misreads UTF-8.")]
_TABLE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A table in UTF-8 (RFC 4180)", "content": {CSV: {"schema": {"type": "string"}}}},
}


def router(context: ServerContext) -> APIRouter:
    """Make the routes."""
    routes = APIRouter()
    export = context.store.export

    def zone(local: bool) -> tzinfo | None:
        return context.timezone() if local else None

    @routes.get("/messages.csv", tags=["messages"], responses={**_TABLE, **problems()}, response_class=Response)
    def export_messages(
        query: ChosenMessageQuery, limit: _Most = None, raw: _Raw = False, local: _Local = False, bom: _Mark = False
    ) -> Response:
        """Download messages as CSV, by their ids. The filters are those of `GET /v1/messages`.

        The table can be handed over again, here or to another bridge: what only the bridge finds out is not read.
        """
        return _table(context, "messages.csv", export.messages(query, limit, raw=raw, zone=zone(local)), bom=bom)

    @routes.get("/events.csv", tags=["events"], responses={**_TABLE, **problems()}, response_class=Response)
    def export_events(
        query: ChosenEventQuery, limit: _Most = None, raw: _Raw = False, local: _Local = False, bom: _Mark = False
    ) -> Response:
        """Download events as CSV, newest first. The filters are those of `GET /v1/events`."""
        return _table(context, "events.csv", export.events(query, limit, raw=raw, zone=zone(local)), bom=bom)

    return routes


def _table(context: ServerContext, name: str, pieces: Iterator[str], *, bom: bool) -> Response:
    first = next(pieces)  # what can't be read at all is a problem with its status
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"}
    written = _written(context, chain(["\ufeff"] if bom else [], [first], pieces))
    return StreamingResponse(written, media_type=f"{CSV}; charset=utf-8", headers=headers)


def _written(context: ServerContext, pieces: Iterator[str]) -> Iterator[bytes]:
    """Write pieces; where the database fails in the middle, cut the connection, so that nobody takes it for all."""
    try:
        for piece in pieces:
            yield piece.encode("utf-8", "replace")
    except BridgeError as error:
        context.step_failed("an export as CSV", error)
        raise ClientDisconnect from error
