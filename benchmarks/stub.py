"""A server that costs next to nothing: the API's stand-in and the receiver in one, in a process of its own.

The simulator answers truthfully and slowly; what is measured here is the other side. One clock sees the answer that
shows a change and the POST that tells of it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import selectors
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_PATH = re.compile(rb"POST \S*/message/status/(\d+)/")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MESSAGE = re.compile(rb'"message_id": ?(\d+)')
_HEAD_END = b"\r\n\r\n"


def _answer(body: dict[str, Any] | None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


PENDING = _answer({"status": 0, "status_text": "Pending", "message": "connected"})
FAILED = _answer({"status": 2, "status_text": "Failed", "message": "connected", "error": "Invalid phone number"})
TAKEN = _answer(None)


@dataclass
class Seen:
    """What the stub saw.

    ``calls`` counts all of it. ``shown`` says when an id was first answered with a change, ``received`` when the first
    POST about it came, both in seconds of the same clock.
    """

    calls: int = 0
    shown: dict[int, float] = field(default_factory=dict)
    received: dict[int, float] = field(default_factory=dict)


class Stub:
    """The stub, seen from the process that measures."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    @property
    def calls(self) -> int:
        """How many requests it has answered."""
        self._pipe.send("calls")
        return int(self._pipe.recv())

    def seen(self) -> Seen:
        """Everything it saw."""
        self._pipe.send("seen")
        seen: Seen = self._pipe.recv()
        return seen


@contextmanager
def stub(*, latency: float = 0.0, changes: bool = False, core: int | None = 1) -> Iterator[Stub]:
    """Run a stub.

    Args:
        latency: Seconds between a poll and its answer. What is POSTed to the receiver is taken at once.
        changes: Let every message be failed; else all are pending for ever.
        core: Where to run, if the machine has it.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, latency, changes, core), daemon=True)
    process.start()
    try:
        yield Stub(mine.recv(), mine)
    finally:
        process.terminate()
        process.join()


class _Protocol(asyncio.Protocol):
    """Answers requests that come whole or in pieces, one after the other on each connection."""

    def __init__(self, seen: Seen, latency: float, answer: bytes) -> None:
        self._seen = seen
        self._latency = latency
        self._answer = answer
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(_HEAD_END)) >= 0:
            end += len(_HEAD_END)
            length = _LENGTH.search(self._buffer, 0, end)
            end += int(length[1]) if length else 0
            if len(self._buffer) < end:
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            self._seen.calls += 1
            if path := _PATH.match(request):
                self._show(int(path[1]))
                continue
            if message := _MESSAGE.search(request):
                self._seen.received.setdefault(int(message[1]), time.monotonic())
            self._transport.write(TAKEN)

    def _show(self, message_id: int) -> None:
        if self._answer is FAILED:
            self._seen.shown.setdefault(message_id, time.monotonic() + self._latency)
        if self._latency:
            self._loop.call_later(self._latency, self._transport.write, self._answer)
        else:
            self._transport.write(self._answer)


def _serve(pipe: Connection, latency: float, changes: bool, core: int | None) -> None:
    pin(core)
    with asyncio.Runner(loop_factory=_exact_loop if latency else None) as runner:
        runner.run(_run(pipe, latency, FAILED if changes else PENDING))


def _exact_loop() -> asyncio.AbstractEventLoop:
    """Make a loop whose timers are exact to microseconds: by default each is late by up to a millisecond."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(pipe: Connection, latency: float, answer: bytes) -> None:
    loop, seen = asyncio.get_running_loop(), Seen()
    server = await loop.create_server(lambda: _Protocol(seen, latency, answer), "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    pipe.send(f"http://{host}:{port}")
    loop.add_reader(pipe.fileno(), lambda: pipe.send(seen.calls if pipe.recv() == "calls" else seen))
    await server.serve_forever()


def pin(core: int | None) -> None:
    """Let this process run on one core, where there are several."""
    if core is not None and core in os.sched_getaffinity(0) and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})
