"""SIGHUP at a real terminal: closing it ends the daemon, another SIGHUP reloads, nohup keeps it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import Status
from tests.world.daemon import account, environment, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

HERE = Path(__file__).parents[2]


class Started:
    """A daemon that was typed into a terminal."""

    def __init__(self, pid: int, terminal: int, folder: Path) -> None:
        self.pid = pid
        self._terminal = terminal
        self._folder = folder
        self._shown = b""
        self._open = True

    def close_terminal(self) -> None:
        """As closing a window does."""
        self._open = False
        os.close(self._terminal)

    def log(self) -> str:
        """What it has logged, in a file or on the terminal."""
        # Not in a thread: one that waits there would keep the terminal open when it is closed.
        while self._open and select.select([self._terminal], [], [], 0)[0]:
            try:
                self._shown += os.read(self._terminal, 4096)
            except OSError:  # nothing has it open, as nohup leaves it
                break
        file = self._folder / "log"
        return (file.read_text() if file.exists() else "") + self._shown.decode(errors="replace")

    def ends(self) -> int:
        """Wait for its end; its exit code."""
        ended: list[int] = []

        def has_ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.append(os.waitstatus_to_exitcode(status))
            return pid != 0

        until(has_ended, 30)
        return ended[-1]


@contextmanager
def started(folder: Path, line: str) -> Iterator[Started]:
    """Type a line into a terminal of its own, which it controls."""
    environ = environment({"PYTHONPATH": str(HERE), "PYTHON": sys.executable})
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as a shell has it, whatever runs these tests
        os.chdir(folder)
        os.execve("/bin/sh", ["sh", "-c", f"exec {line}"], environ)
    daemon = Started(pid, terminal, folder)
    try:
        until(lambda: "started" in daemon.log(), 30)
        yield daemon
    finally:
        subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)


def prepare(folder: Path, simulator: Simulator, sink: Sink) -> None:
    write_config(
        folder,
        {
            "wbiztool": account(simulator),
            "database": "sqlite:///bridge.db",
            "receivers": [{"name": "crm", "webhook": sink.url}],
            "log": {"format": "json"},
        },
    )


RUN = '"$PYTHON" -m bridge run'


@pytest.mark.slow
def test_closed_terminal_ends_the_daemon_in_order(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    prepare(tmp_path, simulator, sink)
    with started(tmp_path, f"{RUN} 2>log") as daemon:
        daemon.close_terminal()
        assert daemon.ends() == 0
        assert '"why": "SIGHUP: the terminal was closed", "event": "stopping"' in daemon.log()
        assert '"event": "stopped"' in daemon.log()


@pytest.mark.slow
def test_closed_terminal_with_the_log_on_it_ends_the_daemon(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    prepare(tmp_path, simulator, sink)
    with started(tmp_path, RUN) as daemon:
        daemon.close_terminal()
        assert daemon.ends() == 0


@pytest.mark.slow
def test_sighup_at_a_terminal_that_stays_reloads(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    prepare(tmp_path, simulator, sink)
    with started(tmp_path, RUN) as daemon:
        os.kill(daemon.pid, signal.SIGHUP)
        until(lambda: "config_reloaded" in daemon.log())
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.ends() == 0


@pytest.mark.waits
def test_nohup_keeps_the_daemon(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    prepare(tmp_path, simulator, sink)
    with started(tmp_path, f"nohup {RUN} 2>log") as daemon:
        daemon.close_terminal()
        os.kill(daemon.pid, signal.SIGHUP)
        simulator.account.put(1, Status.FAILED, "no such number")
        with (tmp_path / "config.yaml").open("a") as config:
            config.write("messages: [1]\n")
        sink.wait_for(1, 40)  # it follows its file, and polls on
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.ends() == 0
        assert '"why": "SIGTERM"' in daemon.log()
