"""What do 100,000 and a million watched messages cost? The start, memory, the due query, and doing nothing.

The API is a stub, and nothing is due while idling. Starts are measured from the start of the process until it says that
it is ready; memory is what is resident.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import daemon, median, table, until
from benchmarks.polling import settings
from benchmarks.stub import Stub, stub
from bridge.domain.clock import SystemClock
from bridge.store.column_types import to_millis
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (100_000, 1_000_000)
IDLE = 30.0
"""Seconds of doing nothing over which the processor's time is taken."""

QUERIES = 200
CLAIMED = 64
_MIB = 1024 * 1024


class Size(NamedTuple):
    """What was measured: seconds, bytes, and shares of a core."""

    cold: float
    warm: float
    peak: int
    settled: int
    due: float
    none_due: float
    finished: float
    idle: float


def main(runs: int) -> None:
    """Print the table."""
    found = {watched: [measure(watched) for _ in range(runs)] for watched in SIZES}
    print(f"{runs} runs, medians:")
    rows: list[tuple[str, ...]] = []
    for name, unit, factor, limits in (
        ("cold", "start, new database: {:.2f} s", 1, ("3 s", "")),
        ("warm", "start, same list again: {:.2f} s", 1, ("3 s", "")),
        ("peak", "memory at the start: {:.0f} MiB", 1 / _MIB, ("120 MB", "250 MB")),
        ("settled", "memory while idle: {:.0f} MiB", 1 / _MIB, ("120 MB", "250 MB")),
        ("due", f"due query, all due, {CLAIMED} wanted: {{:.2f}} ms", 1000, ("5 ms", "5 ms")),
        ("none_due", "due query, none due: {:.2f} ms", 1000, ("5 ms", "5 ms")),
        ("finished", "due query, nine tenths finished: {:.2f} ms", 1000, ("5 ms", "5 ms")),
        ("idle", "idle, share of a core: {:.2f} %", 100, ("1 %", "1 %")),
    ):
        what, shown = unit.split(": ")
        values = [median([getattr(each, name) for each in found[watched]]) * factor for watched in SIZES]
        rows.append((what, *(cell for value, limit in zip(values, limits, strict=True)
                             for cell in (shown.format(value), limit))))  # fmt: skip
    table(("", *(cell for watched in SIZES for cell in (f"{watched:,}", "limit"))), rows)


def measure(watched: int) -> Size:
    """Measure one size."""
    with stub() as server, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cold, peak, _, _ = run(server, folder, watched, idle=0)
        with Store(f"sqlite:///{folder}/bridge.db", exclusive=True) as store:
            due = query(store)
            put_off(store)
            none_due = query(store)
        warm, _, settled, idle = run(server, folder, watched, idle=IDLE)
        with Store(f"sqlite:///{folder}/bridge.db", exclusive=True) as store:
            finish(store, watched * 9 // 10)
            finished = query(store)
    return Size(cold, warm, peak, settled, due, none_due, finished, idle)


def run(server: Stub, folder: Path, watched: int, *, idle: float) -> tuple[float, int, int, float]:
    """Start the daemon; tell how long that took, its memory at the peak and later, and what idling costs."""
    wanted = settings(server, folder, watched=watched)
    wanted["poll"] = {"every": "1d"}
    wanted["wbiztool"]["rate_limit"] = "1/s"  # what is due at the first start must not hide what the start itself takes
    with ready() as (name, came):
        os.environ["NOTIFY_SOCKET"] = name
        started = time.monotonic()
        with daemon(folder, wanted) as process:
            del os.environ["NOTIFY_SOCKET"]
            came()
            seconds = time.monotonic() - started
            if idle:
                time.sleep(5)
            first = process.read()
            until(lambda: process.read().at >= first.at + idle, seconds=idle + 60)
            last = process.read()
            share = (last.cpu - first.cpu) / (last.at - first.at)
            return seconds, process.peak, last.memory, share


@contextmanager
def ready() -> Iterator[tuple[str, Callable[[], None]]]:
    """Be the service manager: give the name of its socket, and what waits for READY."""
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{place}/notify")
        manager.settimeout(300)

        def came() -> None:
            while b"READY=1" not in manager.recv(4096):
                pass

        yield f"{place}/notify", came


def query(store: Store) -> float:
    """Time the store's own due query."""
    taken = []
    for _ in range(QUERIES):
        now = SystemClock().now()
        started = time.perf_counter()
        store.messages.claim(now, CLAIMED, ())
        taken.append(time.perf_counter() - started)
    return median(taken)


def put_off(store: Store) -> None:
    """Let nothing be due for a day, by SQL of our own."""
    later = to_millis(SystemClock().now() + timedelta(days=1))
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        connection.exec_driver_sql("UPDATE messages SET due_at = ?, status = 'pending', since = ?", (later, later))


def finish(store: Store, count: int) -> None:
    """Let this many be sent."""
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        connection.exec_driver_sql("UPDATE messages SET due_at = NULL, status = 'sent' WHERE id <= ?", (count,))
