"""One client's connection, with bounds that uvicorn by itself does not have: for how long, how much, and what.

What a client does wrong is answered with 400 and counted. It is no line of the log: strangers would write that.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.server.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    import asyncio

PATIENCE = 10.0
"""Seconds that a client gets to send a request as a whole, and again to take what was answered."""

LEAST_UPLOAD = 64 * 1024
"""Bytes: a client that sent as many in that time, of a body that is not whole yet, gets as long again. So a spreadsheet
can be uploaded over a slow line; how long that may take is bounded by how large it may be."""

LARGEST_HEAD = 16 * 1024
"""In bytes, of a request's line and headers."""

_AROUND_A_HEADER = 4  # the colon, a space and the end of the line


class _Framing(h11.Connection):
    """Refuses, besides what h11 does, a head that is too large and two lengths that could contradict each other."""

    def next_event(self) -> Any:
        """Read what comes next.

        Raises:
            h11.RemoteProtocolError: The client does not keep to HTTP/1.1, or to our limits.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            # h11 bounds a head only while it is not whole: one that comes in a single send may have any size.
            size = sum(len(name) + len(value) + _AROUND_A_HEADER for name, value in event.headers.raw_items())
            if size + len(event.target) > LARGEST_HEAD:
                raise h11.RemoteProtocolError("the head of the request is too large", error_status_hint=431)
            # RFC 9112, 6.1: a server may refuse it, and must close the connection; it is how requests are smuggled.
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in event.headers}:
                raise h11.RemoteProtocolError("Content-Length beside Transfer-Encoding")
        return event


class Connection(H11Protocol):
    """Is cut when its client is too slow, or when there are too many and it is the one that has kept waiting longest.

    So neither clients that open connections and say nothing, nor those that send or take a byte at a time (slowloris),
    keep alive out.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = _Framing(h11.SERVER, LARGEST_HEAD)
        self._ending = False

    def shutdown(self) -> None:
        """End, as the server does; a client that has only just come gets its answer first."""
        if self.cycle is None:
            self._ending = True  # type: ignore[unreachable]  # uvicorn begins with None
        else:
            super().shutdown()

    def handle_events(self) -> None:
        """Read a request; where the server is ending, it is the last one."""
        super().handle_events()
        if self._ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what does not keep to HTTP, and close the connection."""
        self.config.app.state.answered(HTTPStatus.BAD_REQUEST)  # type: ignore[union-attr]  # it is our own
        if self.cycle is not None and not self.cycle.response_complete:
            # Its handler waits for the rest of the body, or is about to answer: neither will be.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        with suppress(h11.LocalProtocolError):  # it was answered before its body had come
            super().send_400_response(msg)
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._waiting_since = self._stuck_since = self.loop.time()
        self._watch()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Count what comes."""
        self._received += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._waiting_since = self.loop.time()
        self._timer.cancel()
        self._watch()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Remember since when the client takes no more."""
        self._stuck_since = self.loop.time()
        super().pause_writing()

    @property
    def _waits(self) -> bool:
        """Whether the next request, or the rest of one, has yet to come."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    @property
    def _uploads(self) -> bool:
        """Whether the body of a request is coming."""
        return self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body

    def _make_room(self) -> None:
        # Those that were cut are in the set until the loop comes round to it.
        alive = [each for each in cast("set[Connection]", self.connections) if not each.transport.is_closing()]
        if len(alive) > HTTP_CONNECTIONS:
            # The newest waits: there is always one.
            waiting = (each for each in alive if each._waits)  # noqa: SLF001 -- its own class
            min(waiting, key=lambda each: each._waiting_since).transport.abort()  # noqa: SLF001 -- as above

    def _watch(self) -> None:
        self._received = 0
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        stuck = self.flow.write_paused and self.loop.time() - self._stuck_since >= PATIENCE
        # One that is closing still, but not closed, has a client that does not take the rest of its answer.
        if self._uploads and self._received >= LEAST_UPLOAD:
            self._waiting_since = self.loop.time()
            self._watch()
        elif self._waits or stuck or self.transport.is_closing():
            self.transport.abort()
        else:
            self._watch()
