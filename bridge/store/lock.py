"""One daemon to a SQLite file: the second is refused. On PostgreSQL, several nodes or one that has it to itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from bridge.domain.errors import NotNowError
from bridge.store import sqlite_files
from bridge.store.writable import begin, note

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.store.engine import Database

_ADVISORY_KEY = 0x7762697A  # "wbiz": any number that other users of the same PostgreSQL database won't choose


class DaemonLock:
    """Held by the process that polls and delivers. The system releases it when the process ends, however it ends."""

    def __init__(self, database: Database) -> None:
        """Take the lock.

        Raises:
            NotNowError: Another process holds it.
            DatabaseError: The lock file cannot be made.
        """
        self._file: int | None = None
        self._connection: sa.Connection | None = None
        if database.path is not None:
            self._file = _lock_file(database.path)
        else:
            self._connection = _advisory_lock(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def note(self, why: str) -> None:
        """Leave word, for commands that read a SQLite file, why it can't be written; nothing when it can again."""
        if self._file is not None:
            note(self._file, why)

    def release(self) -> None:
        """Let the next one have it. Safe to call twice."""
        if self._file is not None:
            note(self._file, "")
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            # The server notices a closed connection a moment later; said aloud, the next one can have it at once.
            with contextlib.suppress(sa.exc.DBAPIError):
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY_KEY)))
            self._connection.close()
            self._connection = None


def _lock_file(path: Path) -> int:
    # Beside the database, not on it: SQLite's own locks on that file are dropped when any descriptor of it is closed.
    beside = path.with_name(f"{path.name}.lock")
    try:
        file = _made_or_opened(beside)
    except OSError as error:
        raise sqlite_files.refused(f"{beside}: the lock file cannot be used", path, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        raise NotNowError(
            f"another bridge{f' (process {holder})' if holder else ''} is running on {path}: stop that one first"
        ) from None
    os.ftruncate(file, 0)
    begin(file)
    return file


def _made_or_opened(file: Path) -> int:
    try:
        return sqlite_files.make(file)
    except FileExistsError:
        return os.open(file, os.O_RDWR | os.O_CLOEXEC)


def _advisory_lock(database: Database) -> sa.Connection:
    connection = database.own_session()
    with database.in_words():
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_KEY))):
            connection.close()
            raise _in_use(database.name)
    return connection


def share_daemon_lock(connection: sa.Connection, name: str) -> None:
    """Take PostgreSQL's lock together with other nodes, for as long as the connection lives.

    Raises:
        NotNowError: Another program has the database to itself.
    """
    if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock_shared(_ADVISORY_KEY))):
        raise _in_use(name)


def _in_use(name: str) -> NotNowError:
    return NotNowError(f"another bridge is running on {name}: stop that one first")
