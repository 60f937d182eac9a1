"""What holds for every request and answer.

Whom a request is for, how large its body may be, that no fault of ours leaks out, and what browsers may do with what
they get.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bridge.domain.errors import place_of
from bridge.domain.settings.listen_address import is_loopback
from bridge.domain.spreadsheet.handover import LARGEST_CSV
from bridge.server.auth import ADD_FORM, OPEN
from bridge.server.csv_request import is_csv
from bridge.server.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from bridge.server.auth import Access

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

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- to be recognised, not to be listened at

CLIENT_WENT = 499
"""What nginx calls a request whose client went before it was answered. Nobody gets it as an answer."""


class Guard:
    """Answers what is refused, and passes the rest on.

    Args:
        app: What is guarded.
        refuse: Returns the refusal of a request; None where it may pass.
    """

    def __init__(self, app: ASGIApp, refuse: Callable[[Scope], Response | None]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        await (self._refuse(scope) or self._app)(scope, receive, send)


def refuse_other_hosts(access: Access, scope: Scope) -> Response | None:
    """Refuse a request that names another server in ``Host``.

    Else a page from anywhere could let its own name resolve to this machine (DNS rebinding), and the browser would let
    its scripts read what they get from here.

    A request without ``Host`` is answered: no browser sends one, and probes do (haproxy's ``httpchk``, in HTTP/1.0; the
    server itself refuses such a request in HTTP/1.1). What is open to everybody is answered whatever ``Host`` says.
    Where the server listens at every address of this machine, the names for it are many, and what protects is the
    token, which that requires.
    """
    given = Headers(scope=scope).getlist("host")
    if not given or scope["path"] in OPEN:
        return None
    host = _host(given[0]) if len(given) == 1 else None
    if host is None:
        return problem(HTTPStatus.BAD_REQUEST, "the header Host is not the name of one host")
    ours, external = access.listen_host.lower(), access.external
    if ours in {host, *_EVERY_ADDRESS} or is_loopback(host) or (external is not None and host == external.host):
        return None
    detail = f"the header Host names another server: ask for localhost or {ours}"
    return problem(HTTPStatus.MISDIRECTED_REQUEST, detail)


class FaultGuard:
    """Counts answers, and answers 500 for what is raised, which it logs without the values that a traceback shows.

    A client that goes, or breaks off its request, is no fault of ours: that is counted, and no line of the log.

    Args:
        app: What is guarded.
        answered: Called with the status of each answer; 499 where the client went before there was one.
        failed: Called with a fault of our own.
    """

    def __init__(
        self, app: ASGIApp, answered: Callable[[int], None], failed: Callable[[str, BaseException], None]
    ) -> None:
        self._app = app
        self._answered = answered
        self._failed = failed
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let nothing through that is raised."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._answered(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            if not started:
                self._answered(CLIENT_WENT)
        except Exception as error:  # noqa: BLE001 -- whatever a handler raises
            self._failed("http request", error)
            self._log.error(
                "http_internal_error",
                path=scope.get("path"),
                why=str(error),
                fault=type(error).__name__,
                at=place_of(error),
            )
            if started:
                return  # the server sees an answer that is not whole, and cuts the connection
            detail = "a fault of the bridge; its log says more"
            await problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)(scope, receive, watched)


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


def _host(given: str) -> str | None:
    """Take the host out of ``Host``, without port and brackets; None where it is none."""
    try:
        parts = urlsplit(f"//{given}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts.hostname if parts.netloc == given and "@" not in given else None
