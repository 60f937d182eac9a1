"""Runs what is measured: the real daemon, or a loop, in a process of its own on a core of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.stub import pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_START = 60.0
CORE = 0
"""Where what is measured runs; the stub runs on the other."""


@dataclass(frozen=True)
class Reading:
    """What a process had used at a moment: seconds of the processor, resident bytes, and the moment itself."""

    cpu: float
    memory: int
    at: float


class Running:
    """A process that is measured from outside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def read(self) -> Reading:
        """Read what it has used."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(stat[11]) + int(stat[12])) / _TICKS
        return Reading(cpu, int(stat[21]) * _PAGE, time.monotonic())

    @property
    def peak(self) -> int:
        """The most bytes it ever had resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@contextmanager
def daemon(folder: Path, settings: Mapping[str, Any], *, core: int | None = CORE) -> Iterator[Running]:
    """Run ``wbiz-bridge run`` in a folder; it is there as soon as its process is."""
    (folder / "config.yaml").write_text(yaml.safe_dump({"http": False, "log": {"level": "warning"}, **settings}))
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "run"],
            cwd=folder,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: pin(core),  # noqa: PLW1509 -- no threads run here
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "no_proxy": "*"},
        )
    try:
        yield Running(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(true: Callable[[], bool], *, look: float = 0.02, seconds: float = _START) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: It was not, in time.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(look)


def elsewhere(run: Callable[..., None], *arguments: Any) -> tuple[float, float]:
    """Run a loop in a process of its own; return the seconds that it took, of the processor and in all."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_timed, args=(theirs, run, arguments))
    process.start()
    used: tuple[float, float] = mine.recv()
    process.join()
    return used


def _timed(pipe: Any, run: Callable[..., None], arguments: Sequence[Any]) -> None:
    pin(CORE)
    started = time.process_time(), time.monotonic()
    run(*arguments)
    pipe.send((time.process_time() - started[0], time.monotonic() - started[1]))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left, the others to the right."""
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    for row in (head, *rows):
        first, *others = (cell.ljust(width) if not n else cell.rjust(width)
                          for n, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        print("  ".join([first, *others]))


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
