"""What nodes on one PostgreSQL database tell each other: LISTEN and NOTIFY, on a connection that does nothing else."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from bridge.domain.clock import SystemClock
from bridge.domain.errors import NotNowError
from bridge.store.lock import share_daemon_lock
from bridge.store.migrate import revision
from bridge.store.tables import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bridge.store.engine import Database

_CHANNEL = "wbiz_bridge"
_LONGEST_NAMES = 7000  # PostgreSQL takes less than 8,000 bytes

_steady = SystemClock().monotonic


def notify(connection: sa.Connection, what: Literal["nodes", "queued"], holder: int | None, names: str = "") -> None:
    """Tell the other nodes something, once a transaction is committed.

    Args:
        connection: The transaction's.
        what: ``nodes``: who does what has changed. ``queued``: there is something to deliver.
        holder: This node's number.
        names: Receivers to whom there is; none for anybody.
    """
    if len(names) > _LONGEST_NAMES:
        names = ""
    connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, f"{what} {holder} {names}")))


class Notices:
    """Hears what other nodes say.

    While it is connected, it holds the lock that keeps others from taking the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sa.Connection | None = None
        self._interrupted = False
        self._woken, self._waker = socket.socketpair()

    def connect(self) -> None:
        """Connect, unless it is connected.

        Raises:
            NotNowError: The database is out of reach, or somebody has it, or had it meanwhile and changed its schema.
        """
        if self._connection is not None:
            return
        self._connection = self._database.own_session()
        with self._database.in_words():
            share_daemon_lock(self._connection, self._database.name)
            self._connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
        if revision(self._database) != HEAD:
            raise NotNowError(f"the database {self._database.name} is another version's now: restart this bridge")

    def disconnect(self) -> None:
        """Disconnect, if it is connected."""
        if self._connection is not None:
            with suppress(sa.exc.DBAPIError):
                self._connection.close()
            self._connection = None

    def wait(
        self, until: float, holder: Callable[[], int | None], wake: Callable[[Collection[str] | None], None]
    ) -> None:
        """Wait until then, by the steady clock, or until another node has changed who does what.

        Args:
            until: When.
            holder: Tells this node's number then: what it says itself is no news.
            wake: Called with the receivers to whom there may be something to deliver; None for anybody.

        Raises:
            NotNowError: The connection is lost.
        """
        import psycopg  # noqa: PLC0415 -- only who uses PostgreSQL has it

        assert self._connection is not None
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        try:
            either = select.poll()
            either.register(connection, select.POLLIN)
            either.register(self._woken, select.POLLIN)
            while (left := until - _steady()) > 0 and not self._interrupted:
                either.poll(left * 1000)
                heard = {notice.payload for notice in connection.notifies(timeout=0)}
                words = [each.split() for each in heard]
                foreign = [each for each in words if each[1] != str(holder())]
                queued_for = [names for what, _, *names in foreign if what == "queued"]
                if queued_for:
                    wake(None if [] in queued_for else {name for names in queued_for for name in names})
                if any(what == "nodes" for what, *_ in foreign):
                    return
        except psycopg.Error as error:
            raise self._database.explain(error) from None

    def interrupt(self) -> None:
        """End a wait, and wait no more. Safe to call from another thread."""
        self._interrupted = True
        self._waker.send(b"x")

    def close(self) -> None:
        """Disconnect for good."""
        self.disconnect()
        self._waker.close()
        self._woken.close()
