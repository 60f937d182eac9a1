"""A channel: one place that is called, each call bounded in time and size, its connections kept open.

``requests`` bounds the wait between two bytes, not the whole; it decodes bodies of any size, follows redirects and puts
the URL (which may be the secret) into its exceptions. A channel mends these four.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bridge.wire import BODY_LIMIT, Reply, Request, WireError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from _typeshed import WriteableBuffer


_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # http.client, of a header that can't be encoded; its text would hold the header
)

_ANSWER_LIMIT = 16 * BODY_LIMIT
"""How many bytes of an answer are taken from the wire, headers included. The body's own limit, :data:`BODY_LIMIT`,
does not hold for all that http.client reads: of a chunk of -1 bytes, it takes what comes until the connection ends."""


class Channel:
    """Calls one place, by POST unless told otherwise. Safe to use from several threads at once.

    Args:
        url: Where to; a call may add to it.
        timeout: The longest that one call may take as a whole. Connecting, the TLS handshake and sending may each take
            a third of it. (The resolver's own time comes on top: the system offers no bound for it.)
        connections: How many are kept open; more calls than that at once open more and close them again.
        headers: Sent with every call.
        method: How it is called.

    Proxies and the CA bundle come from the environment (``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``, …), read once.
    A ``.netrc`` is not read: it could replace a configured ``Authorization``.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: timedelta,
        connections: int = 1,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._where = _place(url)
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=connections)
        try:
            self._blank = requests.Request(method, url, headers=dict(headers or {}), data=b"").prepare()
        except (requests.RequestException, ValueError) as error:
            raise WireError(f"not an address that can be called ({type(error).__name__})") from None
        # Without it, servers compress, and a small answer could unpack to gigabytes.
        self._blank.headers["Accept-Encoding"] = "identity"
        with requests.Session() as session:
            settings = session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        self._proxies: Any = dict(settings["proxies"])
        self._verify: Any = settings["verify"]

    def send(self, request: Request, path: str = "") -> Reply:
        """Make one call to the channel's URL, ``path`` added to it, and return what came back, whatever its status.

        Raises:
            WireError: No whole answer came in time.
        """
        prepared = self._blank.copy()
        if path:
            prepared.url = f"{self._blank.url}{path}"
        prepared.headers.update(request.headers)
        prepared.headers["Content-Length"] = str(len(request.body))
        prepared.body = request.body
        third = self._timeout / 3
        try:
            response = self._adapter.send(
                prepared,
                stream=True,
                timeout=urllib3.Timeout(total=self._timeout, connect=third),  # type: ignore[arg-type]
                verify=self._verify,
                proxies=self._proxies,
            )
            return _read(response)
        except _FAILURES as error:
            raise WireError(_in_words(error, self._where, self._timeout)) from None

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()


def _read(response: requests.Response) -> Reply:
    """Read the body up to the limit. A connection that was read to its end goes back to the pool; else it is closed."""
    raw = response.raw
    body = bytearray()
    try:
        while len(body) <= BODY_LIMIT:
            piece = raw.read(BODY_LIMIT + 1 - len(body), decode_content=False)
            if not piece:
                raw.release_conn()
                break
            body += piece
    except ValueError as error:  # a chunk of less than -1 bytes
        raise http.client.HTTPException from error
    finally:
        raw.close()
    return Reply(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=bytes(body[:BODY_LIMIT]),
        cut=len(body) > BODY_LIMIT,
    )


def _place(url: str) -> str:
    """Name the host of a URL, and the port where it is not the usual one; never more, the rest may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname}{port}"
    except ValueError:
        return "the configured address"


_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), "the proxy on the way to {where} does not work"),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), "the name of {where} cannot be resolved"),
    ((ConnectionRefusedError,), "{where} refuses connections"),
    ((requests.exceptions.ConnectTimeout,), "no connection to {where} within {third:.3g} s"),
    (
        (TimeoutError, requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError),
        "no whole answer from {where} within {timeout:g} s",
    ),
    ((ssl.SSLError,), "TLS with {where} does not work"),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "{where} cut its answer in the middle"),
    ((ConnectionError, http.client.RemoteDisconnected), "{where} cut the connection"),
    ((http.client.HTTPException,), "{where} does not answer in HTTP"),
    ((ValueError,), "what is to be sent to {where} can't be written as HTTP: look at its headers"),
)
"""What to say of a failed call: the first row with a type that stands anywhere in the exception's chain."""


def _in_words(error: BaseException, where: str, timeout: float) -> str:
    """Say why a call failed, from the types in the exception's chain: their texts hold URLs."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the TLS certificate of {where} is not trusted: {link.verify_message}"
    for types, words in _WORDS:
        if any(isinstance(link, types) for link in chain):
            return words.format(where=where, timeout=timeout, third=timeout / 3)
    system = next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), None)
    return f"the call to {where} failed: {system or type(error).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk through what an exception wraps: ``requests`` and urllib3 put causes into ``args`` and ``reason``."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


class _Timed(io.RawIOBase):
    """Reads one answer from a socket, bounded as a whole in time and size; a socket's own timeout is for each read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._room = _ANSWER_LIMIT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        count = self._raw.readinto(buffer)
        self._room -= count or 0
        if self._room < 0:
            raise http.client.HTTPException("the answer does not end")
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Lines(io.BufferedReader):
    """Remembers the line that was read last: an empty one, without even its end, is the end of the connection."""

    last = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last = super().readline(size)
        return self.last


class _TimedResponse(http.client.HTTPResponse):
    """An answer whose status line, headers and body together must arrive by the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # urllib3 has just set the socket's timeout to what is left of the call's total.
        self.fp = self._lines = _Lines(_Timed(self.fp.detach(), sock))

    def begin(self) -> None:
        super().begin()
        if not self._lines.last:
            # http.client takes headers that were cut for whole ones, and a "200 OK" without its end for an answer.
            raise http.client.RemoteDisconnected("the headers are cut")
        lengths = ",".join(self.headers.get_all("content-length", [])).split(",")
        if len({length.strip() for length in lengths}) > 1:
            raise http.client.HTTPException("two lengths")  # urllib3 would refuse it too, but leave the socket open


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """An adapter whose connections are ours, direct or through a proxy. Retries are not its business."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
