"""Does what is finished cost anything? Everything that the running daemon does again and again, with 0 and a million.

1,000 messages are polled in either case. A finished message is sent to one receiver, and each of the two is recorded:
one event, one delivery, one attempt. What is measured is the store's part, by the calls that the daemon makes.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import median, table
from bridge.domain.model import Observation, Status
from bridge.domain.poll_schedule import Interval, Schedule
from bridge.domain.report import Row
from bridge.domain.watchlist import Watchlist
from bridge.source.report_response import PAGE
from bridge.store.column_types import to_millis
from bridge.store.facts import SWEPT
from bridge.store.poll_results import PollResult
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

FINISHED = (0, 1_000_000)
POLLED = 1_000
FIRST = 10_000_001
"""The ids of those that are polled come after all others."""

LOOKS = 20
SCHEDULE = Schedule((Interval(timedelta(seconds=30)),))


def main(runs: int) -> None:
    """Print the table."""
    found: dict[int, list[dict[str, float]]] = {count: [] for count in FINISHED}
    for _ in range(runs):
        for count in FINISHED:
            found[count].append(measure(count))
    print(f"{POLLED:,} messages polled, SQLite, {runs} runs, medians of {LOOKS}, milliseconds:")
    table(
        ("with this many finished", *(f"{count:,}" for count in FINISHED)),
        [
            (what, *(f"{median([each[what] for each in found[count]]) * 1000:.2f}" for count in FINISHED))
            for what in found[0][0]
        ],
    )


def measure(finished: int) -> dict[str, float]:
    """Time each step, in seconds."""
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{Path(place)}/bridge.db"
        now = datetime.now(UTC)
        watchlist = Watchlist()
        for id_ in range(FIRST, FIRST + POLLED):
            watchlist.add(id_)
        with Store(url, exclusive=True) as store:
            store.configure(watchlist, now, {})
            finish(store, finished, now)
            _poll(store, now)  # the first poll of each is an event
        began = time.perf_counter()
        with Store(url, exclusive=True) as store:
            opened = time.perf_counter() - began
            rows = [Row(id_, '"Pending"') for id_ in range(FIRST, FIRST + PAGE)]
            steps: dict[str, Callable[[], object]] = {
                "what is due (twice a second)": lambda: store.messages.claim(now, 64, ()),
                "what is queued (as above)": lambda: store.deliveries.due("crm", now, 64, ()),
                "recording 1,000 polls": lambda: _poll(store, now),
                "the status line (10 s)": lambda: _beat(store),
                "a scrape, /readyz, the heartbeat": store.summaries.summary,
                "a page of the report": lambda: store.report_hints.note(rows, now),
                "reload": lambda: store.configure(watchlist, now, {}),
                "housekeeping (an hour): clamping": lambda: _clamp(store, now),
                "housekeeping (an hour): pruning": lambda: store.prune(now - timedelta(days=30)),
                "`wbiz-bridge status`, by hand": lambda: store.summaries.summary(finished=True),
            }
            return {what: _time(step) for what, step in steps.items()} | {"a start, which looks for damage": opened}


def finish(store: Store, count: int, now: datetime) -> None:
    """Let there be this many finished messages, all reported, in the last 24 hours."""
    if not count:
        return
    first = to_millis(now - timedelta(days=1))
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}), "
    numbers += f"t(i, at) AS (SELECT i, {first} + i * 86400000 / {count} FROM n) "
    receiver = "'crm'"
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        for into, what in (
            (
                "messages (id, label, listed, added, status, since, sequence, watched_since, polled_at, seen)",
                "i, 'Invoice ' || i, 0, 1, 'sent', at, 1, at, at, 1",
            ),
            (
                "events (position, id, type, at, subject, sequence, message_id, data)",
                "i, 'evt_' || i, 'message.sent', at, 'message/' || i, 1, i, '{\"label\": null}'",
            ),
            (
                (
                    "deliveries (id, event, subject, receiver, state, attempts, created_at, first_due_at, due_at, "
                    "finished_at)"
                ),
                f"i, i, 'message/' || i, {receiver}, 'delivered', 1, at, at, at, at",
            ),
            (
                "attempts (id, receiver, at, duration, outcome, http_status, answer)",
                f"i, {receiver}, at, 0.01, 'delivered', 200, 'ok'",
            ),
            ("carried (delivery, attempt)", "i, i"),
        ):
            connection.exec_driver_sql(f"INSERT INTO {into} {numbers} SELECT {what} FROM t")


def _poll(store: Store, now: datetime) -> None:
    polls = []
    for message in store.messages.claim(now, POLLED, ()):
        verdict = SCHEDULE.judge(message, Observation(Status.PENDING, now))
        polls.append(PollResult(message, verdict, now, now))
    store.record_polls(polls, [])


def _beat(store: Store) -> None:
    store.summaries.queued()
    store.set_fact(SWEPT, "")


def _clamp(store: Store, now: datetime) -> None:
    later = now + timedelta(hours=1)
    store.clamp_time(later, later, later)


def _time(step: Callable[[], object]) -> float:
    taken = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return median(taken)
