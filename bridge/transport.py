"""The two ways of a channel: straight to the host, or through a proxy. Each bounds a call in time and size.

Straight is what nearly every call is. It costs a third of what ``requests`` takes (docs/performance.md): http.client
reads the answers, and the connections, which are kept open, are ours. Proxies are left to ``requests``, which knows all
their kinds.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.wait import wait_for_read

from bridge.wire import BODY_LIMIT, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import requests
    from _typeshed import WriteableBuffer

_ANSWER_LIMIT = 16 * BODY_LIMIT
"""How many bytes of an answer are taken from the wire, headers included. The body's own limit, :data:`BODY_LIMIT`,
does not hold for all that http.client reads: of a chunk of -1 bytes, it takes what comes until the connection ends."""

_PRECISION = 0.01
"""Seconds by which a call may outlast its time-out: setting a socket's is a call of the system's."""


class NoConnectionError(TimeoutError):
    """No address of the host took a connection in time."""


class Way(Protocol):
    """Leads to one place."""

    def send(self, request: Request, path: str, timeout: float) -> Reply:
        """Make one call, ``path`` added to the place's own, that may take ``timeout`` seconds as a whole."""
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...


class Straight:
    """Goes to the host itself.

    Args:
        blank: What every call has: its method, address and headers.
        verify: The file or folder of certificates to trust, or True for those that ``requests`` brings.
        kept: The most connections that are kept open.
    """

    def __init__(self, blank: requests.PreparedRequest, verify: str | bool | None, kept: int) -> None:
        url = urlsplit(str(blank.url))
        self._tls = url.scheme == "https"
        self._host, self._port = url.hostname or "", url.port or (443 if self._tls else 80)
        self._method, self._target = blank.method, blank.path_url
        own = {"Host": url.netloc.rpartition("@")[2], **{name: _text(value) for name, value in blank.headers.items()}}
        self._headers = {name.lower(): f"{name}: {value}" for name, value in own.items()}
        self._verify = verify
        self._kept = kept
        self._idle: list[socket.socket] = []
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def send(self, request: Request, path: str, timeout: float) -> Reply:
        """Make one call, over a connection that was kept, if there is one that still stands."""
        head = self._head(request, path)
        deadline = time.monotonic() + timeout
        connection = self._take() or self._connect(timeout / 3, deadline)
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(head + request.body)
            with closing(_TimedResponse(connection, method=self._method, deadline=deadline)) as response:
                response.begin()
                reply = _read_all(response)
                ended = response.isclosed()  # all of it was read: what comes next belongs to the next call
        except BaseException:
            connection.close()
            raise
        if response.will_close or not ended or len(self._idle) >= self._kept:
            connection.close()
        else:
            self._idle.append(connection)
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        self._kept = 0  # what is in flight is closed when it comes back
        while (connection := self._pop()) is not None:
            connection.close()

    def _head(self, request: Request, path: str) -> bytes:
        headers = {**self._headers, **{name.lower(): f"{name}: {value}" for name, value in request.headers.items()}}
        headers["content-length"] = f"Content-Length: {len(request.body)}"
        lines = [f"{self._method} {self._target}{path} HTTP/1.1", *headers.values()]
        head = "\r\n".join(lines).encode("latin-1")
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
            raise ValueError("a header of more than one line")
        return head + b"\r\n\r\n"

    def _take(self) -> socket.socket | None:
        while (connection := self._pop()) is not None:
            # What can be read before anything was asked for is the connection's end, or no HTTP.
            if not wait_for_read(connection, timeout=0):
                return connection
            connection.close()
        return None

    def _pop(self) -> socket.socket | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self, patience: float, deadline: float) -> socket.socket:
        connection = self._reach(patience, deadline)
        if not self._tls:
            return connection
        try:
            connection.settimeout(min(patience, _left(deadline)))
            return self._trusting().wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise

    def _reach(self, patience: float, deadline: float) -> socket.socket:
        """Connect to the first of the host's addresses that answers; each gets ``patience``, all together the rest."""
        failure: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(min(patience, _left(deadline)))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except TimeoutError:
                connection.close()
                failure = NoConnectionError()
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure

    def _trusting(self) -> ssl.SSLContext:
        with self._lock:  # reading the certificates takes a while: once, and only where they are needed
            if self._context is None:
                where = Path(DEFAULT_CA_BUNDLE_PATH if self._verify in {None, True} else str(self._verify))
                folder = where.is_dir()
                context = ssl.create_default_context(cafile=None if folder else where, capath=where if folder else None)
                context.set_alpn_protocols(["http/1.1"])
                self._context = context
            return self._context


class Proxied:
    """Goes through the proxy that the environment names, by an adapter of ``requests``.

    Args:
        blank: What every call has: its method, address and headers.
        settings: What ``requests`` makes of the environment: the proxies, and the certificates to trust.
        kept: The most connections that are kept open.
    """

    def __init__(self, blank: requests.PreparedRequest, settings: Mapping[str, Any], kept: int) -> None:
        self._blank = blank
        self._proxies: Any = dict(settings["proxies"])
        self._verify: Any = settings["verify"]
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=kept)

    def send(self, request: Request, path: str, timeout: float) -> Reply:
        """Make one call."""
        prepared = self._blank.copy()
        if path:
            prepared.url = f"{self._blank.url}{path}"
        prepared.headers.update(request.headers)
        prepared.headers["Content-Length"] = str(len(request.body))
        prepared.body = request.body
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=urllib3.Timeout(total=timeout, connect=timeout / 3),  # type: ignore[arg-type]
            verify=self._verify,
            proxies=self._proxies,
        )
        return _read(response)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _read_all(response: http.client.HTTPResponse) -> Reply:
    """Read the body up to the limit."""
    body = bytearray()
    try:
        while len(body) <= BODY_LIMIT and (piece := response.read(BODY_LIMIT + 1 - len(body))):
            body += piece
    except ValueError as error:  # a chunk of less than -1 bytes
        raise http.client.HTTPException from error
    if len(body) <= BODY_LIMIT and response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return _reply(response.status, response.headers.items(), body)


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
    return _reply(response.status_code, response.headers.items(), body)


def _reply(status: int, headers: Iterable[tuple[str, str]], body: bytearray) -> Reply:
    return Reply(
        status=status,
        headers={name.lower(): value for name, value in headers},
        body=bytes(body[:BODY_LIMIT]),
        cut=len(body) > BODY_LIMIT,
    )


class _Timed(io.RawIOBase):
    """Reads one answer from a socket, bounded as a whole in time and size; a socket's own timeout is for each read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float | None) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = time.monotonic() + self._timeout if deadline is None and self._timeout else deadline
        self._room = _ANSWER_LIMIT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if self._timeout is None or self._timeout - left > _PRECISION:
                self._sock.settimeout(left)
                self._timeout = left
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

    def __init__(self, sock: socket.socket, *args: Any, deadline: float | None = None, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # Without a deadline: urllib3 has just set the socket's timeout to what is left of the call's total.
        self.fp = self._lines = _Lines(_Timed(self.fp.detach(), sock, deadline))

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
