"""How near to ``concurrency / latency`` does polling come, where the API's answers take their time?

Beside the daemon, a bare loop keeps as many calls in flight that are written beforehand and whose answers it does not
read: what it misses of the limit, the stub and the system do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measure import CORE, daemon, median, table, until
from benchmarks.polling import settings
from benchmarks.stub import Stub, pin, stub

CASES = [(0.05, 64), (0.05, 256), (0.2, 64), (0.2, 256)]
SECONDS = 5.0
WATCHED_FOR = 0.5
"""How many seconds all messages together keep the API busy: twice as many as can be polled in time."""


def main(runs: int) -> None:
    """Print the table."""
    rates: dict[tuple[float, int], list[float]] = {case: [] for case in CASES}
    loops: dict[tuple[float, int], list[float]] = {case: [] for case in CASES}
    for _ in range(runs):
        for case in CASES:
            rates[case].append(polls_a_second(*case))
            loops[case].append(calls_a_second(*case))
    print(f"polls over {SECONDS:g} s, {runs} runs in turn, medians:")
    table(
        ("latency, in flight", "limit/s", "polls/s", "share", "bare loop's", "bridge / loop"),
        [
            (
                f"{latency * 1000:.0f} ms, {concurrency}",
                f"{concurrency / latency:,.0f}",
                f"{median(each):,.0f}",
                f"{median(each) * latency / concurrency:.1%}",
                f"{median(loops[latency, concurrency]) * latency / concurrency:.1%}",
                f"{median([ours / its for ours, its in zip(each, loops[latency, concurrency], strict=True)]):.3f}",
            )
            for (latency, concurrency), each in rates.items()
        ],
    )
    print("limit: a share of at least 95 %")


def polls_a_second(latency: float, concurrency: int) -> float:
    """Measure the daemon against a stub whose answers take so long."""
    with ExitStack() as stack:
        server = stack.enter_context(stub(latency=latency))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        watched = int(concurrency / latency * WATCHED_FOR)
        wanted = settings(server, folder, watched=watched, concurrency=concurrency)
        stack.enter_context(daemon(folder, wanted))
        until(lambda: server.calls > 2 * watched)  # the first poll of each message is an event
        return _rate(server)


def calls_a_second(latency: float, concurrency: int) -> float:
    """Measure the bare loop, in a process of its own on the daemon's core."""
    with stub(latency=latency) as server:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_loop, args=(server.url, latency / concurrency, concurrency), daemon=True)
        process.start()
        try:
            until(lambda: server.calls > 2 * concurrency)
            return _rate(server)
        finally:
            process.terminate()
            process.join()


def _rate(server: Stub) -> float:
    started, before = time.monotonic(), server.calls
    time.sleep(SECONDS)
    after = server.calls
    return (after - before) / (time.monotonic() - started)


def _loop(url: str, apart: float, concurrency: int) -> None:
    pin(CORE)
    asyncio.run(_keep_calling(url, apart, concurrency))


async def _keep_calling(url: str, apart: float, concurrency: int) -> None:
    """Keep calls in flight, the first ones so far apart that the answers don't come all at once."""
    place = urlsplit(url)
    host, port = place.hostname, place.port
    assert host is not None
    assert port is not None
    call = f"POST /api/v1/message/status/1/ HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 0\r\n\r\n".encode()
    for _ in range(concurrency):
        await asyncio.get_running_loop().create_connection(lambda: _Caller(call), host, port)
        await asyncio.sleep(apart)
    await asyncio.Event().wait()


class _Caller(asyncio.Protocol):
    """Calls again as soon as anything comes back."""

    def __init__(self, call: bytes) -> None:
        self._call = call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._transport.write(self._call)

    def data_received(self, _: bytes) -> None:
        self._transport.write(self._call)
