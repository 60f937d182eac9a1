"""An hour's work for two hundred messages, in about a minute: memory stays flat, no file and no thread leaks.

At the usual ``poll.every`` of 30 seconds, two hundred messages make 24,000 polls in an hour. Here they are polled every
quarter of a second, until this many have been made, and change their status all the while. Beside the receiver that
takes what it gets, one floods, one hangs, one drips and one refuses connections; the waits between their attempts are
divided by 100,000, so that three days of them, from the first attempt to the dead letter, take three seconds. Those
between the probes of a receiver that fails are the real ones.

(A thousand messages make 120,000 polls in an hour: on two cores, those take several minutes.)
"""

from __future__ import annotations

import itertools
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, account, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.account import Step

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(200)]

MESSAGES = range(1, 201)
POLLS = 24_000
WARM = 8_000
"""Polls after which everything has been done many times: modules are loaded, pools are full."""

HURRY = 100_000
CHANGES_EVERY = 5.0
"""Seconds from a message's change of status to its next one: forty events a second, to five receivers each."""

MORE_KILOBYTES = 4_000
"""How much memory may grow. SQLite's caches do, with the file, by one or two megabytes; if what each poll brought were
kept, it would be eight."""

MORE_FILES = 10
"""As many more calls may be in flight at one look than at another, each with a connection."""

MORE_THREADS = 2
"""The scheduler starts its threads when several jobs meet."""


@dataclass(frozen=True)
class Footprint:
    """What a process takes of the machine."""

    kilobytes: int
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Self:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return cls(int(status["VmRSS"].split()[0]), files, int(status["Threads"]))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="not on this platform: it has no /proc")
def test_an_hour_of_polls_and_deliveries_leaks_neither_memory_nor_files_nor_threads(tmp_path: Path) -> None:
    with (
        Simulator(keep=False) as simulator,
        Sink(keep=False) as good,
        Sink(lambda _: Answer.endless(), keep=False) as floods,
        Sink(lambda _: Answer.hang(), keep=False) as hangs,
        Sink(lambda _: Answer.drip(), keep=False) as drips,
    ):
        for message_id in MESSAGES:
            simulator.account.put(message_id, script=list(restless(message_id)))
        urls = {"good": good.url, "floods": floods.url, "hangs": hangs.url, "drips": drips.url, "refuses": nobody()}
        write_config(tmp_path, config(simulator, urls))
        with Daemon(tmp_path, hurry=HURRY) as daemon:
            daemon.wait_until_ready()
            simulator.wait_for(WARM, 60)
            warm, told = Footprint.of(daemon.process.pid), good.count
            simulator.wait_for(POLLS, 100)
            tired = Footprint.of(daemon.process.pid)
            assert daemon.stop()[0] == 0
        assert good.count - told > 300, "the work was not what it should be"
    assert tired.kilobytes - warm.kilobytes < MORE_KILOBYTES, (warm, tired)
    assert tired.files - warm.files <= MORE_FILES, (warm, tired)
    assert tired.threads - warm.threads <= MORE_THREADS, (warm, tired)
    attempts = attempts_by_receiver(tmp_path / "bridge.db")
    assert {"delivered"} == attempts["good"].keys() == attempts["floods"].keys(), (
        "a flood is a 200 with too much to say"
    )
    dead = dead_letters(tmp_path / "bridge.db")
    for name in ("hangs", "drips", "refuses"):
        assert 10 <= attempts[name]["failed"] <= 80, "it is probed, and not hammered"
        assert dead[name] > 300, dead


def restless(message_id: int) -> Iterator[Step]:
    """Let a message be unknown and pending in turn for longer than the test takes, and not all at the same moments."""
    first = message_id / len(MESSAGES) * CHANGES_EVERY
    for step, status in zip(range(50), itertools.cycle((Status.UNKNOWN, Status.PENDING)), strict=False):
        yield first + step * CHANGES_EVERY, status, None


def nobody() -> str:
    """Name an address on which nobody listens."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/hook"


def attempts_by_receiver(file: Path) -> dict[str, dict[str, int]]:
    with closing(sqlite3.connect(file)) as database:
        counted = database.execute("SELECT receiver, outcome, count(*) FROM attempts GROUP BY 1, 2").fetchall()
    return {name: {kind: count for each, kind, count in counted if each == name} for name, _, _ in counted}


def dead_letters(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as database:
        return dict(database.execute("SELECT receiver, count(*) FROM deliveries WHERE state = 'dead' GROUP BY 1"))


def config(simulator: Simulator, urls: dict[str, str]) -> dict[str, Any]:
    receivers = [
        {"name": name, "webhook": url, "events": ["message.*"], "timeout": "500ms"} for name, url in urls.items()
    ]
    wbiztool, poll = account(simulator, rate_limit="10000/s"), {"every": "250ms", "unknown_after": "0s"}
    return bridge_config(simulator, receivers, MESSAGES, wbiztool=wbiztool, poll=poll)
