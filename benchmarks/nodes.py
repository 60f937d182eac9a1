"""How many polls do one, two and four nodes on one PostgreSQL database make, where the API answers after 50 ms?

Few calls are in flight in each, so that neither the machine's two cores nor the database bind.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import daemon, median, table, until
from benchmarks.stub import stub

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = (1, 2, 4)
LATENCY = 0.05
CONCURRENCY = 4
SECONDS = 5.0
SERVER = os.environ.get("WBIZ_BRIDGE_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")


def main(runs: int) -> None:
    """Print the table."""
    rates: dict[int, list[float]] = {count: [] for count in NODES}
    for _ in range(runs):
        for count in NODES:
            rates[count].append(polls_a_second(count))
    alone = median(rates[1])
    print(f"polls over {SECONDS:g} s, {LATENCY * 1000:g} ms, {CONCURRENCY} in flight in each, {runs} runs, medians:")
    table(
        ("nodes", "limit/s", "polls/s", "of one node's"),
        [
            (f"{count}", f"{count * CONCURRENCY / LATENCY:,.0f}", f"{median(each):,.0f}", f"{median(each) / alone:.2f}")
            for count, each in rates.items()
        ],
    )
    print("near-linear until the database or the API's limit binds")


def polls_a_second(count: int) -> float:
    """Measure this many daemons on a database of their own."""
    watched = int(max(NODES) * CONCURRENCY / LATENCY)
    with ExitStack() as stack:
        server = stack.enter_context(stub(latency=LATENCY, core=None))
        url = stack.enter_context(database())
        for _ in range(count):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "ids.txt").write_text("\n".join(map(str, range(1, watched + 1))))
            stack.enter_context(daemon(folder, settings(server.url, url), core=None))
        until(lambda: server.calls > watched)  # the first poll of each message is an event
        time.sleep(2)  # the last to come has its share by now
        began, before = time.monotonic(), server.calls
        time.sleep(SECONDS)
        return (server.calls - before) / (time.monotonic() - began)


def settings(server: str, url: str) -> dict[str, Any]:
    """Watch more than can be polled in time."""
    return {
        "wbiztool": {
            "client_id": 1,
            "api_key": "key",
            "base_url": server,
            "concurrency": CONCURRENCY,
            "rate_limit": "10000/s",
        },
        "poll": {"every": "250ms"},
        "messages": [{"include": "ids.txt"}],
        "database": url,
        "receivers": [{"webhook": server, "events": ["failed"]}],
    }


@contextmanager
def database() -> Iterator[str]:
    """Make a database and drop it at the end."""
    import psycopg  # noqa: PLC0415 -- the other benchmarks do without

    name = f"wbiz_bridge_benchmark_{uuid.uuid4().hex}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
