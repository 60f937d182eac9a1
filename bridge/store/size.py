"""How much room the database takes."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from bridge.store import sqlite_files

if TYPE_CHECKING:
    from pathlib import Path

_KEPT_FOR: Final = 60.0
"""Seconds for which PostgreSQL's answer is kept: it looks at every file of the database."""

_QUERY: Final = sa.text("SELECT pg_database_size(current_database())")


class DatabaseSize:
    """Tells it, in bytes: SQLite's files together with the write-ahead log, or what PostgreSQL says.

    Args:
        path: SQLite's file; None for PostgreSQL.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: int | None = None
        self._asked_at = 0.0

    def read(self, connection: sa.Connection) -> int:
        """Read it, of PostgreSQL once a minute."""
        if self._path is not None:
            return sum(map(_size, sqlite_files.of(self._path)))
        now = time.monotonic()
        if self._known is None or now - self._asked_at >= _KEPT_FOR:
            self._known, self._asked_at = int(connection.scalar(_QUERY) or 0), now
        return self._known


def _size(file: Path) -> int:
    with suppress(OSError):  # it is not there
        return file.stat().st_size
    return 0
