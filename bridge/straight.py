"""The way straight to a host: nearly every call goes it.

It costs a fraction of what ``requests`` takes (docs/performance.md): the connections, which are kept open, are ours,
and :mod:`bridge.reading` reads the answers.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3.util.wait import wait_for_read

from bridge.reading import OddError, Reading
from bridge.timed import bound, left, read_again

if TYPE_CHECKING:
    import requests

    from bridge.tls import Trust
    from bridge.wire import Reply, Request


_PIECE = 64 * 1024


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
            bound(connection, deadline)
            connection.sendall(head + request.body)
            reply, left_open = _read(connection, request.limit, deadline)
        except BaseException:
            connection.close()
            raise
        if left_open and len(self._idle) < self._kept:
            self._idle.append(connection)
        else:
            connection.close()
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
            connection.settimeout(min(patience, left(deadline)))
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
                connection.settimeout(min(patience, left(deadline)))
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


def _receive(connection: socket.socket, deadline: float) -> bytes:
    bound(connection, deadline)
    return connection.recv(_PIECE)


def _read(connection: socket.socket, limit: int, deadline: float) -> tuple[Reply, bool]:
    """Read an answer, and tell whether another call may follow."""
    reading = Reading(limit)
    try:
        while not reading.feed(_receive(connection, deadline)):
            pass
    except OddError as odd:
        connection.settimeout(left(deadline))
        return read_again(odd, connection, limit), False
    return reading.reply, reading.leaves_open


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
