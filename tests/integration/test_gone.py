"""A database that is taken away while the bridge runs: it ends in words within seconds, and sends nothing more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.store.errors import GoneError
from bridge.store.store import Store
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.records import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink


def removed(file: Path) -> None:
    file.unlink()


def removed_with_its_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def replaced_by_a_backup(file: Path) -> None:
    (file.parent.parent / "copy.db").replace(file)


def log_removed(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("taken", [removed, removed_with_its_folder, replaced_by_a_backup, log_removed])
def test_daemon_ends_when_its_database_is_taken_away(
    tmp_path: Path, simulator: Simulator, sink: Sink, taken: Callable[[Path], None]
) -> None:
    simulator.account.put(1)
    write_config(tmp_path, config(simulator, sink))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        assert command(tmp_path, "backup", "copy.db").returncode == 0
        taken(tmp_path / "state" / "bridge.db")
        simulator.account.put(1, Status.SENT)
        assert daemon.process.wait(20) == 74
    last = daemon.log().splitlines()[-1]
    assert "is not the one that was opened" in last
    assert "Put it back, or restore a backup" in last
    assert "Traceback" not in daemon.log()
    assert sink.count == 1, "what could not be kept was not sent"


@pytest.mark.slow
def test_restart_after_a_restore_sends_the_rest_once(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    write_config(tmp_path, config(simulator, sink))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        assert command(tmp_path, "backup", "copy.db").returncode == 0
        shutil.rmtree(tmp_path / "state")
        simulator.account.put(1, Status.SENT)
        assert daemon.process.wait(20) == 74
    (tmp_path / "state").mkdir()
    shutil.copy(tmp_path / "copy.db", tmp_path / "state" / "bridge.db")
    assert command(tmp_path, "poll").returncode == 0
    assert [b'"message.pending"' in each.body for each in sink.records()] == [True, False]


def test_file_that_another_process_opens_and_closes_is_still_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bridge.db"
    with Store(url, exclusive=True) as store:
        for number in range(1, 4):
            with Store(url) as other:
                other.messages.watch([number], NOW)
            store.set_fact("colour", "green")
        (tmp_path / "bridge.db").unlink()
        with pytest.raises(GoneError):
            store.fact("colour")
        with pytest.raises(GoneError):
            store.set_fact("colour", "red")
        assert not (tmp_path / "bridge.db").exists()


def config(simulator: Simulator, sink: Sink, **more: Any) -> dict[str, Any]:
    return bridge_config(
        simulator, [webhook(sink, events=["message.*"])], [1], database="sqlite:///state/bridge.db", **more
    )
