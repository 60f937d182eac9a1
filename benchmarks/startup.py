"""What a command costs before it does anything: its CPU against that of importing what it is made with."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.measure import median, table

CONFIG = {
    "wbiztool": {"client_id": 1, "api_key": "benchmark"},
    "messages": [1, 2],
    "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}],
    "database": "sqlite:///bridge.db",
    "http": False,
}
BASE = "import typer, rich"
LIMITS = {"--version": 1.5, "--help": 3.5, "watch 1": 9.0, "messages": 9.0, "status": 9.0}
EXPECTED = {"status": 1}
"""Exit codes other than 0: no daemon runs here."""


def main(runs: int) -> None:
    """Measure each command in turn, and print the table."""
    used: dict[str, list[float]] = {BASE: [], **{command: [] for command in LIMITS}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        spend(folder, "-m", "bridge", "watch", "1")  # makes the database, which is not measured
        for _ in range(runs):
            used[BASE].append(spend(folder, "-c", BASE))
            for command in LIMITS:
                used[command].append(spend(folder, "-m", "bridge", *command.split(), code=EXPECTED.get(command, 0)))
    base = median(used[BASE])
    rows = [
        (name, f"{median(times) * 1000:.0f} ms", f"{median(times) / base:.1f}", f"{LIMITS.get(name, '')}")
        for name, times in used.items()
    ]
    print(f"{runs} runs in turn, medians of user and system time:")
    table(("", "CPU", "of the first", "limit"), rows)


def spend(folder: Path, *arguments: str, code: int = 0) -> float:
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
    if ran.returncode != code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {ran.returncode}, not with {code}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
