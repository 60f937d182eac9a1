"""Events as they happen, as Server-Sent Events: clients stay, and go on where they were when they come back."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from bridge.domain.errors import BridgeError
from bridge.domain.events import envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from bridge.domain.model import Event

MOST_STREAMS = 16
"""How many clients may stay at once: each has one of the server's few connections."""

HEARTBEAT = 15.0
"""Seconds of silence after which a stream says that it lives: proxies cut what is silent for long."""

LOOK = 1.0
"""Seconds between looks at the store: what this process tells is shown at once, what another node tells by then."""

_COME_BACK = "retry: 2000\n\n"


class Streams:
    """Keeps track of the clients that stay. Any thread may wake and close them."""

    def __init__(self) -> None:
        self._open = 0
        self._closed = False
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def full(self) -> bool:
        """Whether no more may come."""
        return self._open >= MOST_STREAMS or self._closed

    def wake(self) -> None:
        """Let all of them look for what happened."""
        for loop, woken in tuple(self._waiting):
            with suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(woken.set)

    def close(self) -> None:
        """End all of them, and let no more come."""
        self._closed = True
        self.wake()

    def answer(
        self,
        follow: Callable[[int], tuple[list[tuple[int, Event]], int]],
        after: int,
        first: Sequence[tuple[int, Event]] = (),
    ) -> EventStream:
        """Make the answer that shows what happens after a position, as long as the client stays.

        Args:
            follow: Reads what came after a position, and says where to go on. Called from threads.
            after: The position.
            first: What is shown before: events with their positions.
        """
        self._open += 1
        return EventStream(self, self.lines(follow, after, first))

    def left(self) -> None:
        """Note that a client has left."""
        self._open -= 1

    async def lines(
        self,
        follow: Callable[[int], tuple[list[tuple[int, Event]], int]],
        position: int,
        first: Sequence[tuple[int, Event]] = (),
    ) -> AsyncIterator[str]:
        """Write events as they come. The server takes the next line only when the client has taken the one before."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._waiting.add((loop, woken))
        try:
            yield _COME_BACK
            for at, event in first:
                yield _written(at, event)
            said_at = loop.time()
            while not self._closed:
                woken.clear()
                before = position
                found: list[tuple[int, Event]] = []
                with suppress(BridgeError):  # the database comes back, and the stream goes on where it was
                    found, position = await run_in_threadpool(follow, position)
                for at, event in found:
                    yield _written(at, event)
                    said_at = loop.time()
                if loop.time() - said_at >= HEARTBEAT:
                    yield ":\n\n"
                    said_at = loop.time()
                if position == before:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(woken.wait(), LOOK)
        finally:
            self._waiting.discard((loop, woken))


class EventStream(StreamingResponse):
    """The answer to a client that stays."""

    def __init__(self, streams: Streams, lines: AsyncIterator[str]) -> None:
        self._streams = streams
        self._lines = lines
        # X-Accel-Buffering: nginx would keep the events back until there are enough of them.
        super().__init__(self._lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write to the client until it leaves, or the server ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.left()
            await self._lines.aclose()  # type: ignore[attr-defined]  # it is a generator


def _written(position: int, event: Event) -> str:
    # JSON has no line breaks of its own: nothing in a label can end the line, and begin a field.
    return f"id: {position}\nevent: {event.type}\ndata: {json.dumps(envelope(event), ensure_ascii=True)}\n\n"
