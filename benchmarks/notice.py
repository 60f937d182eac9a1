"""How long from the answer that shows a change to the POST that tells of it, at 200 transitions a second?

One process is both the API and the receiver, so one clock sees both ends.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import daemon, median, table, until
from benchmarks.polling import settings
from benchmarks.stub import Seen, stub

RATE = 200
MESSAGES = 2000
LATENCY = 0.05


def main(runs: int) -> None:
    """Print the table."""
    medians, slowest = [], []
    for _ in range(runs):
        seen = run()
        waits = [seen.received[id_] - shown for id_, shown in seen.shown.items()]
        cuts = statistics.quantiles(waits, n=100)
        medians.append(cuts[49])
        slowest.append(cuts[98])
    print(f"{MESSAGES:,} transitions at {RATE}/s, {runs} runs, medians:")
    table(
        ("", "from the answer to the POST", "limit"),
        [
            ("median", f"{median(medians) * 1000:.1f} ms", "20 ms"),
            ("99th percentile", f"{median(slowest) * 1000:.1f} ms", "100 ms"),
        ],
    )


def run() -> Seen:
    """Let the daemon find every message failed, at the rate that it may poll."""
    with stub(latency=LATENCY, changes=True) as server, tempfile.TemporaryDirectory() as place:
        wanted = settings(server, Path(place), watched=MESSAGES)
        wanted["wbiztool"]["rate_limit"] = f"{RATE}/s"
        with daemon(Path(place), wanted):
            until(lambda: server.calls >= 2 * MESSAGES)  # looking at more would disturb it
            until(lambda: len(server.seen().received) == MESSAGES)  # the credentials were tried with some of the calls
        return server.seen()
