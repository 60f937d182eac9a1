"""Forms that a page posts: they are read, the token in them is checked, and a page follows that a reload gets again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 -- FastAPI reads it

from bridge.domain.errors import BridgeError
from bridge.server.ui.flash import Notice
from bridge.server.ui.form_fields import Form

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from bridge.server.auth import Access
    from bridge.server.ui.flash import Flashes

_LARGEST_FORM = 16 * 1024
_MOST_FIELDS = 100  # a page of a list has fifty boxes to tick


Act: TypeAlias = "Callable[[Form], Notice]"
"""Does what a form asks for. Returns what came of it."""


async def read_form(request: Request) -> Form:
    """Read a form that was posted; of one that is too large, or none, nothing."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return Form({})
    try:
        return Form(parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Form({})


class Forms:
    """Makes the routes to which forms are sent.

    Args:
        access: Has the token that each form must hold.
        flashes: Remembers what became of them.
        broken: Answers where the database can't be used.
    """

    def __init__(self, access: Access, flashes: Flashes, broken: Callable[[Request, BridgeError], Response]) -> None:
        self.router = APIRouter(include_in_schema=False)
        self._access, self._flashes, self._broken = access, flashes, broken

    def on(self, path: str, act: Act, back: Callable[[Form], str], refused: str) -> None:
        """Add a route for a form.

        Args:
            path: Where the form is sent: two steps from the first page.
            act: Does it.
            back: Returns the address of the page that follows, from the first page.
            refused: What was not done where the token is not the bridge's: ``Nothing was changed``.
        """

        @self.router.post(path)
        async def take(request: Request) -> Response:
            form = await read_form(request)
            notice = Notice("bad", f"{refused}: that is not the bridge's token.")
            if self._access.takes_form(form.get("token")):
                try:
                    notice = await run_in_threadpool(act, form)
                except BridgeError as error:
                    return self._broken(request, error)
            return RedirectResponse(f"../{self._flashes.keep(back(form), notice, form)}", HTTPStatus.SEE_OTHER)
