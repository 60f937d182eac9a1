"""Answers that http.client reads, bounded as a whole in time and size, whatever their server does.

These are the ones that come through a proxy, and those that are odd (:mod:`bridge.reading`).
"""

from __future__ import annotations

import http.client
import io
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from bridge.reading import ANSWER_LIMIT, OddError
from bridge.wire import Reply

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from _typeshed import WriteableBuffer

_PRECISION = 0.01
"""Seconds by which a call may outlast its time-out: setting a socket's is a call of the system's."""


def left(deadline: float) -> float:
    """Tell how many seconds are left.

    Raises:
        TimeoutError: None are.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def bound(connection: socket.socket, deadline: float) -> None:
    """Let what is done next with a connection end by then.

    Raises:
        TimeoutError: It is later.
    """
    seconds = left(deadline)
    if abs((connection.gettimeout() or 0.0) - seconds) > _PRECISION:
        connection.settimeout(seconds)


class _Timed(io.RawIOBase):
    """Reads one answer from a socket, bounded as a whole in time and size; a socket's own timeout is for each read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        # Whoever reads has just set it to what is left of the call's total.
        timeout = sock.gettimeout()
        self._deadline = time.monotonic() + timeout if timeout else None
        # A limit of the body does not hold for all that http.client reads: of a chunk of -1 bytes, it takes what comes.
        self._room = ANSWER_LIMIT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._deadline is not None:
            bound(self._sock, self._deadline)
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


class TimedResponse(http.client.HTTPResponse):
    """An answer whose status line, headers and body together must arrive within the socket's timeout."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = self._lines = _Lines(_Timed(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the status line and the headers, and see that they are whole."""
        super().begin()
        if not self._lines.last:
            # http.client takes headers that were cut for whole ones, and a "200 OK" without its end for an answer.
            raise http.client.RemoteDisconnected("the headers are cut")
        lengths = ",".join(self.headers.get_all("content-length", [])).split(",")
        if len({length.strip() for length in lengths}) > 1:
            raise http.client.HTTPException("two lengths")  # urllib3 would refuse it too, but leave the socket open


def read_reply(status: int, headers: Iterable[tuple[str, str]], read: Callable[[int], bytes], limit: int) -> Reply:
    """Read a body up to its end, or one byte more than is kept of it.

    Raises:
        http.client.HTTPException: This is no HTTP, or not the whole body.
    """
    body = bytearray()
    try:
        while len(body) <= limit and (piece := read(limit + 1 - len(body))):
            body += piece
    except ValueError as error:  # a chunk of less than -1 bytes
        raise http.client.HTTPException from error
    named = {name.lower(): value for name, value in headers}
    return Reply(status, named, bytes(body[:limit]), cut=len(body) > limit)


def read_again(odd: OddError, connection: socket.socket, limit: int) -> Reply:
    """Read an answer of which some was taken from its connection already. Nothing may follow on that connection.

    Args:
        odd: What was taken.
        connection: Its timeout is what is left of the call's total.
        limit: How many bytes of the body are kept.

    Raises:
        http.client.HTTPException: This is no HTTP, does not end, or the connection ended before it did.
        TimeoutError: It does not come in time.
    """
    with closing(TimedResponse(cast("socket.socket", _Again(odd, connection)))) as response:
        response.begin()
        reply = read_reply(response.status, response.headers.items(), response.read, limit)
        if not reply.cut and response.length:
            raise http.client.IncompleteRead(reply.body, response.length)
        return reply


class _Again(io.RawIOBase):
    """A connection with what was taken from it put back: as much of a socket as an answer needs."""

    def __init__(self, odd: OddError, connection: socket.socket) -> None:
        super().__init__()
        self._taken = io.BytesIO(odd.taken)
        self._ended = odd.ended
        self._connection = connection
        self.gettimeout = connection.gettimeout
        self.settimeout = connection.settimeout

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        count = self._taken.readinto(buffer)
        return count if count or self._ended else self._connection.recv_into(buffer)
