"""The files of a SQLite database, made for users of every kind."""

from __future__ import annotations

import os
import pwd
from stat import S_IMODE
from typing import TYPE_CHECKING, NoReturn

from bridge.store import sqlite_files

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_user_without_name_and_home_gets_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, where a user is a number."""

    def nobody(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    file = tmp_path / "data" / "bridge.db"
    sqlite_files.prepare(file)
    assert os.path.expanduser("~/x") == "~/x"  # noqa: PTH111 -- there is none, indeed
    assert (S_IMODE(file.stat().st_mode), S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
