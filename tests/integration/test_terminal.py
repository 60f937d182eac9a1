"""The real commands on any terminal, into any pipe, in any encoding: no traceback, and nothing drives the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.model import Details, Status
from bridge.domain.outcome import Retry
from bridge.simulator.sink import Answer, Sink
from bridge.store.store import Store
from tests.unit.domain.test_sanitization import BIDI, drives
from tests.world.daemon import command, environment
from tests.world.records import NOW, due, observe, tried

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

EVIL = f"\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\r{BIDI}évil 🧾"
LISTINGS = (["messages"], ["events"], ["deliveries"], ["status"])
INTERRUPTIBLE = ["env", "--default-signal=INT", sys.executable, "-m", "bridge"]
"""The bridge as a shell starts it. Who runs the tests in the background has SIGINT ignored; children inherit that."""
NO_DAEMON = re.compile(r"note: no daemon is running on \S+/bridge\.db\n")
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
        assert NO_DAEMON.sub("", done.stderr) == ""
        assert not drives(done.stdout.replace("\n", ""))
        if form:
            assert json.loads(done.stdout)
    lines = command(folder, *listing).stdout.splitlines()
    assert len(lines[0]) < 300
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("listing", [["messages"], ["deliveries"]])
def test_table_fits_the_terminal_and_does_not_drive_it(folder: Path, listing: list[str]) -> None:
    lines = COLOURS.sub("", on_terminal(folder, *listing, columns=70)).split("\r\n")
    assert max(len(line) for line in lines if not line.startswith("note: ")) <= 70
    assert not any(map(drives, lines))
    assert any("x1b" in line for line in lines)


@pytest.mark.parametrize("listing", ["messages", "events"])
def test_csv_is_exact_for_what_reads_it_and_drives_no_terminal(folder: Path, listing: str) -> None:
    exact = run(folder, listing, "--csv", "--raw", PYTHONIOENCODING="ascii").stdout
    assert EVIL.encode() in exact
    assert exact.count(b"\r\n") >= 2
    lines = on_terminal(folder, listing, "--csv", "--raw").split("\r\n")
    assert not any(map(drives, lines))
    assert any("x1b" in line for line in lines)


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii"])
def test_any_encoding_will_do(folder: Path, encoding: str) -> None:
    for listing in (["deliveries"], ["messages", "--json"]):
        done = run(folder, *listing, PYTHONIOENCODING=encoding)
        assert (done.returncode, bool(NO_DAEMON.fullmatch(done.stderr.decode()))) == (0, True)
        assert not drives(done.stdout.decode(encoding).replace("\n", ""))
        if "--json" in listing:
            assert json.loads(done.stdout.decode(encoding))[0]["tags"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("BRIDGE messages | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("BRIDGE messages >/dev/full", 1, "wbiz-bridge: cannot write the output: No space left on device\n"),
        ("BRIDGE messages --csv | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("BRIDGE messages --csv >/dev/full", 1, "wbiz-bridge: cannot write the output: No space left on device\n"),
        ("BRIDGE --help >/dev/full", 1, "wbiz-bridge: cannot write the output: No space left on device\n"),
        ("BRIDGE messages --json >&-", 0, ""),
        ("BRIDGE nowhere 2>/dev/full", 2, ""),
        ("mkdir gone; cd gone; rmdir ../gone; BRIDGE messages", 78, "wbiz-bridge: no configuration found"),
        ("BRIDGE events --follow >/dev/full", 1, "wbiz-bridge: cannot write the output"),
    ],
)
def test_any_pipe_will_do(folder: Path, line: str, code: int, said: str) -> None:
    done = shell(folder, line)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    rest = NO_DAEMON.sub("", done.stderr)
    assert rest.startswith(said) if said else rest == "" or code == 78


def test_user_without_a_home_is_told_what_to_set(folder: Path, tmp_path: Path) -> None:
    """A uid that no list of users has, no HOME, and a configuration that leaves the database to its default."""
    if os.geteuid():
        pytest.skip("not on this platform: only root can become another user")
    text = (folder / "config.yaml").read_text().replace("database: sqlite:///bridge.db\n", "")
    (tmp_path / "config.yaml").write_text(text)
    # All modules are read first: this user may not be allowed to.
    script = "import os, sys, encodings.utf_8_sig, platformdirs.unix, bridge.cli.local_bridge, bridge.__main__ as m\n"
    script += "from typer.testing import CliRunner; from bridge.cli.app import app\n"
    script += "CliRunner().invoke(app, ['messages', '--help'])\n"
    script += "[os.environ.pop(name, None) for name in ('HOME', 'XDG_STATE_HOME')]\n"
    script += "sys.argv = ['x', 'messages']; os.setuid(54321); m.main()"
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


def interrupted(
    folder: Path, *arguments: str, seen: bytes, then: Callable[[str], None] = lambda _: None
) -> tuple[int, bytes]:
    """Run a command until it has shown something, then press Ctrl-C; its exit code, and all that it has shown.

    Before that, *then* is called with what it has shown so far.
    """
    process = subprocess.Popen(
        [*INTERRUPTIBLE, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        shown = b""
        while seen not in shown:
            assert select.select([process.stdout], [], [], 60)[0], shown
            part = os.read(process.stdout.fileno(), 65536)
            assert part, shown
            shown += part
        then(shown.decode())
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, shown + rest


def test_ctrl_c_ends_what_waits_for_more_in_order(folder: Path) -> None:
    code, shown = interrupted(folder, "events", "--follow", seen=b"message.failed")
    assert (code, b"Traceback" in shown) == (0, False)
    assert not drives(shown.decode().replace("\n", ""))


@pytest.mark.waits
def test_ctrl_c_ends_a_demo_with_what_came_so_far(folder: Path) -> None:
    code, shown = interrupted(folder, "demo", "--seconds", "600", seen=b"refused with 503")
    assert code == 1
    assert b"messages watched" in shown
    assert b"the demo was ended early" in shown
    assert b"Traceback" not in shown


@pytest.mark.waits
def test_demo_tells_where_its_page_is_and_keeps_it_until_ctrl_c(folder: Path) -> None:
    pages = []

    def look(shown: str) -> None:
        (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+", shown))
        pages.append(requests.get(address, timeout=10).text)

    code, shown = interrupted(folder, "demo", "--seconds", "5", "--keep", seen=b"Press Ctrl-C to end it", then=look)
    assert (code, b"Traceback" in shown) == (0, False)
    assert "Invalid phone number" in pages[0]
    assert b"9 messages watched" in shown


def test_ctrl_c_ends_what_waits_for_an_answer_with_130(folder: Path, tmp_path: Path) -> None:
    """`check --online`, while WbizTool takes its time."""
    with Sink(lambda _: Answer.hang()) as sink:
        text = (folder / "config.yaml").read_text().replace("client_id: 1,", f"client_id: 1, base_url: '{sink.url}',")
        (tmp_path / "config.yaml").write_text(text)
        process = subprocess.Popen(
            [*INTERRUPTIBLE, "check", "--online"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            sink.wait_for(1, 60)
            process.send_signal(signal.SIGINT)
            done = process.communicate(timeout=9)  # before its own timeout of 10 s
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in done[1]


def test_internal_error_is_one_sentence(folder: Path) -> None:
    """A damaged fact, which only a hand can have written, and without which no message may be added."""
    with sqlite3.connect(folder / "bridge.db") as database:
        database.execute("INSERT OR REPLACE INTO meta VALUES ('sequence_floor', '{')")
    try:
        done = run(folder, "watch", "77")
        (line,) = done.stderr.decode().splitlines()
        assert done.returncode == 1
        assert line.startswith(
            "wbiz-bridge: internal error, please report it (see CONTRIBUTING.md): JSONDecodeError at "
        )
        assert "Traceback" in run(folder, "watch", "77", WBIZ_BRIDGE_DEBUG="1").stderr.decode()
    finally:
        with sqlite3.connect(folder / "bridge.db") as database:
            database.execute("DELETE FROM meta WHERE key = 'sequence_floor'")
