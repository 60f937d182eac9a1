"""What comes before every request: whom it is for, and that no fault of ours leaks out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from bridge.domain.errors import place_of
from bridge.domain.settings.listen_address import is_loopback
from bridge.server.auth import OPEN
from bridge.server.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from bridge.server.auth import Access

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


def _host(given: str) -> str | None:
    """Take the host out of ``Host``, without port and brackets; None where it is none."""
    try:
        parts = urlsplit(f"//{given}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts.hostname if parts.netloc == given and "@" not in given else None
