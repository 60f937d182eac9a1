"""Does a receiver to which nothing goes cost the others anything?

2,000 messages fail at once, and one Slack receiver wants to hear of it; the others want another team's messages.
Measured: their polls, for one receiver, 100 and 500, in turn; others before them let the daemon get going.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import daemon, median, table, until
from benchmarks.polling import settings
from benchmarks.stub import stub

MESSAGES = 2000
WARM_UP = 4000
"""Messages that are polled while the daemon still begins with hundreds of receivers."""

SAME = 16
"""Looks in a row, each half a second, that must see the same number of threads."""

COUNTS = {1: None, 100: 0.9, 500: 0.7}
"""How many receivers, and what part of the rate with one must remain."""


def main(runs: int) -> None:
    """Print the table."""
    rates: dict[int, list[float]] = {count: [] for count in COUNTS}
    threads: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(runs):
        for count in COUNTS:
            rate, running = run(count)
            rates[count].append(rate)
            threads[count].append(running)
    print(f"{MESSAGES:,} messages that fail at once, one receiver matches, {runs} runs in turn, medians:")
    table(
        ("receivers", "polls/s", "of the rate with one", "limit", "threads when idle"),
        [
            (
                str(count),
                f"{median(rates[count]):,.0f}",
                f"{median([many / one for one, many in zip(rates[1], rates[count], strict=True)]):.2f}",
                "" if limit is None else f"{limit}",
                f"{median(threads[count]):.0f}",
            )
            for count, limit in COUNTS.items()
        ],
    )


def run(count: int) -> tuple[float, float]:
    """Let the daemon find every message failed; return polls a second, and its threads when all is done."""
    with stub(changes=True) as server, tempfile.TemporaryDirectory() as place:
        wanted: dict[str, Any] = settings(server, Path(place), watched=WARM_UP + MESSAGES)
        wanted["receivers"] = [{"name": "team-0", "slack": server.url, "group": {"wait": "100ms"}}]
        wanted["receivers"] += [
            {"name": f"team-{number}", "webhook": f"{server.url}/{number}", "match": {"tags": {"team": f"{number}"}}}
            for number in range(1, count)
        ]
        with daemon(Path(place), wanted) as process:
            until(lambda: len(server.seen().shown) >= WARM_UP + MESSAGES, seconds=240)
            shown = sorted(server.seen().shown.values())
            threads = idle_threads(process.pid)
    return MESSAGES / (shown[-1] - shown[-MESSAGES - 1]), threads


def idle_threads(pid: int) -> float:
    """Count a process's threads when those that have nothing to do have ended."""
    status = Path(f"/proc/{pid}/status")
    counts: list[int] = []

    def same_as_before() -> bool:
        counts.append(int(status.read_text().partition("Threads:")[2].split()[0]))
        return len(counts) > SAME and len(set(counts[-SAME:])) == 1

    until(same_as_before, look=0.5, seconds=240)
    return float(counts[-1])
