"""A database that can't be written: when that is over, and the word that is left for commands."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.store.writable import SETTLES, WriteFault, begin, fault_of_place, note, noted
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

FULL = "the database bridge.db cannot grow: the disk is full"


def test_fault_is_over_when_it_has_not_come_again_for_a_while() -> None:
    clock, said = FakeClock(), list[str]()
    fault = WriteFault(clock.monotonic)
    fault.changed = said.append
    fault.worked()
    for _ in range(5):
        fault.failed(FULL)
        clock.advance(1)
        fault.worked()  # a small transaction finds room
        assert fault.why == FULL
    clock.advance(SETTLES)
    fault.worked()
    assert said == [FULL, ""]


@pytest.fixture
def lock(tmp_path: Path) -> tuple[Path, int]:
    file = os.open(tmp_path / "bridge.db.lock", os.O_RDWR | os.O_CREAT, 0o600)
    begin(file)
    return tmp_path / "bridge.db", file


def test_word_is_left_while_the_process_runs(lock: tuple[Path, int]) -> None:
    path, file = lock
    assert noted(path) == ""
    note(file, f"{FULL}: « Ωmega »")
    size = os.fstat(file).st_size
    assert noted(path) == f"{FULL}: « Ωmega »"
    note(file, "x" * 5000)
    assert os.fstat(file).st_size == size, "it needs no room that it did not have from the start"
    note(file, "")
    assert noted(path) == ""


def test_word_of_a_process_that_was_killed_counts_no_more(lock: tuple[Path, int]) -> None:
    path, file = lock
    note(file, FULL)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    os.pwrite(file, f"{ended.pid}\n".encode().ljust(32), 0)
    assert noted(path) == ""


def test_file_that_is_not_there_or_is_another_s_says_nothing(tmp_path: Path) -> None:
    assert noted(tmp_path / "bridge.db") == ""
    (tmp_path / "bridge.db.lock").write_bytes(b"\xff\xfe garbage")
    assert noted(tmp_path / "bridge.db") == ""
    assert fault_of_place(tmp_path / "nowhere" / "bridge.db") == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.EDQUOT, "cannot grow: the disk quota of its owner or folder is used up"),
        (errno.EROFS, "cannot be written: its file system is read-only"),
        (errno.EIO, "cannot be written: its disk reports errors"),
        (errno.EINTR, ""),
    ],
)
def test_place_that_takes_no_byte_says_why(
    lock: tuple[Path, int], error: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = lock
    assert fault_of_place(path) == ""

    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "pwrite", refuse)
    assert fault_of_place(path) == words
