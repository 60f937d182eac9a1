"""The daemon's log: what it says of the beginning and the end, and that the work goes on where it can't be written."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.daemon import daemon as daemon_module
from bridge.domain.model import Status
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, environment, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

SECRET = "a-secret-that-nobody-must-see"


def nobody_is_there() -> tuple[int, ...]:
    """A pipe whose reader has gone, as in ``wbiz-bridge run 2>&1 | head -n 1``."""
    read, write = os.pipe()
    os.close(read)
    return (write,)


def nobody_reads() -> tuple[int, ...]:
    """A pipe that is full, and stays so."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"\0" * 4096)
    return write, read


def no_room() -> tuple[int, ...]:
    """The log's disk is full."""
    return (os.open("/dev/full", os.O_WRONLY),)


@pytest.mark.slow
@pytest.mark.parametrize("opened", [nobody_is_there, nobody_reads, no_room])
def test_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, simulator: Simulator, sink: Sink, opened: Callable[[], tuple[int, ...]]
) -> None:
    simulator.account.put(1)
    write_config(tmp_path, bridge_config(simulator, sink, [1], log={"level": "debug"}))
    errors, *others = opened()
    try:
        with Daemon(tmp_path, errors=errors) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            simulator.account.put(1, Status.FAILED, "no such number")
            assert json.loads(sink.wait_for(2)[1].body)["type"] == "message.failed"
            code, seconds = daemon.stop()
    finally:
        for descriptor in (errors, *others):
            os.close(descriptor)
    assert (code, seconds < 6) == (0, True)


@pytest.mark.slow
def test_closed_standard_streams_become_nobody_else_s(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """A socket or the database would get their numbers, and what is written to standard error would go in there."""
    simulator.account.put(1)
    write_config(tmp_path, bridge_config(simulator, sink, [1]))
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "bridge", "run"]
    here = str(Path(__file__).parents[2])
    with subprocess.Popen(closed, cwd=tmp_path, env=environment({"PYTHONPATH": here})) as process:
        try:
            sink.wait_for(1, 40)  # it starts cold
            for number in range(3):
                assert Path(f"/proc/{process.pid}/fd/{number}").readlink() == Path(os.devnull)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def lines(daemon: Daemon) -> list[dict[str, Any]]:
    return [json.loads(line) for line in daemon.log().splitlines()]


def test_log_says_why_it_stops_and_what_is_left(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    nowhere = {"name": "nowhere", "webhook": "http://127.0.0.1:1/", "events": ["*"]}
    settings = bridge_config(simulator, sink, [1])
    write_config(tmp_path, settings | {"receivers": [*settings["receivers"], nowhere]})
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: '"delivered"' in daemon.log() and '"delivery_failed"' in daemon.log())
        assert daemon.stop(signal.SIGINT)[0] == 0
        events = {line["event"]: line for line in lines(daemon)}
        assert events["stopping"]["why"] == "SIGINT"
        assert [line["event"] for line in lines(daemon)][-1] == "stopped"
        assert events["stopped"]["queued"] == 1


@pytest.mark.slow
def test_log_names_what_a_reload_has_changed_and_no_value(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, [1])
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        settings["receivers"][0]["headers"] = {"Authorization": SECRET}
        settings["receivers"].append({"name": "ops", "webhook": f"{sink.url}?{SECRET}"})
        write_config(tmp_path, settings | {"messages": [2, 3], "retention": "3d", "poll": {"every": "1s"}})
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "config_reloaded" in daemon.log())
        assert daemon.stop()[0] == 0
        (line,) = (line for line in lines(daemon) if line["event"] == "config_reloaded")
        assert sorted(line["changed"]) == [
            "messages (2 added, 1 removed)",
            "poll.attempts",
            "poll.every",
            "receivers.crm.headers",
            "receivers.ops (added)",
            "retention",
        ]
        assert SECRET not in daemon.log()


def have_a_fault() -> None:
    def fault(_: object) -> None:
        raise RuntimeError(f"nobody expected {SECRET}")

    daemon_module.Daemon._plan = fault  # type: ignore[method-assign,assignment] # in a process of its own


def test_traceback_goes_into_the_log_without_secrets(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    settings = bridge_config(simulator, sink, [1])
    settings["receivers"][0]["headers"] = {"Authorization": SECRET}
    write_config(tmp_path, settings)
    with Daemon(tmp_path, first=have_a_fault) as daemon:
        assert daemon.process.wait(20) == 1
        line = lines(daemon)[-1]
        assert (line["event"], line["level"], line["why"]) == ("internal_error", "critical", "nobody expected ***")
        assert line["exception"].splitlines()[-1] == "RuntimeError: nobody expected ***"
