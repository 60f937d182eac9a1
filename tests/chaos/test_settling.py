"""``settle`` across the ends of daemons: others are told of a receiver once, at its time, and only what is true."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.nodes import leases
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(200)]

SETTLE = 8
LEASE = 3.0
SLOW = 6
"""Seconds that a start, a takeover or the wait for the next probe may take on top."""


class Bridge:
    """Daemons that watch messages, a receiver that fails on demand, and another that is told of it."""

    def __init__(self, folder: Path, simulator: Simulator, database: str) -> None:
        self.folder = folder
        self.simulator = simulator
        self.failing = threading.Event()
        self.told: list[dict[str, Any]] = []
        self._database = database
        self._daemons: list[Daemon] = []

    def answer(self, request: Recorded) -> Answer:
        if request.path.endswith("?ops"):
            event = json.loads(request.body)
            if event not in self.told:  # one that was taken just before a kill is sent again
                self.told.append(event)
            return Answer.ok()
        return Answer.status(404) if self.failing.is_set() else Answer.ok()

    def configure(self, sink: Sink) -> None:
        receivers = [
            webhook(sink, events=["failed"], settle=f"{SETTLE}s"),
            webhook(sink, "ops", events=["receiver.*"]),
        ]
        ids, poll = range(1, 6), {"every": "500ms"}
        write_config(self.folder, bridge_config(self.simulator, receivers, ids, poll=poll, database=self._database))

    def start(self) -> Daemon:
        daemon = Daemon(self.folder, first=leases(LEASE))
        self._daemons.append(daemon)
        daemon.wait_until_ready()
        return daemon

    def end(self) -> None:
        for daemon in self._daemons:
            daemon.kill()

    def breaker(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(command(self.folder, "status", "--json").stdout)["breakers"].get("crm", {})
        return shown

    def break_down(self) -> None:
        """Let the receiver fail, and wait until its breaker is open."""
        self.failing.set()
        for message_id in (1, 2, 3, 4):
            self.simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
        until(lambda: self.breaker().get("state") in {"open", "half-open"}, 30)

    def come_back(self) -> None:
        """Let the receiver take events again, and wait until its breaker is closed."""
        self.failing.clear()
        until(lambda: self.breaker()["state"] == "closed", 30)

    def names(self) -> list[str]:
        return [event["type"] for event in self.told]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def bridge(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bridge]:
    postgres = request.param == "postgres"
    database = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path}/bridge.db"
    with Simulator() as simulator:
        for message_id in (1, 2, 3, 4, 5):
            simulator.account.put(message_id)
        made = Bridge(tmp_path, simulator, database)
        with Sink(made.answer) as sink:
            made.configure(sink)
            try:
                yield made
            finally:
                made.end()


def after(event: dict[str, Any], key: str = "since") -> float:
    """Seconds from what an event tells of to the event itself."""
    moments = (datetime.fromisoformat(text) for text in (event["timestamp"], event["data"][key]))
    at, since = moments
    return (at - since).total_seconds()


def assert_told_once_each_in_time(told: list[dict[str, Any]]) -> None:
    """One pair, each at its time: the clock of ``settle`` went on while nobody ran."""
    down, up = told
    assert (down["type"], up["type"]) == ("receiver.down", "receiver.up")
    assert SETTLE <= after(down) <= SETTLE + SLOW
    assert SETTLE <= after(up) <= SETTLE + SLOW
    assert up["data"]["down_since"] == down["data"]["since"]


def test_settling_goes_on_across_kills(bridge: Bridge) -> None:
    daemon = bridge.start()
    bridge.break_down()
    daemon.kill()
    daemon = bridge.start()
    assert bridge.names() == []
    until(lambda: bridge.names() == ["receiver.down"], SETTLE + SLOW)
    daemon.kill()
    daemon = bridge.start()
    bridge.come_back()
    daemon.kill()
    daemon = bridge.start()
    assert bridge.names() == ["receiver.down"]
    until(lambda: bridge.names() == ["receiver.down", "receiver.up"], SETTLE + SLOW)
    assert not bridge.breaker()["announced_down"]
    time.sleep(SETTLE)
    assert daemon.stop()[0] == 0
    assert_told_once_each_in_time(bridge.told)


def test_receiver_that_came_back_while_nobody_ran_was_not_down(bridge: Bridge) -> None:
    """When the daemon starts, it has been away for longer than ``settle``, as far as the database knows."""
    daemon = bridge.start()
    bridge.break_down()
    daemon.kill()
    bridge.failing.clear()
    time.sleep(SETTLE + 1)
    daemon = bridge.start()
    until(lambda: bridge.breaker()["state"] == "closed", 30)
    time.sleep(SETTLE + 2)
    assert daemon.stop()[0] == 0
    assert bridge.told == []


def test_receiver_that_failed_before_and_after_a_start_is_down_soon(bridge: Bridge) -> None:
    """Nothing but the first probe stands between the start and ``receiver.down``."""
    daemon = bridge.start()
    bridge.break_down()
    daemon.kill()
    time.sleep(SETTLE + 1)
    daemon = bridge.start()
    until(lambda: bridge.names() == ["receiver.down"], SLOW)
    assert daemon.stop()[0] == 0
    assert bridge.told[0]["data"]["reason"].startswith("HTTP 404")


@pytest.mark.postgres
@pytest.mark.parametrize("bridge", ["postgres"], indirect=True)
def test_another_node_goes_on_with_the_settling(bridge: Bridge) -> None:
    """The node that saw it fail is killed, and later the one that saw it come back."""
    first = bridge.start()
    bridge.break_down()
    second = bridge.start()
    first.kill()
    until(lambda: bridge.names() == ["receiver.down"], SETTLE + LEASE + SLOW)
    bridge.come_back()
    third = bridge.start()
    second.kill()
    until(lambda: bridge.names() == ["receiver.down", "receiver.up"], SETTLE + LEASE + SLOW)
    time.sleep(SETTLE)
    assert third.stop()[0] == 0
    assert_told_once_each_in_time(bridge.told)
