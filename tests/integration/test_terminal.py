"""The real commands on any terminal, into any pipe, in any encoding: no traceback, and nothing drives the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bridge.model import Details, Retry, Status
from bridge.store import Store
from tests.unit.test_neutral import BIDI, drives
from tests.world.daemon import command, environment
from tests.world.records import NOW, due, observe, tried

if TYPE_CHECKING:
    from pathlib import Path

EVIL = f"\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\r{BIDI}évil 🧾"
LISTINGS = (["messages"], ["events"], ["deliveries"], ["status"])
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which everything that comes from outside is hostile, and one error is long."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "config.yaml").write_text(
        "wbiztool: {client_id: 1, api_key: 0123456789ab}\nmessages: []\n"
        "receivers: [{name: crm, webhook: 'http://127.0.0.1:9/x'}]\ndatabase: sqlite:///bridge.db\nhttp: off\n"
    )
    with Store(f"sqlite:///{folder}/bridge.db") as store:
        store.messages.watch([1, 2], NOW, Details(EVIL, {EVIL: EVIL}))
        observe(store, 1, Status.FAILED)
        for delivery in due(store):
            tried(store, delivery, Retry(EVIL), answer=EVIL)

    with sqlite3.connect(folder / "bridge.db") as database:
        database.execute("UPDATE messages SET error = ?", (EVIL + "x" * 3000,))
        database.execute("UPDATE events SET data = json_set(data, '$.current.error', ?)", (EVIL + "x" * 3000,))
    return folder


def run(folder: Path, *arguments: str, prefix: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[bytes]:
    started = [*prefix, sys.executable, "-m", "bridge", *arguments]
    return subprocess.run(started, cwd=folder, env=environment(more), capture_output=True, timeout=60, check=False)


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    line = line.replace("BRIDGE", f"{sys.executable} -m bridge")
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def on_terminal(folder: Path, *arguments: str, columns: int = 70) -> str:
    """Run a command on a terminal that is so wide."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(
            sys.executable,
            [sys.executable, "-m", "bridge", *arguments],
            environment({"COLUMNS": str(columns), "TERM": "xterm"}),
        )
    shown, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # it has ended
            break
        shown += part
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize("listing", LISTINGS)
def test_listing_drives_no_reader(folder: Path, listing: list[str]) -> None:
    for form in ([], ["--json"]):
        done = command(folder, *listing, *form)
        assert done.stderr == ""
        assert not drives(done.stdout.replace("\n", ""))
        if form:
            assert json.loads(done.stdout)
    lines = command(folder, *listing).stdout.splitlines()
    assert len(lines[0]) < 300
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("listing", [["messages"], ["deliveries"]])
def test_table_fits_the_terminal_and_does_not_drive_it(folder: Path, listing: list[str]) -> None:
    lines = COLOURS.sub("", on_terminal(folder, *listing, columns=70)).split("\r\n")
    assert max(len(line) for line in lines) <= 70
    assert not any(map(drives, lines))
    assert any("x1b" in line for line in lines)


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii"])
def test_any_encoding_will_do(folder: Path, encoding: str) -> None:
    for listing in (["deliveries"], ["messages", "--json"]):
        done = run(folder, *listing, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert not drives(done.stdout.decode(encoding).replace("\n", ""))
        if "--json" in listing:
            assert json.loads(done.stdout.decode(encoding))[0]["tags"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("BRIDGE messages | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("BRIDGE messages >/dev/full", 1, "wbiz-bridge: cannot write the output: No space left on device\n"),
        ("BRIDGE --help >/dev/full", 1, "wbiz-bridge: cannot write the output: No space left on device\n"),
        ("BRIDGE messages --json >&-", 0, ""),
        ("BRIDGE nowhere 2>/dev/full", 2, ""),
        ("mkdir gone; cd gone; rmdir ../gone; BRIDGE messages", 78, "wbiz-bridge: there is no configuration"),
        ("BRIDGE events --follow >/dev/full", 1, "wbiz-bridge: cannot write the output"),
    ],
)
def test_any_pipe_will_do(folder: Path, line: str, code: int, said: str) -> None:
    done = shell(folder, line)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert done.stderr.startswith(said) if said else done.stderr == "" or code == 78


def test_user_without_a_home_is_told_what_to_set(folder: Path, tmp_path: Path) -> None:
    """A uid that no list of users has, no HOME, and a configuration that leaves the database to its default."""
    if os.geteuid():
        pytest.skip("not on this platform: only root can become another user")
    text = (folder / "config.yaml").read_text().replace("database: sqlite:///bridge.db\n", "")
    (tmp_path / "config.yaml").write_text(text)
    # All modules are read first: this user may not be allowed to.
    script = "import os, sys, encodings.utf_8_sig, platformdirs.unix, bridge.config.load, bridge.__main__ as m\n"
    script += "from typer.testing import CliRunner; CliRunner().invoke(m.app, ['messages', '--help'])\n"
    script += "sys.argv = ['x', 'messages']; os.environ.pop('HOME', None); os.setuid(54321); m.main()"
    tmp_path.chmod(0o755)
    shown = os.open(tmp_path, os.O_RDONLY)  # the folders above it are root's alone
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, "x"],
            cwd=f"/proc/self/fd/{shown}",
            env=environment(),
            pass_fds=[shown],
            capture_output=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(shown)
    assert done.returncode == 78, done.stderr
    assert b"this user has no home folder" in done.stderr
    assert b"Traceback" not in done.stderr


def test_ctrl_c_ends_with_130_or_in_order(folder: Path) -> None:
    script = "import os, signal, sys, time; sys.argv = ['x', 'messages']; from bridge import __main__ as m\n"
    script += "m.app = lambda **_: (os.kill(os.getpid(), signal.SIGINT), time.sleep(30))\nm.main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_internal_error_is_one_sentence(folder: Path) -> None:
    """A damaged fact, which only a hand can have written, and without which no message may be added."""
    with sqlite3.connect(folder / "bridge.db") as database:
        database.execute("INSERT OR REPLACE INTO meta VALUES ('sequence_floor', '{')")
    try:
        done = run(folder, "watch", "77")
        (line,) = done.stderr.decode().splitlines()
        assert done.returncode == 1
        assert line.startswith("wbiz-bridge: internal error, please report it: JSONDecodeError at ")
        assert "Traceback" in run(folder, "watch", "77", WBIZ_BRIDGE_DEBUG="1").stderr.decode()
    finally:
        with sqlite3.connect(folder / "bridge.db") as database:
            database.execute("DELETE FROM meta WHERE key = 'sequence_floor'")
