"""An answer that urllib3 reads, bounded as a whole in time and size, whatever its server does."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any

from bridge.reading import ANSWER_LIMIT

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

_PRECISION = 0.01
"""Seconds by which a call may outlast its time-out: setting a socket's is a call of the system's."""


class _Timed(io.RawIOBase):
    """Reads one answer from a socket, bounded as a whole in time and size; a socket's own timeout is for each read."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        # urllib3 has just set it to what is left of the call's total.
        self._deadline = time.monotonic() + self._timeout if self._timeout else None
        # A limit of the body does not hold for all that http.client reads: of a chunk of -1 bytes, it takes what comes.
        self._room = ANSWER_LIMIT

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
