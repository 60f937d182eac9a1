"""Copies a SQLite database while it is in use. The copy appears only when it is whole and was checked."""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain import postgres_url
from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.store import owner, sqlite_files
from bridge.store.engine import BUSY_TIMEOUT
from bridge.store.errors import DamagedError, DatabaseError
from bridge.store.temporary_folders import sweep, workplace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from bridge.domain.account import AccountId

_PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary one in the low byte

_PG_DUMP = {"host": "host", "port": "port", "user": "username"}

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PREFIX = ".wbiz-bridge-backup."
_WRITTEN = frozenset({"backup", "copy", "copy-journal", "copy-wal", "copy-shm"})


def sqlite_file(url: str) -> Path:
    """Name the file that a database is in.

    Raises:
        UsageError: It is in none: PostgreSQL has its own ways.
    """
    if postgres_url.is_postgres(url):
        found = postgres_url.parameters(url)
        options = [f"--{option}={found[key]}" for key, option in _PG_DUMP.items() if key in found]
        line = shlex.join(["pg_dump", *options, "--format=custom", "--file=FILE", found.get("dbname", "")])
        raise UsageError(
            f"this database is PostgreSQL's, which has its own way: {line} (to restore it: docs/operate.md)"
        )
    return Path(sa.make_url(url).database or "")


def back_up(source: Path, target: Path, *, force: bool = False, account: AccountId | None = None) -> int:
    """Copy a database as it is at one moment, while others read and write it. Returns the copy's size in bytes.

    Args:
        source: The database.
        target: The copy: one file, which only its owner can read.
        force: Replace a file that is there.
        account: Whose database it must be.

    Raises:
        OtherAccountError: It is another account's.
        UsageError: The target is there already, or can be none.
        NotNowError: The disk is full, or the database is locked.
        DamagedError: The database is damaged.
        BridgeError: The database cannot be read, or the copy not be written.
    """
    if not source.exists():
        raise BridgeError(f"{source}: there is no database to back up: `wbiz-bridge run` creates it")
    real = source.resolve()
    if target.resolve() in sqlite_files.of(real):
        raise UsageError(f"{target}: this file is the database's own; name another one")

    def make(copy: Path) -> None:
        os.close(os.open(copy, _NEW, 0o600))
        _copy(source, copy)
        if account is not None:
            owner.check(str(source), owner.of_file(copy), account)

    try:
        return write_backup(target, make, force=force)
    except sqlite3.Error as error:
        raise _in_words(error, source, target) from None


def write_backup(target: Path, make: Callable[[Path], None], *, force: bool = False) -> int:
    """Let a backup be made beside its place, and put it there once it is whole. Returns its size in bytes.

    Args:
        target: The place.
        make: Writes the backup to a file that there is not yet.
        force: Replace a file that is there.

    Raises:
        UsageError: The target is there already, or can be none.
        NotNowError: The disk is full.
        BridgeError: It cannot be written.
    """
    if target.is_dir():
        raise UsageError(f"{target}: this is a folder; name a file in it")
    if target.exists() and not force:
        raise UsageError(f"{target}: there is such a file already; name another one, or replace it with --force")
    try:
        # A folder, because SQLite puts files of its own beside a database: all of them are gone at the end.
        remove_left_copies(target.parent)
        with workplace(target.parent, _PREFIX) as folder:
            copy = folder / "copy"
            make(copy)
            _sync(copy)
            size = copy.stat().st_size
            copy.replace(target)
            _sync(target.parent)
    except OSError as error:
        kind = NotNowError if error.errno in sqlite_files.FULL else BridgeError
        raise kind(f"{target}: the backup cannot be written: {error.strerror}") from None
    return size


def open_backup(source: Path) -> BinaryIO:
    """Copy a database as it is at one moment, and open the copy, which has no name any more.

    Args:
        source: The database's file, beside which the copy is made.

    Raises:
        NotNowError: The disk is full, or the database is locked.
        DamagedError: The database is damaged.
        BridgeError: The database cannot be read, or the copy not be written.
    """
    try:
        with workplace(source.parent, _PREFIX) as folder:
            copy = folder / "backup"
            back_up(source, copy)
            return copy.open("rb")
    except OSError as error:
        kind = NotNowError if error.errno in sqlite_files.FULL else BridgeError
        raise kind(f"{source.parent}: the backup cannot be written there: {error.strerror}") from None


def remove_left_copies(folder: Path, database: Path | None = None) -> None:
    """Remove what killed backups left in a folder.

    Args:
        folder: Where the copies are made.
        database: A database that this process has to itself: what earlier versions left of the copies before its
            migrations goes too. Those were not locked, but nobody else can be making one.
    """
    sweep(folder, _PREFIX, _WRITTEN)
    if database is not None:
        sweep(folder, f".{database.name}.before-", _WRITTEN)


def _copy(source: Path, copy: Path) -> None:
    def progress(status: int, _remaining: int, _total: int) -> None:
        # Only after BUSY_TIMEOUT; without this, sqlite3 would try again for ever.
        if status & _PRIMARY_CODE in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise NotNowError(f"the database {source} is locked by another program")

    # Not mode=ro: SQLite has to put a database in order that a killed process left behind.
    existing = f"{source.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(existing, uri=True, timeout=BUSY_TIMEOUT)) as reader,
        closing(sqlite3.connect(copy, isolation_level=None)) as writer,
    ):
        writer.execute("PRAGMA synchronous = OFF")  # it is written out as a whole, at the end
        reader.backup(writer, progress=progress)
        # Else the copy would be in WAL mode like the database, and not in one file while somebody looks into it.
        writer.execute("PRAGMA journal_mode = DELETE")
        (found,) = writer.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise DamagedError(f"the database {source} is damaged, and so would be its backup: restore an earlier one")


def _sync(path: Path) -> None:
    """Let it be on the disk, a file's content or a folder's names, whatever happens next."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _in_words(error: sqlite3.Error, source: Path, target: Path) -> BridgeError:
    match getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE:
        case sqlite3.SQLITE_FULL:
            return NotNowError(f"{target}: the backup does not fit: the disk is full")
        case sqlite3.SQLITE_IOERR:
            return NotNowError(f"{source} cannot be read, or {target} not be written (a full disk, or a broken one)")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return NotNowError(f"the database {source} is locked by another program")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DamagedError(f"the database {source} is damaged: restore an earlier backup")
        case _:
            return DatabaseError(f"the database {source} cannot be read: {error}")
