"""The real daemon as a subprocess, with its configuration in a folder of its own."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from bridge.__main__ import main
from tests.world import hurried, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.api import Simulator

_START = 20.0
_HERE = Path(__file__).parents[2]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a bridge under test: no configuration, proxy or service manager of this machine's."""
    foreign = (
        *("WBIZ", "NOTIFY_SOCKET", "WATCHDOG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "COV"),
        "PYTHONDONTWRITEBYTECODE",  # every start would compile all modules again
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {**kept, "no_proxy": "*", "NO_PROXY": "*", "PYTHONUNBUFFERED": "1", **(extra or {})}


def command(
    folder: Path, *arguments: str, extra: Mapping[str, str] | None = None, first: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the bridge in a folder, to its end; before it, *first* in the same process."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = warm.start(
            _run,
            *(first, main),
            arguments=[*arguments],
            folder=folder,
            environment=environment(extra),
            output=output.fileno(),
            errors=errors.fileno(),
        )
        try:
            code = process.wait(60)
        finally:
            process.kill()
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write a configuration. HTTP is off unless it asks for it: daemons side by side would want the same port."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"http": False, **config}, allow_unicode=True), encoding="utf-8")
    return path


def account(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """What a configuration says under ``wbiztool:`` to poll a simulator, fast unless ``more`` says otherwise."""
    return {
        "client_id": simulator.client_id,
        "api_key": simulator.api_key,
        "base_url": simulator.base_url,
        "rate_limit": "1000/s",
        **more,
    }


class Daemon:
    """``wbiz-bridge run``, started; its log goes to ``daemon.log`` in the folder.

    Args:
        folder: Holds ``config.yaml``.
        hurry: Divide the waits between deliveries by this: the real ones take days.
        most_files: How many files it may open.
        extra: More environment variables.
        first: Called in the process before it runs.
        cold: Start it as a user would, with a command line of its own.
        errors: The descriptor that its log goes to, if not to the file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hurry: float = 1,
        most_files: int | None = None,
        extra: Mapping[str, str] | None = None,
        first: Callable[[], None] | None = None,
        cold: bool = False,
        errors: int | None = None,
    ) -> None:
        self.folder = folder
        self._log = (folder / "daemon.log").open("ab")
        self._errors = self._log.fileno() if errors is None else errors
        self._ready, write = os.pipe()
        self.process = self._cold(hurry, write, extra) if cold else self._warm(hurry, write, extra, most_files, first)
        os.close(write)

    def _warm(
        self,
        hurry: float,
        ready: int,
        extra: Mapping[str, str] | None,
        most_files: int | None,
        first: Callable[[], None] | None,
    ) -> warm.Process:
        return warm.start(
            _run_daemon,
            *(first, most_files, hurry, warm.Descriptor(ready)),
            arguments=["run"],
            folder=self.folder,
            environment=environment(extra),
            output=self._log.fileno(),
            errors=self._errors,
        )

    def _cold(self, hurry: float, ready: int, extra: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("hurried.py")), str(hurry), str(ready), "run"],
            cwd=self.folder,
            env=environment({"PYTHONPATH": str(_HERE), **(extra or {})}),
            stdout=self._log,
            stderr=self._errors,
            pass_fds=[ready],
        )

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
        return self._close(), time.monotonic() - started

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

    def _close(self) -> int:
        code = self.process.wait(30)
        if not self._log.closed:
            self._log.close()
            os.close(self._ready)
        return code


def _run(first: Callable[[], None] | None, then: Callable[[], None]) -> None:
    if first is not None:
        first()
    then()


def _run_daemon(first: Callable[[], None] | None, most_files: int | None, hurry: float, ready: Any) -> None:
    if most_files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    _run(first, partial(hurried.run, hurry, ready.detach()))
