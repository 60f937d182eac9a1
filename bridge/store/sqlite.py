"""Connections to SQLite: how they are made, and what its errors mean."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.errors import BridgeError, NotNowError
from bridge.store import sqlite_files
from bridge.store.errors import DamagedError, DatabaseError, UnstorableError
from bridge.store.writable import fault_of_place

if TYPE_CHECKING:
    from pathlib import Path


def make_engine(url: sa.URL, lock_timeout: float) -> sa.Engine:
    """Make an engine, whose transactions see one consistent view and wait this many seconds for another's lock."""
    engine = sa.create_engine(url, connect_args={"timeout": lock_timeout})

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        # The module's own transactions begin too late (at the first write) to be a consistent view: BEGIN is ours.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL survives a killed process; a power cut may take back the last commits, never half of one.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # By itself, the module raises for a whole query where one text in the file is no UTF-8.
        connection.text_factory = _read_text

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at once: a transaction that reads first could not get it later.
        reads_only = connection.get_execution_options().get("reads_only")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _read_text(stored: bytes) -> str:
    return str(stored, "utf-8", "replace")


_LOCKED = "is locked by another program"
DAMAGED = "is damaged: restore a backup, or move it away to start afresh"
_FAULTS: dict[int, tuple[type[BridgeError], str]] = {
    sqlite3.SQLITE_BUSY: (NotNowError, _LOCKED),
    sqlite3.SQLITE_LOCKED: (NotNowError, _LOCKED),
    sqlite3.SQLITE_FULL: (NotNowError, "cannot grow: the disk is full"),
    sqlite3.SQLITE_IOERR: (NotNowError, "cannot be read or written (an input/output error, or a full disk)"),
    sqlite3.SQLITE_TOOBIG: (UnstorableError, "cannot hold a value: it is too large"),
    sqlite3.SQLITE_NOMEM: (NotNowError, "needs more memory than there is"),
    sqlite3.SQLITE_CORRUPT: (DamagedError, DAMAGED),
    sqlite3.SQLITE_NOTADB: (DamagedError, "is not a database: restore a backup, or move it away to start afresh"),
    sqlite3.SQLITE_READONLY: (DatabaseError, "cannot be written"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseError, "cannot be opened"),
    sqlite3.SQLITE_PERM: (DatabaseError, "may not be used"),
}
_PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary one in the low byte


def explain(error: sa.exc.DBAPIError, name: str, path: Path | None) -> BridgeError:
    """Say in plain words what an exception of SQLite's driver means, about the database of this name and file."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None and code & _PRIMARY_CODE in _FAULTS:
        kind, words = _FAULTS[code & _PRIMARY_CODE]
        if path is not None:
            words = _about_place(code & _PRIMARY_CODE, words, path)
        return kind(f"the database {name} {words}")
    # A wrong statement is an OperationalError too, and waiting does not fix it.
    answer = getattr(error.orig, "sqlite_errorname", None) or type(error.orig).__name__
    return DatabaseError(f"the database {name} answers {answer}")


def _about_place(code: int, words: str, path: Path) -> str:
    """Add to what SQLite says what its file and the file system say."""
    match code:
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_FULL:
            return fault_of_place(path) or words
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            if known := sqlite_files.obstacle(path):
                return f"{words}: {known}"
            return fault_of_place(path) or f"{words}: look at the owner and mode of the file and its folder"
        case _:
            return words
