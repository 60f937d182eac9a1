"""Whose files are they? Only their owner reads what the bridge writes, and whoever may not use it is told why."""

from __future__ import annotations

import os
import pwd
import tempfile
from importlib import import_module
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.store.errors import DatabaseError
from bridge.store.sqlite_files import obstacle
from bridge.store.store import Store
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.power import lay_down_power_over_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture(autouse=True)
def _only_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("not on this platform: only root can give files to another user")


def open_to_all() -> None:
    """Run with an umask that takes nothing away."""
    os.umask(0)


def as_nobody() -> None:
    """Run as another user than the one who made the files, who may not see where Python's own modules are."""
    for name in (
        "encodings.utf_8_sig",
        "bridge.daemon.single_pass",
        "bridge.daemon.daemon",
        "bridge.config.watcher",
        "sqlalchemy.dialects.sqlite",
    ):
        import_module(name)
    CliRunner().invoke(app, ["run", "--help"])  # which has Typer read what it reads late
    lay_down_power_over_files()
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)


def config(simulator: Simulator, sink: Sink, **more: Any) -> dict[str, Any]:
    """Where the database is, the configuration does not say."""
    receivers = [{"name": "crm", "webhook": sink.url}]
    return bridge_config(simulator, receivers, [1], **{"poll": None, "database": None, **more})


def modes(folder: Path) -> dict[str, int]:
    return {file.name: S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.slow
def test_files_are_private_whatever_the_umask(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    home = {"XDG_STATE_HOME": str(tmp_path / "home")}
    write_config(tmp_path, config(simulator, sink))
    with Daemon(tmp_path, extra=home, first=open_to_all) as daemon:
        daemon.wait_until_ready()
        assert command(tmp_path, "backup", "copy.db", extra=home, first=open_to_all).returncode == 0
        state = tmp_path / "home" / "wbiz-bridge"
        names = [f"bridge.db{end}" for end in ("", "-wal", "-shm", ".lock", ".sock")]
        assert modes(state) == dict.fromkeys(names, 0o600)
        assert (S_IMODE(state.stat().st_mode), S_IMODE(state.parent.stat().st_mode)) == (0o700, 0o700)
        assert modes(tmp_path)["copy.db"] == 0o600
        assert daemon.stop()[0] == 0


def test_files_that_are_wider_are_narrowed(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    home = {"XDG_STATE_HOME": str(tmp_path / "home")}
    write_config(tmp_path, config(simulator, sink))
    assert command(tmp_path, "poll", extra=home).returncode == 0
    state = tmp_path / "home" / "wbiz-bridge"
    state.chmod(0o755)
    for file in state.iterdir():
        file.chmod(0o644)
    assert command(tmp_path, "poll", extra=home).returncode == 0
    assert modes(state) == {"bridge.db": 0o600, "bridge.db.lock": 0o600}
    assert S_IMODE(state.stat().st_mode) == 0o700


def test_folder_that_is_not_the_bridges_own_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True):
        assert S_IMODE(tmp_path.stat().st_mode) == 0o755
        assert set(modes(tmp_path).values()) == {0o600}


def test_database_under_two_names_has_one_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "bridge.db")
    with Store(f"sqlite:///{tmp_path}/link.db", exclusive=True):
        assert set(modes(tmp_path / "real")) == {"bridge.db", "bridge.db-wal", "bridge.db-shm", "bridge.db.lock"}
        assert set(modes(tmp_path / "real").values()) == {0o600}


@pytest.mark.slow
def test_files_that_root_made_are_told_with_owner_and_fix(common: Path, simulator: Simulator, sink: Sink) -> None:
    """Root tried it out first, then a service was started as another user: words and a code that ends the restarts."""
    state = common / "state"
    state.mkdir()
    write_config(common, config(simulator, sink, database=f"sqlite:///{state}/bridge.db"))
    assert command(common, "watch", "1").returncode == 0
    (common / "config.yaml").chmod(0o600)
    for path in (common / "config.yaml", state):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    for name in ("run", "poll"):
        ended = command(common, name, first=as_nobody)
        assert ended.returncode == 74
        assert ended.stderr == (
            f"wbiz-bridge: the database {state}/bridge.db cannot be opened: user nobody may not read and write "
            f"{state}/bridge.db, which belongs to root (mode 0600); fix: chown nobody {state}/bridge.db*\n"
        )
    for file in state.iterdir():
        os.chown(file, NOBODY.pw_uid, NOBODY.pw_gid)
    assert "the database" not in command(common, "messages", first=as_nobody).stderr


def test_what_root_makes_in_anothers_folder_belongs_to_that_one(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY.pw_uid, NOBODY.pw_gid)
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True):
        assert {file.stat().st_uid for file in tmp_path.iterdir()} == {NOBODY.pw_uid}


def test_configuration_that_cannot_be_read_ends_with_78_and_no_usage(
    common: Path, simulator: Simulator, sink: Sink
) -> None:
    path = write_config(common, config(simulator, sink))
    path.chmod(0o600)
    for name in ("run", "poll", "check", "messages"):
        ended = command(common, name, "-c", str(path), first=as_nobody)
        assert ended.returncode == 78
        assert "the file cannot be read: Permission denied" in ended.stderr
        assert "Usage" not in ended.stderr + ended.stdout
    missing = command(common, "run", "-c", "missing.yaml")
    assert (missing.returncode, "no such file" in missing.stderr) == (78, True)


@pytest.mark.slow
def test_secret_file_that_cannot_be_read_is_told_without_usage(common: Path) -> None:
    secret = common / "crm.secret"
    assert command(common, "secret", "new", "--ed25519", "-o", str(secret)).returncode == 0
    for arguments, code, words in (
        (("public", "crm.secret"), 1, "crm.secret can't be read: Permission denied"),
        (("new", "-o", "crm.secret"), 2, "crm.secret already exists"),
        (("new", "-o", "other.secret"), 1, "other.secret can't be written: Permission denied"),
        (("public", "."), 1, ". can't be read: Is a directory"),
    ):
        ended = command(common, "secret", *arguments, first=as_nobody)
        assert (ended.returncode, ended.stdout) == (code, "")
        assert words in ended.stderr
        assert "Usage" not in ended.stderr


@pytest.mark.slow
def test_key_that_everybody_can_read_is_told_by_check_and_start(common: Path, simulator: Simulator, sink: Sink) -> None:
    path = write_config(common, config(simulator, sink, poll={"every": "1s"}, database="sqlite:///bridge.db"))
    path.chmod(0o644)
    words = f"every user of this machine can read {path}, which holds wbiztool.api_key: chmod o-r {path}"
    checked = command(common, "check")
    assert (checked.returncode, f"warning: {words}" in checked.stderr) == (0, True)
    with Daemon(common) as daemon:
        daemon.wait_until_ready()
        assert daemon.stop()[0] == 0
        assert words in daemon.log()
    path.chmod(0o640)
    assert "every user" not in command(common, "check").stderr


def test_obstacle_is_silent_where_there_is_none(tmp_path: Path) -> None:
    assert obstacle(tmp_path / "bridge.db") is None
    (tmp_path / "file").touch()
    assert obstacle(tmp_path / "file" / "bridge.db") == f"{tmp_path}/file is not a folder"
    with pytest.raises(DatabaseError, match="File name too long"):
        Store(f"sqlite:///{tmp_path}/{'x' * 300}.db")
