"""The connection to the database: SQLite or PostgreSQL, transactions, and faults in plain words."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from bridge.errors import BridgeError, NotNowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

_PASSWORDS = ("password", "sslpassword")  # they may stand behind the question mark of a URL, too

BUSY_TIMEOUT = 10.0
"""Seconds that a transaction waits for another process's to end before it counts as locked."""


_ADVISORY_KEY = 0x7762697B  # any number that other users of the same PostgreSQL database won't choose

CHUNK = 1000
"""How many rows one statement takes: SQLite and PostgreSQL both bound a statement's parameters."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists of at most CHUNK."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


class DatabaseError(BridgeError):
    """The database cannot be used: damaged, not writable, from a newer version. Mend it or restore a backup."""


class DamagedError(DatabaseError):
    """The database is damaged. Restore a backup, or move it away to start anew."""


class Database:
    """An engine, with one way to read and one to write.

    Args:
        url: A SQLAlchemy URL, ``sqlite:////path`` or ``postgresql+psycopg://…``.
    """

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.path = Path(self.url.database or "") if self.url.drivername.startswith("sqlite") else None
        """The file, for SQLite."""
        if self.path is None:
            self._engine = postgres_engine(self.url, pool_pre_ping=True)
        else:
            self._engine = _sqlite_engine(self.url, self.path)
        self._reader = self._engine.execution_options(reads_only=True)

    @property
    def name(self) -> str:
        """The place, as it may be shown: without a password."""
        return shown(self.url)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection for reading: one consistent view, and nothing is locked out."""
        with self.in_words(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction: committed as a whole at the end, or not at all.

        Raises:
            NotNowError: The database is locked, full or out of reach: the same may succeed later.
            DatabaseError: It will not.
        """
        with self.in_words(), self._engine.begin() as connection:
            yield connection

    def check(self) -> None:
        """Look through a SQLite file for damage: a tenth of a second for 100,000 messages. PostgreSQL sees to its own.

        Raises:
            DamagedError: There is some.
        """
        if self.path is None:
            return
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise DamagedError(f"the database {self.name} {_DAMAGED}")

    def serialize(self, connection: sa.Connection) -> None:
        """Let a transaction go on when no other one that asked for this is open. On SQLite, none is ever."""
        if self.path is None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_KEY)))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn the driver's exceptions into ours, which say what to do and hold no SQL, parameter or password."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise _translated(error, self.name) from error.orig
        except sa.exc.TimeoutError:
            # Every connection of the pool waits for a lock, or for a server that does not answer.
            raise NotNowError(f"the database {self.name} is busy") from None

    def none_of(self, column: sa.ColumnElement[int], name: str) -> sa.ColumnElement[bool]:
        """Make a condition: a column is none of the ids that are bound to a name, as a list, however many they are."""
        if self.path is None:
            return column != sa.all_(sa.bindparam(name, type_=sa.ARRAY(sa.BigInteger)))
        ids = sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value")
        return column.not_in(sa.select(ids.c.value))

    def insert(self, table: sa.Table) -> Any:
        """Begin an INSERT that knows ``on_conflict_do_update``; the two dialects spell it alike."""
        if self.path is None:
            from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 -- only where it is used
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415 -- likewise
        return insert(table)


def shown(url: str | sa.URL) -> str:
    """Name a database's place, as it may be shown: without a password."""
    parts = sa.make_url(url)
    if parts.drivername.startswith("sqlite"):
        return parts.database or ""
    return parts.difference_update_query(_PASSWORDS).render_as_string(hide_password=True)


def postgres_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine whose connections wait for the server, and for others' locks, no longer than BUSY_TIMEOUT."""
    waits = {"connect_timeout": max(2, int(BUSY_TIMEOUT)), "options": f"-c lock_timeout={int(BUSY_TIMEOUT * 1000)}"}
    return sa.create_engine(url, connect_args=waits, **options)


def _sqlite_engine(url: sa.URL, path: Path) -> sa.Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{path.parent}: cannot make this folder for the database: {error.strerror}") from None
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT})

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
_DAMAGED = "is damaged: restore a backup, or move it away to start anew"
_LOOK_AT_MODES = "look at the owner and mode of the file and its folder"
_FAULTS: dict[int, tuple[type[BridgeError], str]] = {
    sqlite3.SQLITE_BUSY: (NotNowError, _LOCKED),
    sqlite3.SQLITE_LOCKED: (NotNowError, _LOCKED),
    sqlite3.SQLITE_FULL: (NotNowError, "cannot grow: the disk is full"),
    sqlite3.SQLITE_IOERR: (NotNowError, "cannot be read or written (an input/output error, or a full disk)"),
    sqlite3.SQLITE_NOMEM: (NotNowError, "needs more memory than there is"),
    sqlite3.SQLITE_CORRUPT: (DamagedError, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (DamagedError, "is not a database: restore a backup, or move it away to start anew"),
    sqlite3.SQLITE_READONLY: (DatabaseError, f"cannot be written: {_LOOK_AT_MODES}"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseError, f"cannot be opened: {_LOOK_AT_MODES}"),
    sqlite3.SQLITE_PERM: (DatabaseError, f"may not be used: {_LOOK_AT_MODES}"),
}
_PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary one in the low byte


def _translated(error: sa.exc.DBAPIError, name: str) -> BridgeError:
    """Say in plain words what the driver's exception means, without its SQL and its parameters."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        if code & _PRIMARY_CODE in _FAULTS:
            kind, words = _FAULTS[code & _PRIMARY_CODE]
            return kind(f"the database {name} {words}")
        # A wrong statement is an OperationalError too, and no wait mends it.
        return DatabaseError(f"the database {name} answers {getattr(error.orig, 'sqlite_errorname', code)}")
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated:
        return NotNowError(f"the database {name} is out of reach or busy ({type(error.orig).__name__})")
    return DatabaseError(f"the database {name} answers {type(error.orig).__name__}")
