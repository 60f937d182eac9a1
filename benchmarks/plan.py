"""A plan on paper: what does a sender of ten million messages a day need? By simulation, from measured unit costs.

How often a message is polled is computed by the bridge's own rules (:mod:`bridge.domain.poll_schedule`) over messages
with lives as assumed below. What a poll and an event cost is measured first: the real daemon on PostgreSQL, and
PostgreSQL itself.
"""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import daemon, median, table, until
from benchmarks.nodes import database, settings
from benchmarks.stub import stub
from bridge.domain.model import Message, Observation, State, Status
from bridge.domain.poll_schedule import Interval, Schedule

A_DAY = 10_000_000
PEAK = 3.0
"""How many times the day's mean rate the busiest minutes see."""

LATENCY = 0.2
"""Seconds that the API takes to answer."""

LIVES = ((0.80, 8.0), (0.15, 300.0), (0.04, 3 * 3600.0), (0.01, 3 * 86400.0))
"""Assumed: which part of the messages is done after how many seconds in the mean, exponentially."""

SAMPLE = 10_000
PAGE = 200
SWEEP = 15.0
SWEPT = 600.0
"""With the report as a hint: so often, in seconds, the pages with the messages of the last this many are looked at."""

POLLS = 20_000
EVENTS = 5_000
_TICKS = os.sysconf("SC_CLK_TCK")
_START = datetime(2026, 1, 1, tzinfo=UTC)

EVERY_30_S = Schedule((Interval(timedelta(seconds=30)),), stop_after=timedelta(days=7))
BY_AGE = Schedule(
    (
        Interval(timedelta(seconds=5), timedelta(minutes=2)),
        Interval(timedelta(seconds=30), timedelta(hours=1)),
        Interval(timedelta(minutes=5), timedelta(days=1)),
        Interval(timedelta(minutes=30)),
    ),
    stop_after=timedelta(days=7),
)
RELAXED = Schedule((Interval(SWEPT * timedelta(seconds=1), timedelta(days=1)), Interval(timedelta(hours=1))),
                   stop_after=timedelta(days=7))  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """Seconds of a processor: of the bridge and of PostgreSQL, for a poll, and for an event with its delivery."""

    poll: float
    poll_database: float
    event: float
    event_database: float


@dataclass(frozen=True)
class Load:
    """What polling takes for a message: calls for its status, pages of the report; and the median notice in seconds."""

    polls: float
    pages: float
    notice: float


def main(runs: int) -> None:
    """Print the plan."""
    measured = [measure() for _ in range(runs)]
    costs = Costs(*(median([getattr(each, name) for each in measured]) for name in Costs.__match_args__))
    print(f"measured on PostgreSQL, {runs} runs, medians, milliseconds of a processor: the bridge, PostgreSQL")
    print(f"a poll {costs.poll * 1e3:.2f}, {costs.poll_database * 1e3:.2f}; an event with its delivery "
          f"{costs.event * 1e3:.2f}, {costs.event_database * 1e3:.2f}")  # fmt: skip
    loads = {
        "every: 30s (the default)": simulate(EVERY_30_S),
        "intervals by age": simulate(BY_AGE),
        "the report as a hint": simulate_hint(),
    }
    rate = A_DAY / 86400 * PEAK
    print(f"\n{A_DAY:,} messages a day, {rate:,.0f}/s in the busiest minutes; a quarter more for what is not foreseen:")
    rows = []
    for name, load in loads.items():
        calls = rate * (load.polls + load.pages)
        bridge = 1.25 * (calls * costs.poll + rate * costs.event)
        stored = 1.25 * (rate * load.polls * costs.poll_database + rate * costs.event_database)
        rows.append(
            (
                name,
                f"{load.polls:.1f}",
                f"{load.notice:.0f} s",
                f"{calls:,.0f}",
                f"{calls * LATENCY:,.0f}",
                f"{bridge:.1f}",
                f"{stored:.1f}",
            )
        )
    table(("", "polls/message", "median notice", "calls/s", "in flight", "cores, nodes", "cores, PostgreSQL"), rows)


def simulate(schedule: Schedule, *, seed: int = 7) -> Load:
    """Let messages live, and poll them by a schedule until they are done or given up."""
    chance = random.Random(seed)
    polls, late = 0, []
    for life in _lives(chance):
        done = _START + timedelta(seconds=life)
        message = Message(1, state=State(Status.PENDING, _START), sequence=1, watched_since=_START)
        at: datetime | None = _START
        while at is not None:
            polls += 1
            if at >= done:
                late.append((at - done).total_seconds())
                break
            verdict = schedule.judge(message, Observation(Status.PENDING, at))
            at = schedule.next_poll(message, verdict, at, chance.random)
    return Load(polls / SAMPLE, 0.0, median(late))


def simulate_hint(*, seed: int = 7) -> Load:
    """The same with the report: what changed since the last sweep is polled at once, all else at a relaxed interval.

    A message is polled when it appears, and when its row changes while it is among those that are swept.
    """
    chance = random.Random(seed)
    relaxed = simulate(RELAXED, seed=seed)
    polls, late = 0.0, []
    for life in _lives(chance):
        if life <= SWEPT:
            polls += 2
            late.append(chance.uniform(0, SWEEP))
        else:
            polls += relaxed.polls
            late.append(chance.uniform(0, SWEPT))
    return Load(polls / SAMPLE, SWEPT / SWEEP / PAGE, median(late))


def _lives(chance: random.Random) -> list[float]:
    weights, means = zip(*LIVES, strict=True)
    return [chance.expovariate(1 / mean) for mean in chance.choices(means, weights, k=SAMPLE)]


def measure() -> Costs:
    """Let the daemon poll what stays pending, then what has failed, each on a database of its own."""
    poll, poll_database = _measured(POLLS, changes=False)
    both, both_database = _measured(EVENTS, changes=True)
    return Costs(poll, poll_database, max(0.0, both - poll), max(0.0, both_database - poll_database))


def _measured(count: int, *, changes: bool) -> tuple[float, float]:
    """Return the seconds of the daemon and of PostgreSQL for each poll; with ``changes``, its event included."""
    with ExitStack() as stack:
        server = stack.enter_context(stub(changes=changes, core=None))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        watched = EVENTS + 500
        (folder / "ids.txt").write_text("\n".join(map(str, range(1, watched + 1))))
        wanted = settings(server.url, stack.enter_context(database()))
        wanted["wbiztool"]["concurrency"] = 16
        wanted["receivers"][0]["concurrency"] = 16
        calls = 2 * count if changes else count
        before_any = 2 * 250 if changes else watched + 500  # the first poll of each message is an event
        process = stack.enter_context(daemon(folder, wanted, core=None))
        until(lambda: server.calls > before_any)
        first, first_database, begun = process.read(), _postgres(), server.calls
        until(lambda: server.calls >= begun + calls)
        last, last_database, ended = process.read(), _postgres(), server.calls
    each = (ended - begun) / (2 if changes else 1)
    return (last.cpu - first.cpu) / each, (last_database - first_database) / each


def _postgres() -> float:
    """Seconds that all of PostgreSQL's processes on this machine have used; those that ended are with their parent."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
        except OSError:
            continue
        if name == "postgres":
            fields = rest.split()
            used += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return used / _TICKS
