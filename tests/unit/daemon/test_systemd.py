"""What the journal is told: whether it reads a stream at all, and the priority of each line."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from bridge.daemon import systemd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    """A file in the part of the journal's socket."""
    with (tmp_path / "journal").open("w+", encoding="utf-8") as opened:
        yield opened


def identity(stream: TextIO) -> str:
    """What systemd puts into $JOURNAL_STREAM."""
    file = os.fstat(stream.fileno())
    return f"{file.st_dev}:{file.st_ino}"


def test_a_stream_is_the_journal_only_if_it_is_the_very_file_that_systemd_names(
    stream: TextIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert not systemd.is_journal(stream)
    monkeypatch.setenv("JOURNAL_STREAM", identity(stream))
    assert systemd.is_journal(stream)
    with (tmp_path / "redirected").open("w", encoding="utf-8") as other:
        assert not systemd.is_journal(other)
    assert not systemd.is_journal(io.StringIO())
    stream.close()
    assert not systemd.is_journal(stream)


@pytest.mark.parametrize(
    ("level", "priority"), [("critical", 2), ("error", 3), ("warning", 4), ("info", 6), ("debug", 7)]
)
def test_each_level_has_the_priority_that_journalctl_filters_by(level: str, priority: int) -> None:
    assert systemd.with_priority("one\ntwo", level) == f"<{priority}>one\n<{priority}>two"
