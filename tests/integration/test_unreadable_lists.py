"""What the configuration names and cannot be read is a fault, and never an empty list."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.world.config import bridge_config
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.power import lay_down_power_over_files
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

_LISTS = [{"include": "watch.d/*.yaml"}]


def refusals(daemon: Daemon) -> int:
    return daemon.log().count('"event": "config_reload_refused"')


def reloads(daemon: Daemon) -> int:
    return daemon.log().count('"event": "config_reloaded"')


def assert_still_polled(simulator: Simulator) -> None:
    polls = simulator.polls[1]
    until(lambda: simulator.polls[1] > polls + 1)


@pytest.mark.slow
def test_folder_that_may_not_be_read_unwatches_nothing(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """`chmod 700 watch.d` by its owner, and the bridge is another user. Each way to be unreadable is refused."""
    simulator.account.put(1)
    folder = tmp_path / "watch.d"
    folder.mkdir()
    (folder / "ids.yaml").write_text("- 1\n")
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    with Daemon(tmp_path, first=lay_down_power_over_files) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        for count, mode in enumerate((0o300, 0o600, 0o000), 1):  # not listed, not entered, neither
            folder.chmod(mode)
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda count=count: refusals(daemon) == count)  # type: ignore[misc]
            assert_still_polled(simulator)
            if mode == 0:
                checked = command(tmp_path, "check", first=lay_down_power_over_files)
                assert checked.returncode == 78
                assert "Permission denied" in checked.stderr
            folder.chmod(0o700)
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda count=count: reloads(daemon) == count)  # type: ignore[misc]
        assert f"{folder}: the folder cannot be read: Permission denied" in daemon.log()
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_folder_that_vanished_unwatches_nothing(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """Neither in the running daemon, nor at its start, nor in a single pass; an empty folder does."""
    simulator.account.put(1)
    folder = tmp_path / "watch.d"
    folder.mkdir()
    (folder / "ids.yaml").write_text("- 1\n")
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        folder.rename(tmp_path / "elsewhere")
        until(lambda: refusals(daemon) == 1)
        assert f"the folder {folder} is gone" in daemon.log()
        assert_still_polled(simulator)
        assert daemon.stop()[0] == 0
    for name in ("run", "poll"):
        ended = command(tmp_path, name)
        assert ended.returncode == 75, "it may be mounted in a moment"
        assert f"the folder {folder} is gone" in ended.stderr
    assert json.loads(command(tmp_path, "messages", "--json").stdout)[0]["watched"]
    shutil.move(tmp_path / "elsewhere", folder)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        assert_still_polled(simulator)
        shutil.rmtree(folder)
        until(lambda: refusals(daemon) == 2)
        folder.mkdir()
        until(lambda: not json.loads(command(tmp_path, "messages", "--json").stdout)[0]["watched"])
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_folder_that_never_was_there_is_allowed(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """And noticed when it comes."""
    simulator.account.put(1)
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        (tmp_path / "watch.d").mkdir()
        (tmp_path / "watch.d" / "ids.yaml").write_text("- 1\n")
        sink.wait_for(1)
        assert daemon.stop()[0] == 0


def in_place_of_a_file(path: Path, kind: str) -> None:
    """Make something that is no regular file."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            # Its address is short, whatever the folder is called.
            with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
                listening.bind(path.name)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/tty")
        case "endless device":
            path.symlink_to("/dev/zero")


EVENT = {
    "id": "evt_1",
    "type": "source.down",
    "timestamp": "2026-11-23T20:11:12Z",
    "data": {"since": "2026-11-23T20:11:12Z", "reason": "HTTP 502 Bad Gateway"},
}
KINDS = ["pipe", "socket", "folder", "device", "endless device"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["config.yaml", "watch.d/ids.yaml", "ids.txt", "key"])
def test_what_is_no_file_is_a_fault_and_is_not_waited_for(
    tmp_path: Path, simulator: Simulator, sink: Sink, name: str, kind: str
) -> None:
    (tmp_path / "watch.d").mkdir()
    (tmp_path / "ids.txt").write_text("2\n")
    (tmp_path / "key").write_text(simulator.api_key)
    lists = [{"include": "watch.d/*.yaml"}, {"include": "ids.txt"}]
    known = {key: value for key, value in account(simulator).items() if key != "api_key"}
    write_config(tmp_path, bridge_config(simulator, sink, lists, wbiztool={**known, "api_key_file": "key"}))
    (tmp_path / name).unlink(missing_ok=True)
    in_place_of_a_file(tmp_path / name, kind)
    for each in ("check", "run", "poll"):
        done = command(tmp_path, each)
        assert done.returncode == 78, done.stderr
        told = [line for line in done.stderr.splitlines() if line.startswith("config.yaml:")]
        assert len(told) == 1, done.stderr
        assert f"this is a {kind.removeprefix('endless ')}, not a file" in told[0]
        assert re.match(r"config\.yaml:\d+:\d+: ", told[0])


@pytest.mark.waits
@pytest.mark.parametrize("name", ["watch.d/ids.yaml", "config.yaml"])
def test_reload_does_not_wait_for_a_pipe(tmp_path: Path, simulator: Simulator, sink: Sink, name: str) -> None:
    simulator.account.put(1)
    (tmp_path / "watch.d").mkdir()
    (tmp_path / "watch.d" / "ids.yaml").write_text("- 1\n")
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        (tmp_path / name).rename(tmp_path / "kept")
        os.mkfifo(tmp_path / name)
        until(lambda: refusals(daemon) == 1)
        assert "this is a pipe, not a file" in daemon.log()
        assert_still_polled(simulator)
        (tmp_path / "kept").replace(tmp_path / name)
        until(lambda: reloads(daemon) == 1)
        assert daemon.stop()[0] == 0


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device"])
@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
def test_database_that_is_no_file_is_refused_in_words(
    tmp_path: Path, simulator: Simulator, sink: Sink, end: str, kind: str
) -> None:
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    in_place_of_a_file(tmp_path / f"bridge.db{end}", kind)
    for each in ("check", "run", "poll", "watch 1"):
        done = command(tmp_path, *each.split())
        assert done.returncode == 74, done.stderr
        assert f"{end} is a {kind}: " in done.stderr
        assert "Traceback" not in done.stderr


def test_route_takes_a_pipe(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """`wbiz-bridge route <(jq … event.json)`: somebody writes into it."""
    write_config(tmp_path, bridge_config(simulator, sink, _LISTS))
    os.mkfifo(tmp_path / "event.json")
    writer = threading.Thread(target=lambda: (tmp_path / "event.json").write_text(json.dumps(EVENT)))
    writer.start()
    done = command(tmp_path, "route", "event.json")
    writer.join(10)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"crm +yes", done.stdout)
