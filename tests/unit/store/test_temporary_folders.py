"""Folders for a moment: gone at the end, or after a kill at the next start; never while somebody works in one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.store.temporary_folders import locked, sweep, workplace

if TYPE_CHECKING:
    from pathlib import Path

_KILLED_DEMO = """
import os, signal, sys
from datetime import timedelta
from bridge.cli.demo.runner import run_demo

sys.addaudithook(lambda event, _: event == "sqlite3.connect" and os.kill(os.getpid(), signal.SIGKILL))
run_demo(timedelta(seconds=5))
"""


def test_folder_is_private_locked_and_gone_at_the_end(tmp_path: Path) -> None:
    with workplace(tmp_path, "x.") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
        sweep(tmp_path, "x.")
        with pytest.raises(BlockingIOError), locked(folder):
            pass
        assert (folder / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_sweep_takes_only_what_was_left_and_is_ours(tmp_path: Path) -> None:
    for name in ("x.left", "x.new", "x.others", "y.left", "away"):
        (tmp_path / name).mkdir()
        if name != "x.new":
            (tmp_path / name / "file").touch()
    (tmp_path / "x.file").touch()
    (tmp_path / "x.link").symlink_to(tmp_path / "away")
    if os.geteuid() == 0:
        os.chown(tmp_path / "x.others", 65534, 65534)
    sweep(tmp_path, "x.", {"another"})
    assert (tmp_path / "x.left").exists()
    sweep(tmp_path, "x.", {"file"})
    left = {each.name for each in tmp_path.iterdir()}
    assert left - {"x.others"} == {"x.new", "x.file", "x.link", "y.left", "away"}
    assert ("x.others" in left) == (os.geteuid() == 0)
    assert (tmp_path / "away" / "file").exists()


@pytest.mark.slow
def test_demo_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """SIGKILL when it opens its database; the next one begins with removing that folder."""
    left = []
    for _ in range(2):
        arguments = [sys.executable, "-c", _KILLED_DEMO]
        killed = subprocess.run(
            arguments, check=False, timeout=60, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        (folder,) = tmp_path.glob("wbiz-bridge-demo-*")
        assert (folder / "config.yaml").exists()
        left.append(folder)
    assert left[0] != left[1]
