"""Who may ask for what: the token, cross-site requests, and the path under which a reverse proxy serves the bridge."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from bridge.domain.settings.listen_address import is_loopback
from bridge.server.problems import problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bridge.domain.settings.external_url import External

OPEN = frozenset({"/healthz", "/readyz"})
"""What needs no token: probes, which say nothing but that the process lives, and that it can serve."""

HOOK = "/hooks/wbiztool"
"""What WbizTool calls, which can send no header; it has a token of its own, in its URL
(:mod:`bridge.server.wbiztool_hook`)."""

RETRY_FORM = "/deliveries/retry"
MUTE_FORM = "/receivers/mute"
ACKNOWLEDGE_FORM = "/incidents/acknowledge"
ADD_FORM = "/messages/add"
REMOVE_FORM = "/messages/remove"
POLL_FORM = "/messages/poll"
TEST_FORM = "/receivers/test"
_FORMS = frozenset({RETRY_FORM, MUTE_FORM, ACKNOWLEDGE_FORM, ADD_FORM, REMOVE_FORM, POLL_FORM, TEST_FORM})
"""Where pages send their forms, with the token in them: a form can send no header (:mod:`bridge.server.ui.forms`)."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


_ASK = "send the header Authorization: Bearer TOKEN, with the token of the configuration (http.token)"
_ASK_PERSON = 'Basic realm="WbizTool bridge: any user name, and the token as password", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is reached, and what it asks for there.

    ``trusted`` is a server that only root and the bridge's own user can reach: nobody needs a token there.

    ``listen_host`` is the host that it listens at, ``external`` where a reverse proxy answers for it. Where others than
    programs of this machine can ask, by either, everything but :data:`OPEN` needs the token; else only what changes
    something does.
    """

    listen_host: str = "127.0.0.1"
    token: str | None = None
    external: External | None = None
    hook_token: str | None = None
    trusted: bool = False

    @property
    def by_others(self) -> bool:
        """Whether others than programs of this machine can ask."""
        return self.external is not None or not is_loopback(self.listen_host)

    def needs_token(self, method: str, path: str) -> bool:
        """Tell whether a request has to show the token."""
        if path == HOOK or path.startswith(f"{HOOK}/") or (method == "POST" and path in _FORMS):
            return False
        if self.trusted:
            return False
        return path not in OPEN and (self.by_others or method not in READING)

    def shows_token(self, headers: Headers, method: str = "POST") -> bool:
        """Tell whether a request shows the token: as a bearer, or to read, as a browser's password.

        A browser adds a password by itself, to what another site's page asks, too: it must change nothing.
        """
        scheme, _, given = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                shown = given.strip()
            case "basic" if method in READING:
                shown = _password(given.strip())
            case _:
                return False
        return self.token is not None and same(shown, self.token)

    def takes_form(self, token: str) -> bool:
        """Tell whether a form with that token in it may change something."""
        return self.trusted or (self.token is not None and same(token.strip(), self.token))

    def is_own_page(self, headers: Headers) -> bool:
        """Tell whether a request comes from no page, as those of programs do, or from one of this server's own."""
        if headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
            return False
        origin = headers.get("origin")
        if origin is None or (self.external is not None and origin == self.external.origin):
            return True
        try:
            return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
        except ValueError:
            return False

    def link(self, path: str) -> str:
        """Name something of the bridge's for whoever asked."""
        return path if self.external is None else f"{self.external}{path}"


def same(given: str, token: str) -> bool:
    """Compare in constant time: how long a refusal takes must not tell how much of a guess was right."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode())


def refuse_without_token(access: Access, scope: Scope) -> Response | None:
    """Refuse a request that needs the token and does not show it."""
    if not access.needs_token(scope["method"], scope["path"]):
        return None
    if access.token is None:
        detail = (
            "what changes something needs a token, and none is configured: set http.token_file (or token); "
            "`openssl rand -hex 32` makes one"
        )
        return problem(HTTPStatus.FORBIDDEN, detail)
    headers = Headers(scope=scope)
    if access.shows_token(headers, scope["method"]):
        return None
    asked = {"WWW-Authenticate": _ASK_PERSON if is_browser(scope["method"], headers) else "Bearer"}
    return problem(HTTPStatus.UNAUTHORIZED, _ASK, asked)


def refuse_other_sites(access: Access, scope: Scope) -> Response | None:
    """Refuse what another site's page asks for: to change something, or for a stream, of which there are few.

    What it may read of the rest, browsers withhold from it: no answer permits it (CORS).
    """
    headers = Headers(scope=scope)
    guarded = scope["method"] not in READING or asks_for_stream(scope["path"], headers)
    if not guarded or access.is_own_page(headers):
        return None
    return problem(
        HTTPStatus.FORBIDDEN, "a page of another site asks (Origin); behind a reverse proxy, set http.external_url"
    )


class Prefix:
    """Takes the path off under which a reverse proxy serves the bridge, where the proxy has left it on.

    Args:
        app: What is asked.
        prefix: That path: ``/wa``.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as if it had been made to the bridge itself."""
        if scope["path"] == self._prefix and scope["method"] in READING:
            # The page's links are relative: they need the slash.
            await RedirectResponse(f"{self._prefix}/", HTTPStatus.PERMANENT_REDIRECT)(scope, receive, send)
            return
        if f"{scope['path']}/".startswith(f"{self._prefix}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._prefix) or "/"}
        await self._app(scope, receive, send)


def is_browser(method: str, headers: Headers) -> bool:
    """Tell whether somebody opens a page."""
    return method in READING and "text/html" in headers.get("accept", "").lower()


def _password(given: str) -> str:
    """Read the password of HTTP's basic scheme; empty where there is none."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def asks_for_stream(path: str, headers: Headers) -> bool:
    """Tell whether events are asked for as a stream."""
    return path == "/v1/events/stream" or (
        path == "/v1/events" and "text/event-stream" in headers.get("accept", "").lower()
    )
