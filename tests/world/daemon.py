"""The real daemon as a subprocess, with its configuration in a folder of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_START = 20.0
_HERE = Path(__file__).parents[2]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a bridge under test: no configuration, proxy or service manager of this machine's."""
    foreign = ("WBIZ", "NOTIFY_SOCKET", "WATCHDOG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "COV")
    foreign += ("PYTHONDONTWRITEBYTECODE",)  # every start would compile all modules anew
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {**kept, "no_proxy": "*", "NO_PROXY": "*", "PYTHONUNBUFFERED": "1", **(extra or {})}


def command(folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command of the bridge in a folder, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=folder,
        env=environment({"PYTHONPATH": str(_HERE), **(extra or {})}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write a configuration. HTTP is off unless it asks for it: daemons side by side would want the same port."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"http": False, **config}, allow_unicode=True), encoding="utf-8")
    return path


class Daemon:
    """``wbiz-bridge run``, started; its log goes to ``daemon.log`` in the folder.

    Args:
        folder: Holds ``config.yaml``.
        schedule: Divide the waits between deliveries by this: the real ones take days.
    """

    def __init__(
        self, folder: Path, *, hurry: float = 1, most_files: int | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._log = (folder / "daemon.log").open("ab")
        read, write = os.pipe()
        arguments = [sys.executable, str(Path(__file__).with_name("hurried.py")), str(hurry), str(write), "run"]
        if most_files is not None:
            arguments = ["sh", "-c", f'ulimit -n {most_files}; exec "$@"', "sh", *arguments]
        self.process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment({"PYTHONPATH": str(_HERE), **(extra or {})}),
            stdout=self._log,
            stderr=self._log,
            pass_fds=[write],
        )
        os.close(write)
        self._ready = read

    def wait_until_ready(self) -> None:
        """Wait until it polls and delivers."""
        readable, _, _ = select.select([self._ready], [], [], _START)
        if not readable or os.read(self._ready, 1) != b"r":
            raise AssertionError(f"the daemon did not start:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self._close()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """End it as a service manager would; its exit code and how long it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self._close()
        return self.process.returncode, time.monotonic() - started

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        elif not self._log.closed:
            self._close()

    def _close(self) -> None:
        self.process.wait(30)
        if not self._log.closed:
            self._log.close()
            os.close(self._ready)
