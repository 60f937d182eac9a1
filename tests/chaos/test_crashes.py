"""Crash anywhere: the daemon is ended again and again while messages go through their lives and receivers misbehave.

Afterwards the receiver's own record is compared with what really happened to the messages. Nothing here looks into the
bridge to know what is true.
"""

from __future__ import annotations

import itertools
import json
import random
import signal
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, account, command, write_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.timeout(400)

FINAL = (Status.SENT, Status.FAILED, Status.CANCELLED, Status.EXPIRED)
_SETTLE = 200.0


@dataclass(frozen=True)
class Plan:
    """How long and how hard. ``lives`` is the span of seconds over which messages come to their final status."""

    messages: int
    ends: int
    lives: float
    seed: int = 7


SHORT = Plan(messages=120, ends=4, lives=4)
LONG = Plan(messages=1000, ends=30, lives=50)


@pytest.mark.chaos
def test_a_few_kills_lose_and_invent_nothing(tmp_path: Path) -> None:
    chaos(tmp_path, SHORT, f"sqlite:///{tmp_path}/bridge.db", kill)


@pytest.mark.chaos
def test_thirty_kills_lose_and_invent_nothing(tmp_path: Path) -> None:
    chaos(tmp_path, LONG, f"sqlite:///{tmp_path}/bridge.db", kill)


@pytest.mark.chaos
def test_thirty_stops_lose_and_invent_nothing(tmp_path: Path) -> None:
    chaos(tmp_path, LONG, f"sqlite:///{tmp_path}/bridge.db", terminate)


@pytest.mark.chaos
@pytest.mark.postgres
def test_thirty_kills_on_postgresql_lose_and_invent_nothing(tmp_path: Path, postgres_url: str) -> None:
    chaos(tmp_path, LONG, postgres_url, kill)


def kill(daemon: Daemon) -> None:
    daemon.kill()


def terminate(daemon: Daemon) -> None:
    code, seconds = daemon.stop(signal.SIGTERM)
    assert code == 0, daemon.log()[-3000:]
    assert seconds < 5


def chaos(folder: Path, plan: Plan, database: str, end: Callable[[Daemon], None]) -> None:
    chance = random.Random(plan.seed)
    with Simulator() as simulator, Sink(answer=misbehaving(chance)) as sink:
        truth = lives(simulator, plan, chance)
        write_config(folder, config(simulator, sink, database, list(truth)))
        for _ in range(plan.ends):
            with Daemon(folder) as daemon:
                daemon.wait_until_ready()
                time.sleep(chance.uniform(0.1, 2 * plan.lives / plan.ends))
                end(daemon)
        # The receiver is well again, or the last retries would be a matter of luck; each waits for its time still.
        sink.answer = lambda _: Answer.ok()
        with Daemon(folder) as daemon:
            daemon.wait_until_ready()
            until_settled(folder, len(truth))
            terminate(daemon)
        received = sink.records()
    assert_told_what_happened(received, truth)
    assert {(told["data"]["message_id"], told["data"]["sequence"]) for told in map(body_of, received)} == {
        (event["data"]["message_id"], event["data"]["sequence"]) for event in events_of(folder)
    }
    if database.startswith("sqlite"):
        with sqlite3.connect(folder / "bridge.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def lives(simulator: Simulator, plan: Plan, chance: random.Random) -> dict[int, list[str]]:
    """Let messages be sent, each with a life of its own, and tell what it will be."""
    truth = {}
    for message_id in range(1001, 1001 + plan.messages):
        final = chance.choice(FINAL)
        after = chance.uniform(0, plan.lives)
        error = f"error {message_id}" if final is Status.FAILED else None
        simulator.account.put(message_id, Status.PENDING, script=[(after, final, error)])
        truth[message_id] = [str(Status.PENDING), str(final)]
    return truth


def misbehaving(chance: random.Random) -> Callable[[Recorded], Answer]:
    """Answer every third POST with a 503, a cut connection or not in time."""

    def answer(_: Recorded) -> Answer:
        return chance.choice(
            (Answer.ok(), Answer.ok(), chance.choice((Answer.status(503), Answer.cut(), Answer.hang())))
        )

    return answer


def config(simulator: Simulator, sink: Sink, database: str, ids: Sequence[int]) -> dict[str, Any]:
    receivers = [webhook(sink, events=["message.*"], timeout="400ms", concurrency=16)]
    wbiztool, poll = account(simulator, rate_limit="2000/s"), {"every": "1s", "unknown_after": "0s"}
    return bridge_config(simulator, receivers, ids, wbiztool=wbiztool, poll=poll, database=database)


def until_settled(folder: Path, messages: int) -> None:
    """Wait until every message has a final status and nothing is queued."""
    deadline = time.monotonic() + _SETTLE
    while time.monotonic() < deadline:
        shown = json.loads(command(folder, "status", "--json").stdout)
        statuses = shown["messages"]["by_status"]
        queued = sum(states.get("queued", 0) for states in shown["receivers"].values())
        if sum(statuses.get(str(status), 0) for status in FINAL) == messages and not queued:
            return
        time.sleep(0.5)
    raise AssertionError(f"not settled: {shown}")


def events_of(folder: Path) -> list[dict[str, Any]]:
    """List the bridge's own record of messages' transitions."""
    listed = json.loads(command(folder, "events", "--json", "-n", "100000").stdout)
    return [event for event in listed if event["type"].startswith("message.")]


def body_of(record: Recorded) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(record.body)
    return told


def assert_told_what_happened(received: Sequence[Recorded], truth: dict[int, list[str]]) -> None:
    """Compare what arrived with what happened."""
    taken: dict[int, list[dict[str, Any]]] = {message_id: [] for message_id in truth}
    ids: dict[str, tuple[int, int]] = {}
    bodies: dict[str, bytes] = {}
    for record in received:
        told = body_of(record)
        message_id, sequence = told["data"]["message_id"], told["data"]["sequence"]
        # One id for each transition, and the same bytes on every attempt.
        assert record.headers["webhook-id"] == told["id"]
        assert ids.setdefault(told["id"], (message_id, sequence)) == (message_id, sequence)
        assert bodies.setdefault(told["id"], record.body) == record.body
        if told["id"] not in {earlier["id"] for earlier in taken[message_id]}:
            taken[message_id].append(told)
    assert len(set(ids.values())) == len(ids), "a transition came with two ids"
    for message_id, story in truth.items():
        events = taken[message_id]
        assert [event["data"]["sequence"] for event in events] == list(range(1, len(events) + 1)), (
            "out of order, or lost"
        )
        statuses = [event["data"]["current"]["status"] for event in events]
        assert statuses[-1:] == story[-1:], f"message {message_id} ended as {story[-1]}, told were {statuses}"
        assert is_part_of(statuses, story), f"told were {statuses}, true is {story}"
        for before, after in itertools.pairwise(events):
            assert after["data"]["previous"] == before["data"]["current"] | {}


def is_part_of(told: Sequence[str], story: Sequence[str]) -> bool:
    """Whether all that was told happened, in that order; what came and went between two polls is not seen."""
    rest = iter(story)
    return all(status in rest for status in told)
