"""The way straight to a host: nearly every call goes it.

It costs a third of what ``requests`` takes (docs/performance.md): http.client reads the answers, and the connections,
which are kept open, are ours.
"""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3.util.wait import wait_for_read

from bridge.timed import TimedResponse, reply

if TYPE_CHECKING:
    import requests

    from bridge.tls import Trust
    from bridge.wire import Reply, Request


class NoConnectionError(TimeoutError):
    """No address of the host took a connection in time."""


class Straight:
    """Goes to the host itself.

    Args:
        blank: What every call has: its method, address and headers.
        trust: What TLS is spoken with.
        kept: The most connections that are kept open.
    """

    def __init__(self, blank: requests.PreparedRequest, trust: Trust, kept: int) -> None:
        url = urlsplit(str(blank.url))
        self._tls = url.scheme == "https"
        self._host, self._port = url.hostname or "", url.port or (443 if self._tls else 80)
        self._method, self._target = blank.method, blank.path_url
        own = {"Host": url.netloc.rpartition("@")[2], **{name: _text(value) for name, value in blank.headers.items()}}
        self._headers = {name.lower(): f"{name}: {value}" for name, value in own.items()}
        self._trust = trust
        self._kept = kept
        self._idle: list[socket.socket] = []

    def send(self, request: Request, path: str, timeout: float) -> Reply:
        """Make one call, over a connection that was kept, if there is one that still stands."""
        head = self._head(request, path)
        deadline = time.monotonic() + timeout
        connection = self._take() or self._connect(timeout / 3, deadline)
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(head + request.body)
            with closing(TimedResponse(connection, method=self._method, deadline=deadline)) as response:
                response.begin()
                answer = _read_all(response, request.limit)
                ended = response.isclosed()  # all of it was read: what comes next belongs to the next call
        except BaseException:
            connection.close()
            raise
        if response.will_close or not ended or len(self._idle) >= self._kept:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

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
            return self._trust.context().wrap_socket(connection, server_hostname=self._host)
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


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _read_all(response: http.client.HTTPResponse, limit: int) -> Reply:
    """Read the body up to the limit."""
    body = bytearray()
    try:
        while len(body) <= limit and (piece := response.read(limit + 1 - len(body))):
            body += piece
    except ValueError as error:  # a chunk of less than -1 bytes
        raise http.client.HTTPException from error
    if len(body) <= limit and response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return reply(response.status, response.headers.items(), body, limit)
