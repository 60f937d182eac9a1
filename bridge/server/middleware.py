"""What holds for every request and answer: how large a body may be, and what browsers may do with what they get."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from bridge.domain.spreadsheet.handover import LARGEST_CSV
from bridge.server.auth import ADD_FORM
from bridge.server.csv_request import is_csv
from bridge.server.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MESSAGES = "/v1/messages"
"""Where a list in CSV may be posted."""

LARGEST_BODY = 4 * 1024 * 1024
"""In bytes: ten thousand messages with a label and tags each."""

_READ_ANYWAY = 6 * 1024 * 1024
"""A body that is too large, but not larger than this, is read before it is refused: nginx, set up as docs/api.md says,
would answer 502 if the bridge hung up on it."""


_FOR_BROWSERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""What every answer says unless its handler says otherwise: a page needs another policy."""


class BodyLimit:
    """Refuses bodies that are too large, whether or not they say so beforehand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is small enough."""
        if scope["path"] == ADD_FORM:  # it bounds itself: a person is answered with a page
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = LARGEST_CSV if scope["path"] == MESSAGES and is_csv(headers) else LARGEST_BODY
        too_large = f"the body is too large (allowed: up to {most} bytes); send it in parts"
        close = {"Connection": "close"}  # or the server would read all of it, to find the next request
        promised = headers.get("content-length", "0")
        if not promised.isdigit() or int(promised) > most:  # the server has refused what is no number
            if promised.isdigit() and int(promised) <= _READ_ANYWAY:
                await _discard(receive)
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large, close)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large, close)
            return message

        await self._app(scope, counted, send)


async def _discard(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


class BrowserHeaders:
    """Tells browsers to be careful with whatever is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that are not set."""

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _FOR_BROWSERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, careful)
