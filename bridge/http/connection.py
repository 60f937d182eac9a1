"""One client's connection, with an end to its patience: uvicorn by itself waits for a slow client for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    import asyncio

PATIENCE = 10.0
"""Seconds that a client gets to send a request as a whole, and again to take what was answered."""


class Connection(H11Protocol):
    """Is cut when its client is too slow, or when there are too many and it is the one that has kept waiting longest.

    So neither clients that open connections and say nothing, nor those that send or take a byte at a time (slowloris),
    keep alive out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._waiting_since = self._stuck_since = self.loop.time()
        self._watch()
        self._make_room()

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

    def _make_room(self) -> None:
        # Those that were cut are in the set until the loop comes round to it.
        alive = [each for each in cast("set[Connection]", self.connections) if not each.transport.is_closing()]
        if len(alive) > HTTP_CONNECTIONS:
            # The newest waits: there is always one.
            waiting = (each for each in alive if each._waits)  # noqa: SLF001 -- its own class
            min(waiting, key=lambda each: each._waiting_since).transport.abort()  # noqa: SLF001 -- likewise

    def _watch(self) -> None:
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        stuck = self.flow.write_paused and self.loop.time() - self._stuck_since >= PATIENCE
        # One that is closing still, but not closed, has a client that does not take the rest of its answer.
        if self._waits or stuck or self.transport.is_closing():
            self.transport.abort()
        else:
            self._watch()
