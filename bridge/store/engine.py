"""The connection to the database: SQLite or PostgreSQL, transactions, and faults in plain words."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from bridge.domain import postgres_url
from bridge.domain.errors import BridgeError, NotNowError
from bridge.store import sqlite_files
from bridge.store.postgres import Server
from bridge.store.sqlite_files import DatabaseError
from bridge.store.tables import meta
from bridge.store.writable import WriteFault, fault_of_place, noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

BUSY_TIMEOUT = 10.0
"""Seconds that a transaction waits for another process's to end before it counts as locked."""


_ADVISORY_KEY = 0x7762697B  # any number that other users of the same PostgreSQL database won't choose

_ORDER_KEY = 0x7762697C  # as above

CHUNK = 1000
"""How many rows one statement takes: SQLite and PostgreSQL both bound a statement's parameters."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists of at most CHUNK."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


class DamagedError(DatabaseError):
    """The database is damaged. Restore a backup, or move it away to start afresh."""


class GoneError(DamagedError):
    """A file of the database was removed or replaced while it was open. Put it back, or restore a backup."""


class UnstorableError(DatabaseError):
    """The database cannot hold a value: too large, or no text. Nothing of its transaction was written."""


class Database:
    """An engine, with one way to read and one to write.

    Args:
        url: ``sqlite:////path``, or PostgreSQL's (:mod:`bridge.domain.postgres_url`).

    Raises:
        ConfigurationError: The URL is not usable, or the driver for it is not installed.
        DatabaseError: There is no folder for the file.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.path: Path | None = None
        """The file, for SQLite."""
        self._server: Server | None = None
        self._presence: sqlite_files.Presence | None = None
        if postgres_url.is_postgres(url):
            self._server = Server(url, BUSY_TIMEOUT)
            self._engine = self._server.engine(pool_pre_ping=True)
        else:
            address = sa.make_url(url)
            # As SQLite has it, which puts its other files beside the real one: under two names, it is one database.
            self.path = Path(os.path.realpath(address.database or ""))
            sqlite_files.prepare(self.path)
            self._presence = sqlite_files.Presence(Path(address.database or ""), self.path)
            self._engine = _sqlite_engine(address)
        self.write_fault = WriteFault()
        self.name = shown(url)
        """The place, as it may be shown: without a password."""
        sa.event.listen(self._engine, "handle_error", self._refused_value)
        self._reader = self._engine.execution_options(reads_only=True)

    def verify(self) -> None:
        """Refuse a server that the bridge cannot work with: its encoding, or a pooler before it. Files are fine.

        Raises:
            ConfigurationError: The configuration must name another, or the server's must change.
            CredentialsError: It does not let the bridge in.
            NotNowError: It is out of reach.
        """
        if self._server is not None:
            with self.in_words():
                self._server.verify(self._engine)

    def own_session(self) -> sa.Connection:
        """Open a connection of PostgreSQL apart from the others, without transactions: for what lasts as long as it.

        Raises:
            NotNowError: The server is out of reach.
        """
        assert self._server is not None
        with self.in_words():
            return self._server.engine(poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT").connect()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection for reading: one consistent view, and nothing is locked out."""
        self._must_be_there()
        with self.in_words(), self._reader.connect() as connection:
            self._must_be_there(learn=True)
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction: committed as a whole at the end, or not at all.

        Raises:
            NotNowError: The database is locked, full or out of reach: the same may succeed later.
            DatabaseError: It will not.
        """
        try:
            self._must_be_there()
            with self.in_words(), self._engine.begin() as connection:
                self._must_be_there(learn=True)
                yield connection
        except (NotNowError, DatabaseError) as error:
            if not isinstance(error, UnstorableError):  # that is one item's fault
                self.write_fault.failed(str(error))
            raise
        self.write_fault.worked()

    def fault(self) -> str:
        """Say what keeps it from being written now, as far as is known; nothing where it can be."""
        if self.write_fault.why:
            return self.write_fault.why
        if self.path is None:
            return "" if self.write_fault.is_known else self._try_to_write()
        if noticed := noted(self.path):
            return noticed
        why = fault_of_place(self.path)
        return why and f"the database {self.name} {why}"

    def _try_to_write(self) -> str:
        """Write into PostgreSQL, take it back, and say what was in the way."""
        try:
            with self.in_words(), self._engine.connect() as connection:
                connection.execute(sa.insert(meta).values(key=f"try {uuid.uuid4()}", value=""))
                connection.rollback()
        except BridgeError as error:
            return str(error)
        return ""

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

    def keep_order(self, connection: sa.Connection) -> None:
        """Let the events that a transaction is about to insert become visible in the order of their positions.

        Their transactions are committed one after the other: who follows events never finds one behind what it saw.
        """
        if self.path is None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ORDER_KEY)))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._presence is not None:
            self._presence.forget()

    def _must_be_there(self, *, learn: bool = False) -> None:
        """Write and read nothing in a file that was taken away: nobody would find it again.

        Raises:
            GoneError: It was.
        """
        gone = None if self._presence is None else self._presence.check(learn=learn)
        if gone is not None:
            raise GoneError(
                f"the database {self.name} is not the one that was opened: {gone}. Put it back, or restore a backup "
                "(with all bridges stopped), then start the bridge. Without either, a new database begins, and what "
                "was sent before is sent again"
            )

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn the driver's exceptions into ours, which say what to do and hold no SQL, parameter or password."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._translated(error) from error.orig
        except sa.exc.TimeoutError:
            # Every connection of the pool waits for a lock, or for a server that does not answer.
            raise NotNowError(f"the database {self.name} is busy") from None

    def _refused_value(self, context: Any) -> UnstorableError | None:
        """Turn what a driver raises over a value that it can't write, or read, into an error of ours."""
        if isinstance(context.original_exception, ValueError | OverflowError):
            return UnstorableError(f"the database {self.name} cannot hold a value ({_kind(context)})")
        return None

    def _translated(self, error: sa.exc.DBAPIError) -> BridgeError:
        """Say in plain words what the driver's exception means, without its SQL and its parameters."""
        if isinstance(error, sa.exc.DataError):
            return UnstorableError(f"the database {self.name} cannot hold a value ({type(error.orig).__name__})")
        if self._server is None:
            return _explain_sqlite(error, self.name, self.path)
        return self.explain(error.orig)

    def explain(self, error: BaseException | None) -> BridgeError:
        """Say in plain words what an exception of PostgreSQL's driver means."""
        assert self._server is not None
        return self._server.explain(error) or DatabaseError(f"the database {self.name} answers {type(error).__name__}")

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
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415 -- as above
        return insert(table)


def shown(url: str) -> str:
    """Name a database's place, as it may be shown: without a password."""
    if postgres_url.is_postgres(url):
        return postgres_url.shown(postgres_url.parameters(url))
    return sa.make_url(url).database or ""


def _sqlite_engine(url: sa.URL) -> sa.Engine:
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
_DAMAGED = "is damaged: restore a backup, or move it away to start afresh"
_FAULTS: dict[int, tuple[type[BridgeError], str]] = {
    sqlite3.SQLITE_BUSY: (NotNowError, _LOCKED),
    sqlite3.SQLITE_LOCKED: (NotNowError, _LOCKED),
    sqlite3.SQLITE_FULL: (NotNowError, "cannot grow: the disk is full"),
    sqlite3.SQLITE_IOERR: (NotNowError, "cannot be read or written (an input/output error, or a full disk)"),
    sqlite3.SQLITE_TOOBIG: (UnstorableError, "cannot hold a value: it is too large"),
    sqlite3.SQLITE_NOMEM: (NotNowError, "needs more memory than there is"),
    sqlite3.SQLITE_CORRUPT: (DamagedError, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (DamagedError, "is not a database: restore a backup, or move it away to start afresh"),
    sqlite3.SQLITE_READONLY: (DatabaseError, "cannot be written"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseError, "cannot be opened"),
    sqlite3.SQLITE_PERM: (DatabaseError, "may not be used"),
}
_PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary one in the low byte


def _explain_sqlite(error: sa.exc.DBAPIError, name: str, path: Path | None) -> BridgeError:
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


def _kind(context: Any) -> str:
    return type(context.original_exception).__name__
