"""A client: one place that is called over HTTP, each call bounded in time and size, its connections kept open."""

from __future__ import annotations

import os
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import requests

from bridge import __version__
from bridge.domain.errors import raise_again
from bridge.domain.settings.tls import Tls
from bridge.transport.adapter import Answer, CurlAdapter, Stopped
from bridge.transport.bundle import Bundle
from bridge.transport.message import Reply, Request, StoppedError, TransportError
from bridge.transport.proxies import proxy_for, read_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class _Call(requests.PreparedRequest):
    """A prepared request, made from one before, that says how many bytes of the answer are kept.

    Its headers are in a plain dictionary, their names in lower case: requests' own takes as long as all of libcurl.
    """

    def __init__(self, like: requests.PreparedRequest, **changed: Any) -> None:
        self.__dict__.update(like.__dict__, **changed)


class HttpClient:
    """Calls one place, by POST by default. Safe to use from several threads at once.

    Args:
        url: Where to; a call may add to it.
        timeout: The longest that one call may take as a whole, name resolution included. A third of it is for
            connecting.
        connections: How many are kept open; more calls than that at once open more and close them again.
        headers: Sent with every call.
        method: How it is called: POST or GET.
        tls: Whom to trust, and how to show who calls.
        proxy: The address of the proxy to go through; False for none.

    What is left out comes from the environment (``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``, …), read once. Redirects are
    not followed, cookies not kept, answers not unpacked, and no ``.netrc`` is read.

    Raises:
        TransportError: Nothing can be called by this address, or through this proxy.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: timedelta,
        connections: int = 1,
        headers: Mapping[str, str] = _NO_HEADERS,
        method: str = "POST",
        tls: Tls | None = None,
        proxy: str | Literal[False] | None = None,
    ) -> None:
        try:
            blank = requests.Request(method, url, headers=headers, auth=_credentials(url)).prepare()
            address = proxy_for(url, os.environ) if proxy is None else proxy
            through = read_proxy(address) if address else None
        except requests.RequestException as error:
            raise TransportError(f"not an address that can be called ({type(error).__name__})") from None
        except ValueError as error:
            raise TransportError(str(error)) from None
        blank.headers.pop("Content-Length", None)  # each call has its own
        self._blank = blank
        # Without the first, servers compress, and a small answer could unpack to gigabytes.
        own = {"accept-encoding": "identity", "user-agent": f"wbiztool-bridge/{__version__}"}
        self._headers = {**own, **_in_lower_case(blank.headers)}
        self._latest = _NO_HEADERS, self._headers
        self._adapter = CurlAdapter(
            timeout=timeout.total_seconds(),
            connections=connections,
            tls=tls or Tls(),
            bundle=Bundle(os.environ),
            proxy=through,
        )

    def send(self, request: Request, path: str = "") -> Reply:
        """Make one call to the client's URL, ``path`` added to it, and return what came back, whatever its status.

        Raises:
            TransportError: No whole answer came in time.
        """
        return _reply(partial(self._adapter.send, self._call(request, path)))

    def begin(self, request: Request, path: str, done: Callable[[Callable[[], Reply]], None]) -> None:
        """Begin a call. ``done`` gets what returns the reply, or raises as :meth:`send` does.

        It is called by the client's thread; at once where the call can't be sent.
        """
        try:
            self._adapter.begin(self._call(request, path), lambda answer: done(partial(_reply, answer)))
        except requests.RequestException as error:
            done(partial(raise_again, _ours(error)))

    def preview(self, request: Request) -> dict[str, Any]:
        """Show a call as it would be made, with its secrets: method, URL, headers, and the body as text."""
        call = self._call(request, request.path)
        return {
            "method": call.method,
            "url": call.url,
            "headers": {**call.headers, "content-length": str(len(request.body))},
            "body": request.body.decode("utf-8", "replace"),
        }

    def close(self) -> None:
        """End the calls in flight, which raise StoppedError, and close the connections."""
        self._adapter.close()

    def _call(self, request: Request, path: str) -> _Call:
        known, headers = self._latest
        if request.headers is not known:  # most calls have the same as the one before
            headers = {**self._headers, **_in_lower_case(request.headers)}
            self._latest = request.headers, headers
        url = f"{self._blank.url}{path}"
        return _Call(self._blank, url=url, headers=headers, body=request.body, limit=request.limit)


def _reply(answer: Callable[[], Answer]) -> Reply:
    try:
        response = answer()
    except requests.RequestException as error:
        raise _ours(error) from None
    return Reply(response.status_code, response.headers, response.raw.getvalue(), cut=response.cut)


def _ours(error: requests.RequestException) -> TransportError:
    return (StoppedError if isinstance(error, Stopped) else TransportError)(str(error))


def _in_lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _credentials(url: str) -> tuple[bytes, bytes] | None:
    """Take user and password out of a URL, in UTF-8 (RFC 7617)."""
    parts = urlsplit(url)
    if not parts.username and not parts.password:
        return None
    return unquote(parts.username or "").encode(), unquote(parts.password or "").encode()
