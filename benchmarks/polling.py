"""What does a poll cost? The whole daemon against bare loops that only call and read.

Every poll finds "pending": the usual answer by far. The daemon has more due than it can poll; what its processor time
and the stub's count of calls say between two moments of steady running is compared with loops in 16 threads over
``requests`` trimmed to the least (environment look-ups off, one prepared request copied with a new URL, the adapter
called directly), and over the vendor's own client.
"""

from __future__ import annotations

import json
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pycurl
import requests
from requests.adapters import HTTPAdapter
from wbiztool_client import WbizToolClient  # type: ignore[import-untyped]  # it has no types

from benchmarks.measure import daemon, elsewhere, median, table, until
from benchmarks.stub import Stub, stub

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 10_000
THREADS = 16
WATCHED = 5_000
KEY = "k" * 32


def main(runs: int) -> None:
    """Print the table."""
    ways: dict[str, Callable[[Stub], tuple[float, float]]] = {
        "libcurl, bare": partial(_loop, bare),
        "requests, trimmed": partial(_loop, trimmed),
        "the bridge": _bridge,
        "wbiztool-client": partial(_loop, vendor),
    }
    used: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with stub() as server:
        for _ in range(runs):
            for name, measure in ways.items():
                used[name].append(measure(server))
    ours = used["the bridge"]
    print(f"{CALLS:,} polls, {THREADS} threads, {runs} runs in turn, medians:")
    table(
        ("", "CPU", "polls/s", "CPU: bridge / this", "speed: bridge / this"),
        [
            (
                name,
                f"{median([cpu for cpu, _ in each]):.2f} s",
                f"{CALLS / median([seconds for _, seconds in each]):,.0f}",
                f"{median([our[0] / its[0] for our, its in zip(ours, each, strict=True)]):.2f}",
                f"{median([its[1] / our[1] for our, its in zip(ours, each, strict=True)]):.2f}",
            )
            for name, each in used.items()
        ],
    )
    print("limits: CPU at most 3.5 of libcurl, bare, 0.45 of requests, trimmed, and 0.25 of wbiztool-client")


def _bridge(server: Stub) -> tuple[float, float]:
    before = server.calls
    with tempfile.TemporaryDirectory() as place, daemon(Path(place), settings(server, Path(place))) as process:
        until(lambda: server.calls > before + 2 * WATCHED)  # the first poll of each message is an event
        first, calls = process.read(), server.calls
        until(lambda: server.calls >= calls + CALLS)
        last, more = process.read(), server.calls
    share = CALLS / (more - calls)
    return (last.cpu - first.cpu) * share, (last.at - first.at) * share


def settings(server: Stub, folder: Path, *, watched: int = WATCHED, concurrency: int = THREADS) -> dict[str, Any]:
    """Configure a daemon that has more to poll than it can: each message is due four times a second."""
    (folder / "ids.txt").write_text("".join(f"{id_}\n" for id_ in range(1, watched + 1)))
    return {
        "wbiztool": {
            "client_id": 1,
            "api_key": KEY,
            "base_url": f"{server.url}/api/v1",
            "rate_limit": "10000/s",
            "concurrency": concurrency,
        },
        "poll": {"every": "250ms"},
        "messages": [{"include": "ids.txt"}],
        "database": "sqlite:///bridge.db",
        "receivers": [{"name": "crm", "webhook": server.url}],
    }


def trimmed(url: str) -> Callable[[int], None]:
    """Call with the least that ``requests`` can do."""
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=THREADS)
    body = json.dumps({"client_id": 1, "api_key": KEY})
    blank = requests.Request("POST", url, data=body, headers={"Content-Type": "application/json"}).prepare()

    def call(message_id: int) -> None:
        prepared = blank.copy()
        prepared.url = f"{url}/message/status/{message_id}/"
        assert json.loads(adapter.send(prepared, timeout=10).content)["status"] == 0

    return call


def bare(url: str) -> Callable[[int], None]:
    """Call with nothing but libcurl: a handle for each thread, no limits, no interface."""
    each = threading.local()
    body = json.dumps({"client_id": 1, "api_key": KEY})

    def call(message_id: int) -> None:
        if not hasattr(each, "curl"):
            each.curl = pycurl.Curl()
            each.curl.setopt(pycurl.NOSIGNAL, 1)
            each.curl.setopt(pycurl.POSTFIELDS, body)
            each.curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        each.curl.setopt(pycurl.URL, f"{url}/message/status/{message_id}/")
        assert json.loads(each.curl.perform_rb())["status"] == 0

    return call


def vendor(url: str) -> Callable[[int], None]:
    """Call with the vendor's client."""
    each = threading.local()

    def call(message_id: int) -> None:
        if not hasattr(each, "client"):
            each.client = WbizToolClient(api_key=KEY, client_id=1)
            each.client.BASE_URL = url
        assert each.client.get_message_status(message_id)["status"] == 0

    return call


def _loop(make: Callable[[str], Callable[[int], None]], server: Stub) -> tuple[float, float]:
    return elsewhere(in_threads, make, f"{server.url}/api/v1")


def in_threads(make: Callable[[str], Callable[[int], None]], url: str) -> None:
    """Make the calls, in threads."""
    call = make(url)

    def work(number: int) -> None:
        for message_id in range(1 + number, 1 + CALLS, THREADS):
            call(message_id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
