"""What stands before every request: whom it is for, whether it may, and that no fault of ours leaks out."""

from __future__ import annotations

import hmac
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers

from bridge.config.listen import is_loopback
from bridge.http.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = frozenset({"/healthz"})
"""What needs no token: it says nothing but that the process lives."""

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- to be recognised, not to be listened at


class HostGuard:
    """Answers only requests that name this server in ``Host``.

    Else a page from anywhere could let its own name resolve to this machine (DNS rebinding), and the browser would let
    its scripts read what they get from here.

    Args:
        app: What is guarded.
        listen_host: The host that the server listens at. Where it is every address of this machine, the names for it
            are many, and what protects is the token, which that requires.
    """

    def __init__(self, app: ASGIApp, listen_host: str) -> None:
        self._app = app
        self._listen_host = listen_host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request for another host."""
        if scope["type"] == "http":
            given = Headers(scope=scope).getlist("host")
            host = _host(given[0]) if len(given) == 1 else None
            if host is None:
                await problem(HTTPStatus.BAD_REQUEST, "one header Host is needed")(scope, receive, send)
                return
            if not self._is_ours(host):
                detail = f"the header Host names another server: ask for localhost or {self._listen_host}"
                await problem(HTTPStatus.MISDIRECTED_REQUEST, detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        return self._listen_host in {host, *_EVERY_ADDRESS} or is_loopback(host)


class TokenGuard:
    """Asks for the bearer token.

    Args:
        app: What is guarded.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request without the token."""
        if scope["type"] == "http" and scope["path"] not in OPEN and not self._is_shown(Headers(scope=scope)):
            detail = "send the header Authorization: Bearer TOKEN, with the token of the configuration (http.token)"
            await problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_shown(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # In constant time: how long a refusal takes must not tell how much of a guess was right.
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._token)


class FaultGuard:
    """Answers 500 for what a handler raises, and logs it without the values that a traceback shows.

    Args:
        app: What is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let nothing through that is raised."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 -- whatever a handler raises
            self._log.error(
                "http fault", path=scope.get("path"), why=str(error), fault=type(error).__name__, at=_at(error)
            )
            if started:
                return  # the server sees an answer that is not whole, and cuts the connection
            detail = "a fault of the bridge; its log says more"
            await problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)(scope, receive, send)


def _host(given: str) -> str | None:
    """Take the host out of ``Host``, without port and brackets; None where it is none."""
    try:
        parts = urlsplit(f"//{given}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts.hostname if parts.netloc == given and "@" not in given else None


def _at(error: Exception) -> str:
    """Say where an exception comes from, the innermost place last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-5:])
