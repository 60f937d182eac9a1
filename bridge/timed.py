"""An answer that is bounded as a whole in time and size, whatever its server does."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any

from bridge.wire import Reply

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from _typeshed import WriteableBuffer

_ANSWER_LIMIT = 8 * 1024 * 1024
"""How many bytes of an answer are taken from the wire, headers included. The limit of the body itself does not hold for
all that http.client reads: of a chunk of -1 bytes, it takes what comes until the connection ends."""

_PRECISION = 0.01
"""Seconds by which a call may outlast its time-out: setting a socket's is a call of the system's."""


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


class TimedResponse(http.client.HTTPResponse):
    """An answer whose status line, headers and body together must arrive by the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: float | None = None, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # Without a deadline: urllib3 has just set the socket's timeout to what is left of the call's total.
        self.fp = self._lines = _Lines(_Timed(self.fp.detach(), sock, deadline))

    def begin(self) -> None:
        """Read the status line and the headers, and see that they are whole."""
        super().begin()
        if not self._lines.last:
            # http.client takes headers that were cut for whole ones, and a "200 OK" without its end for an answer.
            raise http.client.RemoteDisconnected("the headers are cut")
        lengths = ",".join(self.headers.get_all("content-length", [])).split(",")
        if len({length.strip() for length in lengths}) > 1:
            raise http.client.HTTPException("two lengths")  # urllib3 would refuse it too, but leave the socket open


def reply(status: int, headers: Iterable[tuple[str, str]], body: bytearray, limit: int) -> Reply:
    """Make a reply of what was read: of the body one byte more than the limit, where it is longer."""
    return Reply(
        status=status,
        headers={name.lower(): value for name, value in headers},
        body=bytes(body[:limit]),
        cut=len(body) > limit,
    )
