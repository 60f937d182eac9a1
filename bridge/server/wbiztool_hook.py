"""``POST /hooks/wbiztool``: the URL to give WbizTool as ``webhook``. What it names is polled now.

WbizTool can send no header, so that its token is in the URL: ``/hooks/wbiztool/TOKEN``, or ``?token=TOKEN``. Calls
are answered before anything is looked up. What came in the meantime is written together, so that a flood of calls is a
few transactions; and a message that is named again and again is polled once a second (:meth:`Messages.poll_now`).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.domain.errors import BridgeError
from bridge.server.api.params import problems
from bridge.server.api.schemas.messages import Noted
from bridge.server.auth import HOOK, Access, same
from bridge.server.context import ServerContext
from bridge.server.wbiztool_hook_ids import ids_in

GATHER = 0.05
"""Seconds for which calls are gathered, once one was written."""

LARGEST_CALL = 256 * 1024
"""In bytes."""

MOST_WAITING = 10_000
"""How many ids wait to be written; more are left to their usual polls."""

_Token = Annotated[str, Path(description="`http.hook_token` of the configuration.")]


class Hook:
    """Takes note of messages that are to be polled now."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._waiting: dict[int, None] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, ids: list[int]) -> None:
        """Let these be polled as soon as may be. Called on the server's loop only."""
        for id_ in ids[: MOST_WAITING - len(self._waiting)]:
            self._waiting[id_] = None
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            ids, self._waiting = list(self._waiting), {}
            try:
                await run_in_threadpool(self._poll_now, ids)
            except BridgeError as error:  # they are polled in their usual time
                self._context.step_failed("a call of WbizTool's webhook", error)
            await asyncio.sleep(GATHER)

    def _poll_now(self, ids: list[int]) -> None:
        now, messages = self._context.now(), self._context.store.messages
        due_now = set(messages.poll_now(ids, now))
        others = [id_ for id_ in ids if id_ not in due_now]
        new = messages.discover(others, now) if self._context.hook_watch and others else []
        if due_now or new:
            self._context.wake_poller()


def router(context: ServerContext, access: Access) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["hooks"])
    hook = Hook(context)

    async def called(request: Request, given: str | None) -> Response:
        _check(access, request, given)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_CALL:
                detail = f"the body is too large (allowed: up to {LARGEST_CALL} bytes)"
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, {"Connection": "close"})
        found = ids_in(request.url.query, body)
        hook.note(found)
        return JSONResponse({"noted": len(found)})

    refused = problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    @routes.post(HOOK, response_model=Noted, responses=refused)
    async def poll_named_messages(request: Request) -> Response:
        """Poll now what a call of WbizTool names, in whatever shape it names it. Nothing else in it is believed."""
        return await called(request, request.query_params.get("token"))

    @routes.post(f"{HOOK}/{{token}}", response_model=Noted, responses=refused)
    async def poll_named_messages_with_token(request: Request, token: _Token) -> Response:
        """Do the same, with `http.hook_token` in the path: what WbizTool can call from outside."""
        return await called(request, token)

    return routes


def _check(access: Access, request: Request, given: str | None) -> None:
    """Let in who shows a token; on this machine alone, where none is configured, whoever calls.

    Raises:
        HTTPException: It shows none that is right.
    """
    if access.shows_token(request.headers):
        return
    if access.hook_token is None:
        if access.by_others:
            raise HTTPException(HTTPStatus.FORBIDDEN, "set http.hook_token_file (or hook_token) for WbizTool's calls")
    elif given is None or not same(given, access.hook_token):
        raise HTTPException(HTTPStatus.FORBIDDEN, f"call {HOOK}/TOKEN, with http.hook_token of the configuration")
