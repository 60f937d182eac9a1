"""A million rows as CSV, downloaded from the real daemon: how long it takes, and by how much the daemon grows."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.measure import Running, daemon, table, until
from benchmarks.report import MESSAGES, fill
from bridge.store.store import Store

PORT = 18_095
_AT_ONCE = 64 * 1024
_DOWNLOADS = {
    "messages": "messages.csv",
    "messages that failed": "messages.csv?status=failed",
    "messages found by text: none": "messages.csv?text=nothing-like-that",
    "events": "events.csv",
}


def main(runs: int) -> None:
    """Print the table; what is downloaded is the same each time, and once is enough."""
    del runs
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Store(f"sqlite:///{folder}/bridge.db", exclusive=True) as store:
            fill(store, datetime.now(UTC))
            describe(store)
        settings = {
            "wbiztool": {"client_id": 1, "api_key": "an-api-key-0123456789", "base_url": "http://127.0.0.1:9/api/v1"},
            "database": "sqlite:///bridge.db",
            "retention": "3650d",
            "receivers": [{"webhook": "http://127.0.0.1:9/"}],
            "http": {"listen": f"127.0.0.1:{PORT}"},
        }
        with daemon(folder, settings) as running:
            until(ready)
            download(running, "messages.csv?limit=2000")  # what the first one imports is no growth
            rows = [(name, *download(running, path)) for name, path in _DOWNLOADS.items()]
    print(f"{MESSAGES:,} messages and as many events, each table downloaded once from a daemon on one core:")
    table(("", "rows", "MB", "first bytes", "all", "the daemon grows by"), rows)


def describe(store: Store) -> None:
    """Give messages labels, and each an event."""
    data = json.dumps({"label": "Invoice 88", "tags": {"team": "team 1"}, "current": {"status": "sent"}})
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        connection.exec_driver_sql("UPDATE messages SET label = 'Invoice ' || id")
        connection.exec_driver_sql(
            "INSERT INTO events (id, type, at, subject, sequence, message_id, data) "
            "SELECT 'evt_' || id, 'message.sent', since, 'message/' || id, 1, id, ? FROM messages",
            (data,),
        )


def ready() -> bool:
    """Tell whether the daemon serves."""
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5):
            return True
    except (URLError, OSError):
        return False


def download(running: Running, path: str) -> tuple[str, ...]:
    """Download a table; return what the benchmark's table shows of it."""
    before, started = running.read().memory, time.monotonic()
    peak, size, lines = before, 0, 0
    first = 0.0
    with urlopen(f"http://127.0.0.1:{PORT}/v1/{path}", timeout=60) as answer:
        while piece := answer.read1(_AT_ONCE):
            first = first or time.monotonic() - started
            size, lines = size + len(piece), lines + piece.count(b"\n")
            peak = max(peak, running.read().memory)
    took = time.monotonic() - started
    grown = f"{(peak - before) / 1e6:.1f} MB"
    return f"{lines - 1:,}", f"{size / 1e6:.0f}", f"{first:.2f} s", f"{took:.1f} s", grown
