"""What the configuration names and cannot be read is a fault, and never an empty list."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

from tests.world.daemon import Daemon, account, command, write_config
from tests.world.power import lay_down_power_over_files
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator import Simulator
    from bridge.simulator.sink import Sink


def config(simulator: Simulator, sink: Sink, **more: Any) -> dict[str, Any]:
    return {
        "wbiztool": account(simulator),
        "poll": {"every": "250ms", "attempts": 1},
        "messages": [{"include": "watch.d/*.yaml"}],
        "database": "sqlite:///bridge.db",
        "receivers": [{"name": "crm", "webhook": sink.url, "events": ["*"]}],
        **more,
    }


def refusals(daemon: Daemon) -> int:
    return daemon.log().count('"event": "config_reload_refused"')


def reloads(daemon: Daemon) -> int:
    return daemon.log().count('"event": "config_reloaded"')


def assert_still_polled(simulator: Simulator) -> None:
    polls = simulator.polls[1]
    until(lambda: simulator.polls[1] > polls + 1)


def test_folder_that_may_not_be_read_unwatches_nothing(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """`chmod 700 watch.d` by its owner, and the bridge is another user. Each way to be unreadable is refused."""
    simulator.account.put(1)
    folder = tmp_path / "watch.d"
    folder.mkdir()
    (folder / "ids.yaml").write_text("- 1\n")
    write_config(tmp_path, config(simulator, sink))
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


def test_folder_that_vanished_unwatches_nothing(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """Neither in the running daemon, nor at its start, nor in a single pass; an empty folder does."""
    simulator.account.put(1)
    folder = tmp_path / "watch.d"
    folder.mkdir()
    (folder / "ids.yaml").write_text("- 1\n")
    write_config(tmp_path, config(simulator, sink))
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


def test_folder_that_never_was_there_is_allowed(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """And noticed when it comes."""
    simulator.account.put(1)
    write_config(tmp_path, config(simulator, sink))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        (tmp_path / "watch.d").mkdir()
        (tmp_path / "watch.d" / "ids.yaml").write_text("- 1\n")
        sink.wait_for(1)
        assert daemon.stop()[0] == 0
