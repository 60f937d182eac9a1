"""How near to ``concurrency / latency`` does polling come, where the API's answers take their time?"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import daemon, median, table, until
from benchmarks.polling import settings
from benchmarks.stub import stub

CASES = [(0.05, 64), (0.05, 256), (0.2, 64), (0.2, 256)]
SECONDS = 5.0
WATCHED_FOR = 0.5
"""How many seconds all messages together keep the API busy: twice as many as can be polled in time."""


def main(runs: int) -> None:
    """Print the table."""
    rates: dict[tuple[float, int], list[float]] = {case: [] for case in CASES}
    for _ in range(runs):
        for latency, concurrency in CASES:
            rates[latency, concurrency].append(polls_a_second(latency, concurrency))
    print(f"polls over {SECONDS:g} s, {runs} runs in turn, medians:")
    table(
        ("latency, in flight", "limit/s", "polls/s", "share"),
        [
            (
                f"{latency * 1000:.0f} ms, {concurrency}",
                f"{concurrency / latency:,.0f}",
                f"{median(each):,.0f}",
                f"{median(each) * latency / concurrency:.1%}",
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
        process = stack.enter_context(daemon(folder, wanted))
        until(lambda: server.calls > 2 * watched)  # the first poll of each message is an event
        first, before = process.read(), server.calls
        until(lambda: process.read().at >= first.at + SECONDS)
        last, after = process.read(), server.calls
    return (after - before) / (last.at - first.at)
