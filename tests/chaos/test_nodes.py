"""Several daemons on one PostgreSQL database: nothing is done by two at once, and who dies is stood in for."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.chaos.test_crashes import Plan, assert_told_what_happened, config, lives, misbehaving, until_settled
from tests.world.daemon import Daemon, write_config
from tests.world.nodes import cut_connections, leases
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

LEASE = 3.0
PLAN = Plan(messages=1000, ends=20, lives=50)


def start(folder: Path, settings: Mapping[str, Any], name: str) -> Daemon:
    """Start a node with a folder of its own."""
    own = folder / name
    own.mkdir(exist_ok=True)
    write_config(own, settings)
    return Daemon(own, first=leases(LEASE))


@contextmanager
def started(folder: Path, settings: Mapping[str, Any], count: int) -> Iterator[list[Daemon]]:
    with ExitStack() as stack:
        daemons = [stack.enter_context(start(folder, settings, f"node-{number}")) for number in range(count)]
        for daemon in daemons:
            daemon.wait_until_ready()
        yield daemons


@pytest.mark.chaos
@pytest.mark.parametrize("count", [2, 4])
def test_nothing_is_polled_or_sent_by_two_at_once(tmp_path: Path, postgres_url: str, count: int) -> None:
    latency = 0.1
    with Simulator(latency=latency) as simulator, Sink() as sink:
        ids = range(1, 201)
        for message_id in ids:
            simulator.account.put(message_id)
        settings = config(simulator, sink, postgres_url, ids)
        settings["receivers"] = [
            {"name": name, "webhook": f"{sink.url}/{name}", "events": ["message.*"]} for name in "abcd"
        ]
        with started(tmp_path, settings, count) as daemons:
            sink.wait_for(4 * len(ids), 60)
            for message_id in ids:
                simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
            sink.wait_for(4 * 2 * len(ids), 60)
            for daemon in daemons:
                assert daemon.stop()[0] == 0, daemon.log()[-2000:]
        polled = defaultdict(list)
        for call in simulator.records():
            if call.message_id is not None:
                polled[call.message_id].append(call.at)
        posted = Counter((record.path, record.headers["webhook-id"]) for record in sink.records())
    assert polled.keys() == set(ids)
    for moments in polled.values():
        assert all(later - earlier >= latency for earlier, later in itertools.pairwise(moments)), "two polls at once"
    assert len(posted) == 4 * 2 * len(ids)
    assert set(posted.values()) == {1}, "sent twice"


@pytest.mark.chaos
def test_the_accounts_rate_holds_over_all_nodes_while_they_come_and_go(tmp_path: Path, postgres_url: str) -> None:
    rate = 100
    with Simulator() as simulator, Sink() as sink:
        settings = config(simulator, sink, postgres_url, range(1, 301))
        settings["wbiztool"]["rate_limit"] = f"{rate}/s"
        settings["poll"]["every"] = "250ms"
        with start(tmp_path, settings, "first") as first:
            first.wait_until_ready()
            time.sleep(1.5)
            with started(tmp_path, settings, 2) as others:
                time.sleep(3)
                others[0].kill()
                time.sleep(LEASE + 1)
                assert others[1].stop()[0] == 0
            time.sleep(1)
            assert first.stop()[0] == 0
        moments = [call.at for call in simulator.records() if call.message_id is not None]
    # What a thread has been given its moment for is called a little later, and those of a smaller share go on.
    for begin in range(int(moments[-1] - moments[0])):
        calls = sum(begin <= moment - moments[0] < begin + 1 for moment in moments)
        assert calls <= rate * 1.2, f"{calls} calls in second {begin}"
    assert len(moments) > rate * 5


@pytest.mark.chaos
def test_twenty_kills_among_three_nodes_lose_and_invent_nothing(tmp_path: Path, postgres_url: str) -> None:
    """One of three is killed again and again, and started again; once, all connections to the database end."""
    chance = random.Random(PLAN.seed)
    with Simulator() as simulator, Sink(answer=misbehaving(chance)) as sink, ExitStack() as stack:
        truth = lives(simulator, PLAN, chance)
        settings = config(simulator, sink, postgres_url, list(truth))
        names = ["a", "b", "c"]
        daemons = {name: stack.enter_context(start(tmp_path, settings, name)) for name in names}
        for daemon in daemons.values():
            daemon.wait_until_ready()
        again = set()
        for number in range(PLAN.ends):
            time.sleep(chance.uniform(0.1, 2 * PLAN.lives / PLAN.ends))
            if number == PLAN.ends // 2:
                cut_connections(postgres_url)
            name = chance.choice(names)
            daemons[name].kill()
            daemons[name] = stack.enter_context(start(tmp_path, settings, name))
            again.add(name)
        sink.answer = lambda _: Answer.ok()
        for name in again:
            daemons[name].wait_until_ready()
        until_settled(tmp_path / "a", len(truth))
        for daemon in daemons.values():
            assert daemon.stop()[0] == 0
        received = sink.records()
    assert_told_what_happened(received, truth)


@pytest.mark.chaos
def test_a_dead_nodes_work_is_taken_over_within_a_lease(tmp_path: Path, postgres_url: str) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        settings = config(simulator, sink, postgres_url, [1])
        with start(tmp_path, settings, "first") as first:
            first.wait_until_ready()
            sink.wait_for(1)
            with start(tmp_path, settings, "second") as second:
                second.wait_until_ready()
                time.sleep(0.5)
                first.kill()
                killed = time.monotonic()
                simulator.account.put(1, Status.FAILED, "Invalid phone number")
                sink.wait_for(2, LEASE + 5)
                assert time.monotonic() - killed < LEASE + 2
                until(lambda: "delivered" in second.log())
