"""Connections to PostgreSQL: how they are made, what each is asked for, and what the server's refusals mean."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import re
import select
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import postgres_url
from bridge.domain.errors import BridgeError, ConfigurationError
from bridge.store.postgres_errors import LOST, NO_SESSIONS, Meaning, ends_session, meaning_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

CONNECT_WITHIN = 10
"""Seconds that a server may take to accept a connection."""

NAME = "wbiz-bridge"
"""The ``application_name`` of the bridge's connections, where the address and ``$PGAPPNAME`` give none."""

_DEFAULTS: Mapping[str, Any] = {
    "connect_timeout": CONNECT_WITHIN,
    "fallback_application_name": NAME,
    # A server that vanished without a word (a failover, a firewall) is noticed within half a minute, not two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
"""What libpq is asked for, unless the address says otherwise. Poolers know all of it, as they don't ``options``."""

_POOLED = "pooled"
_BY_SERVER = re.compile(r"[^\s:]+:  \S")  # libpq writes two spaces only between the server's severity and its words
_CODE = re.compile(r":  ([0-9A-Z]{5})\b")
_SQLSTATE_ONLY = 3  # PQERRORS_SQLSTATE of libpq-fe.h
_LOOKS = 3
_ASK_WITHIN = 3.0  # seconds: a pooler that could not log in lets the next one wait


class Server:
    """A PostgreSQL database, and how one connects to it.

    Args:
        url: Its address.
        lock_timeout: Seconds that a statement waits for others' locks.

    Raises:
        ConfigurationError: The address is not usable, or the driver is not installed.
    """

    def __init__(self, url: str, lock_timeout: float) -> None:
        try:
            self._parameters = postgres_url.parameters(url)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        self.name = postgres_url.shown(self._parameters)
        self._lock_timeout = lock_timeout
        self._diagnosed: dict[str, str | None] = {}

    def engine(self, **options: Any) -> sa.Engine:
        """Make an engine. Its sessions are what the bridge needs, or connecting fails in words."""
        import psycopg  # noqa: PLC0415 -- only who uses PostgreSQL has it

        wanted = {**_DEFAULTS, **self._parameters, "client_encoding": "UTF8"}
        engine = sa.create_engine("postgresql+psycopg://", connect_args=wanted, **options)

        @sa.event.listens_for(engine, "connect")
        def _connected(connection: psycopg.Connection[Any], record: Any) -> None:
            try:
                record.info[_POOLED] = self._set_up(connection)
            except BaseException:
                connection.close()
                raise

        @sa.event.listens_for(engine, "handle_error")
        def _failed(context: Any) -> BridgeError | None:
            error = context.original_exception
            if context.is_pre_ping:
                return None  # the pool makes another connection
            if context.connection is None:
                return self._explain_refusal(error) if isinstance(error, psycopg.Error) else None
            if ends_session(getattr(error, "sqlstate", None)):
                context.is_disconnect = True  # not this session alone: the others in the pool are as old
            return None

        return engine

    def verify(self, engine: sa.Engine) -> None:
        """Refuse what the bridge cannot work with, as far as a connection shows it.

        Raises:
            ConfigurationError: A pooler is before the server that gives each transaction another session.
        """
        with engine.connect() as connection:
            if connection.info[_POOLED] and self._shares_sessions(connection):
                raise self._in_words(NO_SESSIONS)

    def explain(self, error: BaseException | None) -> BridgeError | None:
        """Say in plain words what the driver's exception means; None where there is nothing to say but its name."""
        import psycopg  # noqa: PLC0415 -- only who uses PostgreSQL has it

        sqlstate = getattr(error, "sqlstate", None)
        if sqlstate is None and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return None
        meaning = meaning_of(sqlstate, str(error)) if sqlstate else LOST
        return None if meaning is None else self._in_words(meaning)

    def _explain_refusal(self, error: psycopg.Error) -> BridgeError:
        """Say why there was no connection."""
        text = f"{type(error).__name__}: {error}"
        sqlstate = error.sqlstate
        if sqlstate is None and _BY_SERVER.search(text):
            if text not in self._diagnosed:
                self._diagnosed = {text: self._ask_again()}
            sqlstate = self._diagnosed[text]
        unknown = (
            ConfigurationError,
            f"refuses the connection (SQLSTATE {sqlstate}): see the parameters in `database:`",
        )
        return self._in_words(meaning_of(sqlstate, text) or unknown)

    def _in_words(self, meaning: Meaning) -> BridgeError:
        kind, words = meaning
        return kind(f"the database {self.name} {words}")

    def _set_up(self, connection: psycopg.Connection[Any]) -> bool:
        """Make a session what the bridge needs; tell whether a pooler is before the server.

        Raises:
            BridgeError: It can't be.
        """
        import psycopg  # noqa: PLC0415 -- only who uses PostgreSQL has it

        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise ConfigurationError(
                f"the database {self.name} has the encoding {encoding}, which cannot hold every text: make one with "
                "UTF8 (createdb --encoding=UTF8 --template=template0 --locale=C --owner=USER NAME)"
            )
        autocommit, connection.autocommit = connection.autocommit, True
        try:
            settings = {"lock_timeout": str(int(self._lock_timeout * 1000)), "idle_session_timeout": "0"}
            found = connection.execute(_SET_UP, [list(settings), list(settings.values())]).fetchall()
        except psycopg.Error as error:
            raise self._explain_refusal(error) from None
        finally:
            if not connection.closed:
                connection.autocommit = autocommit
        # A pooler makes numbers of its own up, by which a client could ask it to cancel a statement.
        pooled = any(row[0] != connection.info.backend_pid for row in found)
        if pooled:
            connection.prepare_threshold = None  # what is prepared may outlive the session, and meet the next one
        return pooled

    def _shares_sessions(self, first: sa.Connection) -> bool:
        """Tell whether two connections come to have one session, or one connection several: then they are no sessions.

        A pooler in session mode keeps to each what it gave it first.
        """
        import psycopg  # noqa: PLC0415 -- only who uses PostgreSQL has it

        one = first.connection.driver_connection
        assert isinstance(one, psycopg.Connection)
        one.autocommit = True
        wanted = {**_DEFAULTS, **self._parameters, "client_encoding": "UTF8", "autocommit": True}
        try:
            with psycopg.connect(**wanted, prepare_threshold=None) as other:
                for _ in range(_LOOKS):
                    pid = _session(one)
                    with other.transaction():  # while it lasts, nobody else has the session
                        if _session(other) == pid or _session(one) != pid:
                            return True
        except psycopg.Error as error:
            raise self._explain_refusal(error) from None
        finally:
            if not one.closed:
                one.autocommit = False
        return False

    def _ask_again(self) -> str | None:
        """Connect once more for the SQLSTATE of a refusal: libpq gives it only to who asks for nothing else.

        The words of a refusal are the server's, in the language of its configuration.
        """
        from psycopg import Error, pq  # noqa: PLC0415 -- only who uses PostgreSQL has it
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 -- as above

        wanted = {**_DEFAULTS, **self._parameters, "client_encoding": "UTF8"}
        connection: Any = pq.PGconn.connect_start(make_conninfo(**wanted).encode())
        try:
            _libpq().PQsetErrorVerbosity(ctypes.c_void_p(connection.pgconn_ptr), _SQLSTATE_ONLY)
            until = time.monotonic() + _ASK_WITHIN
            state = pq.PollingStatus.WRITING
            while state in {pq.PollingStatus.READING, pq.PollingStatus.WRITING} and time.monotonic() < until:
                reads = state == pq.PollingStatus.READING
                ready = ([connection.socket], []) if reads else ([], [connection.socket])
                select.select(*ready, [], max(0.0, until - time.monotonic()))
                state = pq.PollingStatus(connection.connect_poll())
            found = _CODE.findall(connection.error_message.decode(errors="replace"))
        except Error:  # it has no socket any more
            return None
        finally:
            connection.finish()
        return found[-1] if found else None


_SET_UP = """
    SELECT pg_backend_pid(), set_config(wanted.name, wanted.value, false)
    FROM unnest(%s::text[], %s::text[]) AS wanted (name, value) JOIN pg_settings USING (name)
"""
"""Settings by SET, not by ``options``, which poolers refuse; those that an older server does not know are left out."""


def _session(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def _libpq() -> ctypes.CDLL:
    """Find the library that psycopg uses: within the package of its wheels, or the system's."""
    from psycopg import pq  # noqa: PLC0415 -- only who uses PostgreSQL has it

    if pq.__impl__ == "python":
        return ctypes.CDLL(ctypes.util.find_library("pq"))
    return ctypes.CDLL(importlib.import_module(f"psycopg_{pq.__impl__}._psycopg").__file__)
