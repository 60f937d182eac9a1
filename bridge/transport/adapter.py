"""The transport adapter: ``requests`` in front, libcurl behind it (:mod:`bridge.transport.engine`)."""

from __future__ import annotations

import io
import queue
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import pycurl
from requests import Response, exceptions
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from bridge.transport.curl_options import BASICS, header_lines, of_bundle, of_proxy, of_tls
from bridge.transport.engine import Engine, Transfer
from bridge.transport.errors import STOPPED_CALL, explain, place
from bridge.transport.message import BODY_LIMIT, read_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from bridge.domain.settings.tls import Tls
    from bridge.transport.bundle import Bundle
    from bridge.transport.proxies import Proxy

_CONNECTING = 1 / 3
_URL = re.compile(r"(https?://)(?:[^/?#]*@)?([^/?#][^#]*)(?:#.*)?", re.ASCII | re.IGNORECASE)


class Stopped(exceptions.ConnectionError):
    """The adapter was closed before an answer came."""


class Answer(Response):
    """An answer, read to its end or its limit: ``cut`` says that there was more.

    It never has cookies: a jar for each would cost a tenth of a call.
    """

    raw: io.BytesIO
    cut = False

    def __init__(self) -> None:
        self.__dict__.update(_BLANK)


_BLANK = vars(Response())


class CurlAdapter(BaseAdapter):
    """Sends prepared requests, by GET or POST. Safe to use from several threads at once.

    Args:
        timeout: The seconds that a call may take as a whole. A third of it is for connecting,
            once the name is resolved.
        connections: How many are kept open; more calls than that at once open more and close them again.
        tls: Whom to trust, and how to show who calls.
        bundle: Whom to trust where ``tls`` does not say.
        proxy: The proxy to go through.
    """

    def __init__(self, *, timeout: float, connections: int, tls: Tls, bundle: Bundle, proxy: Proxy | None) -> None:
        super().__init__()
        self._timeout = timeout
        self._bundle = bundle if tls.verify and tls.authorities is None else None
        self._proxy = proxy
        self._lines: tuple[object, list[bytes]] = None, []
        self._engine = Engine([*BASICS, *of_proxy(proxy), *of_tls(tls)], connections)

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, ...] | None = None,
        verify: object = True,
        cert: object = None,
        proxies: object = None,
    ) -> Answer:
        """Make a call and return its answer, read to its end or its limit.

        ``timeout`` is the seconds that this call may take; of several, the sum. Nothing is streamed, and for the other
        arguments, those count that the adapter was made with. Where the request has a ``limit``, that many bytes
        of the body are kept.

        Raises:
            requests.exceptions.RequestException: There is no whole answer. The text is for people, and holds no secret.
        """
        del stream, verify, cert, proxies
        answers: queue.SimpleQueue[Callable[[], Answer]] = queue.SimpleQueue()
        self.begin(request, answers.put, sum(filter(None, timeout)) if isinstance(timeout, tuple) else timeout)
        return answers.get()()

    def begin(
        self, request: PreparedRequest, done: Callable[[Callable[[], Answer]], None], timeout: float | None = None
    ) -> None:
        """Begin a call. ``done`` gets what returns the answer, or raises as :meth:`send` does, in the engine's thread.

        Raises:
            requests.exceptions.RequestException: It can't be sent.
        """
        seconds = timeout or self._timeout
        settings, limit = self._settings(request, seconds), getattr(request, "limit", BODY_LIMIT)
        transfer = Transfer(
            settings, seconds * _CONNECTING, limit, lambda it: done(partial(self._answer, request, it, seconds))
        )
        try:
            self._engine.begin(transfer)
        except RuntimeError:
            raise exceptions.ConnectionError("the system starts no more threads") from None

    def close(self) -> None:
        """End the calls in flight, and close the connections."""
        self._engine.close()

    def _answer(self, request: PreparedRequest, transfer: Transfer, timeout: float) -> Answer:
        url, cut = str(request.url), transfer.size > transfer.limit
        if transfer.failure is not None and not (cut and transfer.failure.code == pycurl.E_WRITE_ERROR):
            proxy = self._proxy.address if self._proxy else None
            name, words = explain(transfer.failure, url, proxy, timeout=timeout, patience=timeout * _CONNECTING)
            raise Stopped(words) if name == STOPPED_CALL else getattr(exceptions, name)(words)
        response = Answer()
        try:
            response.status_code, response.reason, response.headers, response.encoding = _read(tuple(transfer.head))
        except ValueError as error:
            raise exceptions.ConnectionError(f"{place(url)} {error}") from None
        if response.status_code == 407 and self._proxy is not None:  # noqa: PLR2004 -- only a proxy says so
            raise exceptions.ProxyError(f"the proxy on the way to {place(url)} wants another user and password")
        response.raw = io.BytesIO(b"".join(transfer.body)[: transfer.limit])
        response.url, response.request, response.cut = url, request, cut
        return response

    def _settings(self, request: PreparedRequest, timeout: float) -> list[tuple[int, Any]]:
        """List the options of one call."""
        url = str(request.url)
        found = _URL.fullmatch(url)
        if found is None or request.method not in {"GET", "POST"} or not url.isascii():
            raise exceptions.InvalidURL(f"{place(url)} is not an address that can be called")
        settings: list[tuple[int, Any]] = [
            (pycurl.URL, found[1] + found[2]),
            (pycurl.HTTPHEADER, self._written(request)),
            (pycurl.TIMEOUT_MS, max(1, round(timeout * 1000))),
            (pycurl.HTTPGET, 1) if request.method == "GET" else (pycurl.POSTFIELDS, request.body or b""),
        ]
        if self._bundle is not None and (found[1].lower() == "https://" or self._proxy is not None):
            settings += of_bundle(self._bundle)
        return settings

    def _written(self, request: PreparedRequest) -> list[bytes]:
        """Write a call's headers as libcurl takes them. Most calls have the very headers of the one before."""
        known, lines = self._lines
        if known is not request.headers:
            try:
                lines = header_lines(request.headers)
            except ValueError:
                where = place(str(request.url))
                raise exceptions.InvalidHeader(
                    f"what is to be sent to {where} can't be written as HTTP: look at its headers"
                ) from None
            self._lines = request.headers, lines
        return lines


@lru_cache(maxsize=16)
def _read(head: tuple[bytes, ...]) -> tuple[int, str, CaseInsensitiveDict[str], str | None]:
    """Read the header lines of an answer, and its encoding. Most are the very bytes of one before."""
    status, reason, headers = read_head(head)
    found = CaseInsensitiveDict(headers)
    return status, reason, found, get_encoding_from_headers(found)
