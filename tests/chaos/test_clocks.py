"""The wall clock is set by an hour or a day, forward and back, under the real daemon: everything goes on evenly."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, environment, write_config
from tests.world.waiting import until
from tests.world.wall_clock import WallClock

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(200)]

HOUR, DAY = 3600, 86400
EVERY = 1.0
WATCHED = 10
WATCHDOG = 4.0


class Manager:
    """A service manager: counts the signs of life that it gets."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self.pings: list[float] = []
        self.environment = {"NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        while message := self._socket.recv(4096):
            if message == b"WATCHDOG=1":
                self.pings.append(time.monotonic())


def test_clock_that_is_set_disturbs_nothing(tmp_path: Path) -> None:
    """Forward by an hour, back by it, forward by a day, back by it: one daemon bears it all."""
    clock = WallClock(tmp_path / "clock")
    with Simulator() as simulator, Sink() as sink, Manager(tmp_path / "notify") as manager:
        for message_id in range(1, WATCHED + 1):
            simulator.account.put(message_id)
        write_config(tmp_path, config(simulator, sink))
        with Daemon(tmp_path, cold=True, extra=clock.environment() | manager.environment) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(WATCHED)
            for number, step in enumerate((HOUR, 0, DAY, 0), 1):
                before, polls, began = len(sink.records()), simulator.polls.total(), time.monotonic()
                clock.set(step)
                # What a person changes now is seen: the beat has not stopped.
                simulator.account.put(number, Status.FAILED, "no such number")
                write_config(tmp_path, config(simulator, sink, retention=f"{20 + number}d"))
                until(lambda number=number: daemon.log().count("config_reloaded") == number, 10)  # type: ignore[misc]
                record = sink.wait_for(before + 1, 15)[before]
                assert json.loads(record.body)["data"]["message_id"] == number
                assert abs(int(record.headers["webhook-timestamp"]) - clock.now()) < 5
                time.sleep(max(0.0, began + 6 * EVERY - time.monotonic()))
                elapsed, made = time.monotonic() - began, simulator.polls.total() - polls
                left = WATCHED - number
                assert left * (elapsed / EVERY - 2) <= made <= (left + 1) * (elapsed / EVERY / 0.8 + 2)
                assert sink.count == before + 1, "nothing else may be told"
                pings = [ping for ping in manager.pings if ping > began]
                gaps = [b - a for a, b in zip([began, *pings], [*pings, time.monotonic()], strict=True)]
                assert max(gaps) < WATCHDOG, "the service manager would have ended it"
                assert status(tmp_path, clock)["ok"]
            assert daemon.stop()[0] == 0


def status(folder: Path, clock: WallClock) -> dict[str, Any]:
    """What the command says that sees the same clock."""
    line = [sys.executable, "-m", "bridge", "status", "--json"]
    env = environment({"PYTHONPATH": str(Path(__file__).parents[2]), **clock.environment()})
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def config(simulator: Simulator, sink: Sink, **more: Any) -> dict[str, Any]:
    receivers = [webhook(sink, secret="whsec_" + "A" * 32)]
    return bridge_config(simulator, receivers, range(1, WATCHED + 1), poll={"every": f"{EVERY:.0f}s"}, **more)
