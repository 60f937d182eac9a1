"""What a command costs before it does anything: its CPU against that of importing what it is made with."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks.measure import median, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START = 30.0

CONFIG = {
    "wbiztool": {"client_id": 1, "api_key": "benchmark", "base_url": "http://127.0.0.1:9/"},
    "messages": [1, 2],
    "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}],
    "database": "sqlite:///bridge.db",
    "http": False,
}
BASE = "import typer, rich"
ANYWHERE = {"--version": 1.5, "--help": 3.5}
COMMANDS = ("watch 1", "messages", "status")
ALONE, BESIDE = 9.0, 5.0
"""Limits of the commands: where no daemon runs, and beside one."""

ANSWERS = {"status": {0, 1, 3}}
"""Exit codes other than 0: nobody answers at the API's address here, and at first no daemon runs."""


def main(runs: int) -> None:
    """Measure each command in turn, and print the table."""
    used: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        spend(folder, "-m", "bridge", "watch", "1")  # makes the database, which is not measured
        for _ in range(runs):
            measure(folder, used, list(ANYWHERE), "")
            measure(folder, used, COMMANDS, "")
        with daemon(folder):
            for _ in range(runs):
                measure(folder, used, COMMANDS, " beside a daemon")
    base = median(used[BASE])
    limits = {**ANYWHERE, **dict.fromkeys(COMMANDS, ALONE)}
    rows = [
        (name, f"{median(times) * 1000:.0f} ms", f"{median(times) / base:.1f}", f"{limits.get(name, BESIDE)}")
        for name, times in used.items()
    ]
    print(f"{runs} runs in turn, medians of user and system time:")
    table(("", "CPU", "of the first", "limit"), rows)


def measure(folder: Path, used: dict[str, list[float]], commands: Sequence[str], where: str) -> None:
    """Measure commands, and what they are measured against, once each."""
    used.setdefault(BASE, []).append(spend(folder, "-c", BASE))
    for command in commands:
        used.setdefault(command + where, []).append(spend(folder, "-m", "bridge", *command.split()))


@contextmanager
def daemon(folder: Path) -> Iterator[None]:
    """Run the daemon of a folder."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "run"], cwd=folder, env=environ, stderr=subprocess.DEVNULL
    ) as running:
        try:
            until = time.monotonic() + _START
            while not (folder / "bridge.db.sock").exists():
                if time.monotonic() > until:
                    raise RuntimeError("the daemon did not start")
                time.sleep(0.1)
            yield
        finally:
            running.terminate()


def spend(folder: Path, *arguments: str) -> float:
    """Run Python in a process of its own, and return the seconds of a processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode not in ANSWERS.get(arguments[-1], {0}):
        raise RuntimeError(f"{' '.join(arguments)} ended with {ran.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
