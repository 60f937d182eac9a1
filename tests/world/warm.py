"""Processes of the bridge that start at once: forked from one that has read all modules already.

Reading them takes half a second of the processor, and the tests start some two hundred processes. Each is a process of
its own all the same, with its own environment, working directory, descriptors and signals.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import wait
from multiprocessing.reduction import DupFd
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

_reading = threading.Lock()
"""Held where exit codes are read, as by each start for all processes: who reads one a second time gets 255."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "bridge.__main__",
        "bridge.daemon.factory",
        "bridge.daemon.http_service",
        "bridge.server.app",
        "uvicorn",
        "psycopg",
        "tests.world.hurried",
        "tests.world.warmed",
    ]
)


class Process:
    """A process of the bridge; what it has in common with :class:`subprocess.Popen` has the same names."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, or None while it runs."""
        with _reading:
            return self._process.exitcode

    def poll(self) -> int | None:
        """How it ended, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not, in time.
        """
        wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("wbiz-bridge", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


class Descriptor:
    """A descriptor that goes along to a process which is being started; there, :meth:`detach` gives its number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> Any:
        return _same, (DupFd(self._number),)


def _same(thing: Any) -> Any:
    return thing


def start(
    run: Callable[..., None],
    *given: Any,
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str],
    output: int,
    errors: int,
) -> Process:
    """Start a process of the bridge.

    Args:
        run: What it does, called with *given*: a function at the top of a module.
        arguments: Its command line, without the program.
        output: The descriptor that its output goes to.
        errors: The descriptor that its errors go to.
    """
    standard = {1: Descriptor(output), 2: Descriptor(errors)}
    process = _context.Process(
        target=_become, args=(standard, arguments, folder, dict(environment), run, given), daemon=True
    )
    with _reading:
        process.start()
    return Process(process)


def _become(
    standard: dict[int, Any],
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    run: Callable[..., None],
    given: tuple[Any, ...],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, descriptor in standard.items():
        inherited = descriptor.detach()
        os.dup2(inherited, number)
        os.close(inherited)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, encoding="utf-8", closefd=False) for number in standard)
    sys.argv = ["wbiz-bridge", *arguments]
    run(*given)
