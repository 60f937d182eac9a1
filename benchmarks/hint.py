"""How many calls does the account's report as a hint spare, where a change is noticed as soon as by plain polling?

Two daemons do the same work side by side, each at a simulator of its own: 10,000 messages are pending, of which one in
a hundred fails each minute. One daemon polls each message every 30 seconds; the other reads the report every 30
seconds, and polls what changed in it at once, all else once an hour. The account has as many finished messages besides.

What is measured is steady running: both have learnt all there is to learn, were ended, and begin again with their
polls spread over the interval, as those of messages are that were sent over a day.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import daemon, median, table, until
from bridge.domain.clock import SystemClock
from bridge.domain.poll_schedule import JITTER
from bridge.simulator.sink import Sink
from bridge.source.report_response import PAGE
from bridge.store.column_types import to_millis
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PENDING = 10_000
FINISHED = 10_000
CHANGED_A_MINUTE = PENDING // 100
EVERY = 30
RELAXED = 3600
BEGINS = 2.2 * EVERY
"""Seconds after a start until both run steadily: what comes first, a look at the whole report, is over."""

WINDOW = 6 * EVERY
LIMIT = 20
_STATUS, _REPORT = "/message/status/", "/report/"
_PLAIN, _HINT = f"each polled every {EVERY} s", f"the report read every {EVERY} s"


@dataclass(frozen=True)
class Seen:
    """What one daemon did: calls in a minute, and after how many seconds the receiver was notified of each change."""

    status: float
    report: float
    notices: list[float]

    @property
    def calls(self) -> float:
        """All of them."""
        return self.status + self.report


class Account:
    """A simulator in a process of its own, seen from here."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def put(self, *messages: Mapping[str, Any]) -> None:
        """Let messages be as they are described, and become what their scripts say."""
        self._ask("messages", json.dumps(messages).encode())

    def calls(self) -> dict[str, int]:
        """Count the calls that came, by their path."""
        counted: dict[str, int] = self._ask("calls")["calls"]
        return counted

    def failed(self) -> dict[int, float]:
        """Tell when each message failed that did, in seconds since the epoch."""
        return {
            int(id_): datetime.fromisoformat(step["at"]).timestamp()
            for id_, steps in self._ask("history").items()
            for step in steps
            if step["status"] == "failed"
        }

    def _ask(self, what: str, body: bytes | None = None) -> Any:
        url = f"{self.base_url.removesuffix('/api/v1')}/_control/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
            return json.load(answer)


def main(runs: int) -> None:
    """Print the table."""
    seen: dict[str, list[Seen]] = {_PLAIN: [], _HINT: []}
    for _ in range(runs):
        for name, each in side_by_side().items():
            seen[name].append(each)
    print(f"{PENDING:,} pending messages of which 1 % fails each minute, {FINISHED:,} finished ones; "
          f"{WINDOW} s of steady running, {runs} runs, medians:")  # fmt: skip
    table(
        ("", "status calls/min", "report calls/min", "median notice", "99th percentile", "calls: first / this"),
        [
            (
                name,
                f"{median([each.status for each in found]):,.0f}",
                f"{median([each.report for each in found]):,.0f}",
                f"{median([statistics.median(each.notices) for each in found]):.1f} s",
                f"{median([statistics.quantiles(each.notices, n=100)[98] for each in found]):.1f} s",
                f"{median([plain.calls / its.calls for plain, its in zip(seen[_PLAIN], found, strict=True)]):.1f}",
            )
            for name, found in seen.items()
        ],
    )
    early = 1 - JITTER / 2  # polls come up to a tenth early, at random
    pages, slow = PENDING // PAGE + 1, PENDING / RELAXED / early
    print(f"computed: {PENDING:,} x 60 / {EVERY * early:g} = {PENDING * 60 / EVERY / early:,.0f} calls/min, against "
          f"{pages} pages x {60 / EVERY:g} + {CHANGED_A_MINUTE} changes + {PENDING:,} / {RELAXED * early / 60:g} = "
          f"{pages * 60 / EVERY + CHANGED_A_MINUTE + slow * 60:,.0f}")  # fmt: skip
    print(f"limit: at least {LIMIT} times fewer calls at the same notice")


def side_by_side() -> dict[str, Seen]:
    """Let both daemons run."""
    with ExitStack() as stack:
        sides = {name: Side(stack, name) for name in (_PLAIN, _HINT)}
        for side in sides.values():
            side.learn()
        for side in sides.values():
            stack.enter_context(daemon(side.folder, side.settings, core=None))
        time.sleep(BEGINS)
        for side in sides.values():
            side.begin()
        time.sleep(WINDOW)
        for side in sides.values():
            side.end()
        return {name: side.seen() for name, side in sides.items()}


class Side:
    """One daemon, its account and its receiver."""

    def __init__(self, stack: ExitStack, name: str) -> None:
        self.account = stack.enter_context(account())
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._sink = stack.enter_context(Sink())
        self._finished, self._pending = (range(first, first + PENDING) for first in (1, 1 + FINISHED))
        self.account.put(*({"id": id_, "status": "sent"} for id_ in self._finished))
        self.account.put(*({"id": id_} for id_ in self._pending))
        (self.folder / "ids.txt").write_text("".join(f"{id_}\n" for id_ in self._pending))
        hint = {"discover": {"report": True, "every": f"{EVERY}s", "relaxed": f"{RELAXED}s"}}
        plain = {"messages": [{"include": "ids.txt"}]}
        self.settings = settings(self.account, self._sink) | (plain if name == _PLAIN else hint)
        self._spread = EVERY if name == _PLAIN else RELAXED
        self._watched = PENDING if name == _PLAIN else PENDING + FINISHED

    def learn(self) -> None:
        """Let the daemon find out what there is, and pretend that this was two hours ago."""
        with daemon(self.folder, self.settings, core=None):
            until(lambda: self.account.calls().get(_STATUS, 0) >= self._watched, look=0.5, seconds=600)
            time.sleep(2)
        now, ago = to_millis(SystemClock().now()), to_millis(SystemClock().now() - timedelta(hours=2))
        with Store(f"sqlite:///{self.folder}/bridge.db", exclusive=True) as store:
            assert store.messages.count_due(SystemClock().now() + timedelta(days=1)) == PENDING
            with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
                connection.exec_driver_sql(
                    "UPDATE messages SET seen = 3, since = ?, watched_since = ?, polled_at = ?, "
                    "due_at = ? + id * 7919 % ?, hinted_at = CASE WHEN hinted_at IS NOT NULL THEN ? END "
                    "WHERE due_at IS NOT NULL",
                    (ago, ago, ago, now, self._spread * 1000, ago),
                )

    def begin(self) -> None:
        """Let the changes begin, one after the other, and count from now on."""
        count = CHANGED_A_MINUTE * WINDOW // 60
        ids = self._pending[:: PENDING // count][:count]
        self.account.put(
            *({"id": id_, "script": [[place * WINDOW / count, "failed", "Invalid phone number"]]}
              for place, id_ in enumerate(ids))
        )  # fmt: skip
        self._calls, self._began = self.account.calls(), time.monotonic()

    def end(self) -> None:
        """Count until now."""
        minutes, before, after = (time.monotonic() - self._began) / 60, self._calls, self.account.calls()
        self._status, self._report = (
            (after.get(call, 0) - before.get(call, 0)) / minutes for call in (_STATUS, _REPORT)
        )

    def seen(self) -> Seen:
        """Wait until the last change is reported, and say what was seen."""
        failed = self.account.failed()
        until(lambda: self._sink.count >= len(failed), look=0.5, seconds=3 * EVERY)
        wall = time.time() - time.monotonic()
        received = {json.loads(record.body)["data"]["message_id"]: record.at + wall for record in self._sink.records()}
        return Seen(self._status, self._report, [received[id_] - at for id_, at in failed.items()])


def settings(account: Account, sink: Sink) -> dict[str, Any]:
    """Configure either daemon; no limit holds it up."""
    return {
        "wbiztool": {
            "client_id": 1234,
            "api_key": "simulated-api-key",
            "base_url": account.base_url,
            "rate_limit": "1000/s",
        },
        "poll": {"every": f"{EVERY}s", "stuck_after": False},
        "database": "sqlite:///bridge.db",
        "receivers": [{"name": "crm", "webhook": sink.url, "events": ["failed"]}],
    }


@contextmanager
def account() -> Iterator[Account]:
    """Run a simulator."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.simulator"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    try:
        yield Account(json.loads(process.stdout.readline())["base_url"])
    finally:
        process.terminate()
        process.wait(30)
