"""Steps do what they show, below the root that they are given, and never by halves."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.service.actions import Folder, InstallError, Keep, Remove, Run, SetAside, Write, carry_out, describe

FILE = Path("/etc/wbiz-bridge/key")
_KILLED = """
import os, pathlib, signal, sys
from bridge.cli.service.actions import Write, carry_out

sys.addaudithook(lambda event, _: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
carry_out([Write(pathlib.Path("/etc/wbiz-bridge/key"), "text", 0o600)], pathlib.Path(sys.argv[1]))
"""


def test_files_are_written_below_the_root_with_their_mode(tmp_path: Path) -> None:
    carry_out([Folder(FILE.parent), Write(FILE, "first", 0o600)], tmp_path)
    carry_out([Write(FILE, "grün", 0o600)], tmp_path)
    file = tmp_path / "etc/wbiz-bridge/key"
    assert file.read_text(encoding="utf-8") == "grün"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755
    assert [each.name for each in file.parent.iterdir()] == ["key"]


def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "etc/wbiz-bridge/key").mkdir(parents=True)
    with pytest.raises(InstallError, match=r"write   /etc/wbiz-bridge/key: Is a directory"):
        carry_out([Write(FILE, "text")], tmp_path)
    assert [each.name for each in (tmp_path / "etc/wbiz-bridge").iterdir()] == ["key"]


def test_kill_while_a_file_is_written_leaves_what_the_next_time_replaces(tmp_path: Path) -> None:
    """SIGKILL at the moment at which all is written and nothing moved; the file may hold a key."""
    folder = tmp_path / "etc/wbiz-bridge"
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert [each.name for each in folder.iterdir()] == [".key.new"]
        assert stat.S_IMODE((folder / ".key.new").stat().st_mode) == 0o600
    carry_out([Write(FILE, "text", 0o600)], tmp_path)
    assert [each.name for each in folder.iterdir()] == ["key"]


def test_a_file_is_set_aside_and_removed_and_what_is_kept_is_not_touched(tmp_path: Path) -> None:
    aside = FILE.with_name("key.bak")
    carry_out([Write(FILE, "text"), SetAside(FILE, aside), Keep(aside, "yours")], tmp_path)
    assert (tmp_path / "etc/wbiz-bridge/key.bak").read_text(encoding="utf-8") == "text"
    carry_out([Remove(aside)], tmp_path)
    assert list((tmp_path / "etc/wbiz-bridge").iterdir()) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    carry_out([Write(FILE, "text")], tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "etc")
    carry_out([Remove(Path("/link"))], tmp_path)
    assert not (tmp_path / "link").is_symlink()
    carry_out([Remove(Path("/etc"))], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_is_told_with_its_words_and_ends_it(tmp_path: Path) -> None:
    failing = Run(("sh", "-c", "echo no such unit >&2; exit 1"))
    with pytest.raises(InstallError, match="no such unit"):
        carry_out([Run(("true",)), failing, Write(FILE, "text")], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (Folder(FILE), "make    /etc/wbiz-bridge/key"),
        (Write(FILE, "secret", what="for you"), "write   /etc/wbiz-bridge/key  (for you)"),
        (SetAside(FILE, FILE.with_name("b")), "rename  /etc/wbiz-bridge/key to b"),
        (Remove(FILE, "history"), "remove  /etc/wbiz-bridge/key  (history)"),
        (Run(("systemctl", "a b")), "run     systemctl 'a b'"),
        (Keep(FILE, "yours"), "keep    /etc/wbiz-bridge/key  (yours)"),
    ],
)
def test_each_step_is_shown_on_one_line(step: Folder, shown: str) -> None:
    assert describe(step) == shown
