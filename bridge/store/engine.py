"""The connection to the database: SQLite or PostgreSQL, transactions, and faults in plain words."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from bridge.domain import postgres_url
from bridge.domain.errors import BridgeError, ConfigurationError, CredentialsError, NotNowError
from bridge.store import sqlite, sqlite_files
from bridge.store.errors import DamagedError, DatabaseError, GoneError, UnstorableError
from bridge.store.postgres import Server
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
            self._engine = sqlite.make_engine(address, BUSY_TIMEOUT)
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
        except BridgeError as error:
            if _is_of_database(error):
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
            raise DamagedError(f"the database {self.name} {sqlite.DAMAGED}")

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
            return sqlite.explain(error, self.name, self.path)
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

    def rarely(self, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        """Say that few rows meet a condition: SQLite, which has no statistics, chooses its index by that."""
        return condition if self.path is None else sa.func.likelihood(condition, sa.literal_column("0.0001"))

    def insert(self, table: sa.Table) -> Any:
        """Begin an INSERT that knows ``on_conflict_do_update``; the two dialects spell it alike."""
        if self.path is None:
            from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 -- only where it is used
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415 -- as above
        return insert(table)


def _is_of_database(error: BridgeError) -> bool:
    """Tell whether nothing can be written, and it is not the fault of one item, or of what was to be done."""
    if isinstance(error, NotNowError | DatabaseError):
        return not isinstance(error, UnstorableError)
    return type(error) in {ConfigurationError, CredentialsError}  # a right that is missing, a refused user


def shown(url: str) -> str:
    """Name a database's place, as it may be shown: without a password."""
    if postgres_url.is_postgres(url):
        return postgres_url.shown(postgres_url.parameters(url))
    return sa.make_url(url).database or ""


def _kind(context: Any) -> str:
    return type(context.original_exception).__name__
