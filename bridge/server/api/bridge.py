"""``/v1/status``, ``/v1/receivers`` and ``/v1/backup``: the bridge as a whole."""

from __future__ import annotations

import os
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from bridge.domain.event_parser import read_event
from bridge.domain.json_views import muted_json, unmuted_json
from bridge.domain.mute import Mute
from bridge.domain.redaction import clean_line
from bridge.domain.samples import sample_event
from bridge.domain.suggest import unknown_receiver
from bridge.server.api.params import problems
from bridge.server.api.schemas.bridge import (
    MutedOut,
    MuteIn,
    PreviewIn,
    PreviewOut,
    StatusOut,
    TestIn,
    TestOut,
    TimezoneOut,
    UnmutedOut,
)
from bridge.server.context import ServerContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import BinaryIO

    from bridge.domain.model import Event

_PIECE = 1024 * 1024
_Name = Annotated[str, Path(max_length=64, description="The receiver's name in the configuration.")]
_ANY = TestIn()
_SQLITE = "application/vnd.sqlite3"
_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "A SQLite database", "content": {_SQLITE: {}}}}


def router(context: ServerContext) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["bridge"])

    @routes.get("/status", response_model=StatusOut, responses=problems())
    def get_status() -> JSONResponse:
        """Return the bridge's status: the checks of `/health`, and all counts. Slower with a larger history."""
        return JSONResponse(dict(context.status()))

    @routes.get("/timezone", response_model=TimezoneOut, responses=problems())
    def get_timezone() -> JSONResponse:
        """Return the configured time zone, in which commands read and show times. The API itself uses UTC."""
        return JSONResponse({"timezone": context.timezone_name()})

    @routes.post("/receivers/{name}/test", response_model=TestOut, responses=problems(HTTPStatus.NOT_FOUND))
    def test_receiver(name: _Name, wanted: TestIn = _ANY) -> JSONResponse:
        """Send a test event to a receiver immediately and return its response."""
        made = context.try_receiver(name, wanted.type)
        if made is None:
            raise _no_receiver(context, name)
        return JSONResponse(made)

    @routes.post("/receivers/{name}/preview", response_model=PreviewOut, responses=problems(HTTPStatus.NOT_FOUND))
    def preview_event(name: _Name, wanted: PreviewIn) -> JSONResponse:
        """Show what a receiver would be sent for an event, with signature but without secrets. Nothing is sent."""
        found = context.preview(name, _event(context, wanted))
        if found is None:
            raise _no_receiver(context, name)
        return JSONResponse(found)

    @routes.post("/backup", response_class=StreamingResponse, responses={**_FILE, **problems()})
    def back_up() -> StreamingResponse:
        """Download a consistent, checked copy of the SQLite database. For PostgreSQL, use its own tools."""
        copy = context.store.open_backup()
        size = os.fstat(copy.fileno()).st_size
        headers = {"Content-Length": str(size), "Content-Disposition": 'attachment; filename="bridge.db"'}
        return StreamingResponse(_pieces(copy), media_type=_SQLITE, headers=headers)

    _muting(routes, context)
    return routes


def _muting(routes: APIRouter, context: ServerContext) -> None:
    @routes.post(
        "/receivers/{name}/mute", response_model=MutedOut, responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    )
    def mute_receiver(name: _Name, wanted: MuteIn) -> JSONResponse:
        """Mute a receiver. What happens meanwhile is held and sent at the end, or, with `drop`, never sent.

        A mute that it has is replaced. `receiver.down`, `receiver.up` and tests are sent anyway.
        """
        if name not in context.receivers():
            raise _no_receiver(context, name)
        now = context.now()
        try:
            end = wanted.end(now)
        except ValueError as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
        made = mute(context, Mute(name, now, end, wanted.reason, wanted.by, wanted.drop))
        return JSONResponse(muted_json(made, context.quiet_until(name, end)))

    @routes.delete("/receivers/{name}/mute", response_model=UnmutedOut, responses=problems(HTTPStatus.NOT_FOUND))
    def unmute_receiver(name: _Name) -> JSONResponse:
        """End a receiver's mute, if it has one: what was held is sent now, or at the end of its quiet hours."""
        now = context.now()
        ended, held = unmute(context, name, now)
        configured = name in context.receivers()
        if ended is None and not configured:
            raise _no_receiver(context, name)
        return JSONResponse(unmuted_json(ended, held, context.quiet_until(name, now), configured=configured))


def mute(context: ServerContext, wanted: Mute) -> Mute:
    """Mute a receiver for the API and the page. Returns the mute, with its texts on one line each."""
    made = replace(wanted, reason=clean_line(wanted.reason or ""), by=clean_line(wanted.by or ""))
    context.store.mutes.mute(made, context.quiet_until(made.receiver, made.until))
    context.wake_dispatchers()
    return made


def unmute(context: ServerContext, name: str, now: datetime) -> tuple[Mute | None, int]:
    """End a mute for the API and the page. Returns it, None if there is none, and how many deliveries it held."""
    ended = context.store.mutes.unmute(name, now, context.quiet_until(name, now))
    held = 0 if ended is None else context.store.mutes.waiting(name)  # before any of it is sent
    context.wake_dispatchers()
    return ended, held


def _event(context: ServerContext, wanted: PreviewIn) -> Event:
    if "type" in wanted.model_fields_set:
        return sample_event(context.now(), wanted.type)
    if "event" in wanted.model_fields_set:
        return read_event(wanted.event.model_dump_json(exclude_unset=True), context.now())
    happened = context.store.history.event(wanted.event_id)
    if happened is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"unknown or expired event {wanted.event_id}")
    return happened


def _no_receiver(context: ServerContext, name: str) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, unknown_receiver(name, context.receivers()))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
