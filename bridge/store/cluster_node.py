"""One of several daemons on one PostgreSQL database: its lease, its share of the rate, the receivers it delivers to.

A node says every few seconds that it lives. In the same transaction it makes room for who came, takes over from who has
not been heard of for the length of a lease, and learns its part (:mod:`bridge.domain.assignment`). It stops in time by
itself when it can't reach the database: others will have taken over by then.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.assignment import assign, fair_share
from bridge.domain.clock import SystemClock
from bridge.domain.errors import BridgeError, NotNowError
from bridge.store.column_types import from_millis
from bridge.store.membership import Ownership
from bridge.store.notices import Notices, notify
from bridge.store.tables import dispatchers, messages, nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from bridge.store.engine import Database

LEASE = timedelta(seconds=30)
"""How long a node that is not heard of keeps what it has. Then others take over."""

BEAT = 2.0
"""Seconds between a node's signs of life."""

SURE = 2 / 3
"""The part of a lease for which a node begins calls after its last sign of life; the rest is for them to end."""

JOINED_WITHIN = 3.0
"""Seconds that a node waits at its start for a program that has the database to itself."""

_LOOK = 0.05
_PATIENCE = 1.0

_steady = SystemClock().monotonic  # it counts the machine's sleep, too: a lease goes on meanwhile


class ClusterNode:
    """One of several.

    Args:
        database: PostgreSQL, with the schema that this version needs.

    Raises:
        NotNowError: The database is out of reach, or another program has it to itself.
    """

    holder: int | None = None
    alone = True
    leads = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._wants: list[str] = []
        self._mine: set[str] = set()
        self._leaving: set[str] = set()
        self._share = 0.0
        self._sure_until = float("-inf")
        self._answered_at: datetime | None = None
        self._wake: Callable[[Collection[str] | None], None] = lambda _: None
        self._step_failed: Callable[[BridgeError], None] = lambda _: None
        self._beating = threading.Lock()
        self._closing = threading.Event()
        self._left = False
        self._notices = Notices(database)
        try:
            self._join()
        except BaseException:
            self._notices.close()
            raise
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)
        self._thread.start()

    def share(self) -> float:
        """Tell what part of the account's rate this node may use now; 0 while it must not poll."""
        return self._share if self._is_sure() else 0.0

    def ownership(self, receiver: str) -> Ownership:
        """Tell whether this node delivers to a receiver."""
        if receiver not in self._mine or not self._is_sure():
            return Ownership.NONE
        return Ownership.LEAVING if receiver in self._leaving else Ownership.OURS

    def let_go(self, receiver: str) -> None:
        """Hand a receiver over, to which nothing is on its way.

        Raises:
            NotNowError: The database is out of reach.
        """
        with self._beating:
            with self._database.write() as connection:
                self._drop(connection, [receiver])
                notify(connection, "nodes", self.holder)
            self._mine.discard(receiver)

    def want(self, receivers: Collection[str]) -> None:
        """Say which receivers the configuration has, and learn at once which of them are this node's.

        Raises:
            NotNowError: The database is out of reach.
        """
        self._wants = sorted(receivers)
        self._beat()

    def listen(
        self, wake: Callable[[Collection[str] | None], None], step_failed: Callable[[BridgeError], None]
    ) -> None:
        """Let ``wake`` be called with those to whom there may be something to deliver; None for anybody.

        ``step_failed`` is called with what goes wrong.
        """
        self._wake, self._step_failed = wake, step_failed

    def answered(self, at: datetime) -> None:
        """Note that WbizTool answered this node."""
        self._answered_at = at

    def answered_elsewhere(self, connection: sa.Connection, since: datetime) -> bool:
        """Tell whether WbizTool answered another node since then, within a transaction."""
        others = sa.select(sa.func.max(nodes.c.answered_at)).where(nodes.c.id != self.holder)
        latest: datetime | None = connection.scalar(others)
        return latest is not None and latest > since

    def tell(self, connection: sa.Connection, receivers: Collection[str]) -> None:
        """Let the other nodes look for what is to be delivered to these, once a transaction is committed."""
        if not self.alone:
            names = " ".join(sorted(receivers))
            notify(connection, "queued", self.holder, names)

    def close(self) -> None:
        """Leave: others take over at once. Safe to call twice."""
        if self._left:
            return
        self._left = True
        self._closing.set()
        self._notices.interrupt()
        self._thread.join()
        with suppress(BridgeError), self._database.write() as connection:
            self._database.serialize(connection)
            self._release(connection, nodes.c.id == self.holder)
            notify(connection, "nodes", self.holder)
        self._notices.close()

    def _is_sure(self) -> bool:
        return _steady() < self._sure_until

    def _join(self) -> None:
        """Begin. Nodes that start together each make sure, for a moment by themselves, that the schema is there.

        Raises:
            NotNowError: The database is out of reach, or another program has it to itself.
        """
        until = _steady() + JOINED_WITHIN
        while True:
            try:
                self._notices.connect()
                break
            except NotNowError:
                self._notices.disconnect()
                if _steady() > until:
                    raise
                time.sleep(_LOOK)
        self._beat()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._notices.connect()
                self._beat()
                self._notices.wait(_steady() + BEAT, lambda: self.holder, self._notified)
            except BridgeError as error:
                self._notices.disconnect()
                self._step_failed(error)
                self._closing.wait(_PATIENCE)

    def _notified(self, receivers: Collection[str] | None) -> None:
        self._wake(receivers)  # read here: who listens may come, or change, during a wait

    def _beat(self) -> None:
        """Say that this node lives, and learn its part.

        Raises:
            NotNowError: The database is out of reach.
        """
        with self._beating:
            said_at = _steady()
            before = self.holder, self._share, set(self._mine)
            leaving, was_sure = self._leaving, self._is_sure()
            with self._database.write() as connection:
                self._database.serialize(connection)
                now = from_millis(connection.scalar(_NOW) or 0)
                self._release(connection, (nodes.c.lease_until < now) & (nodes.c.id != (self.holder or 0)))
                holder = self._live_on(connection, now)
                others = [row for row in connection.execute(sa.select(nodes)) if row.id != holder]
                share = fair_share([other.share for other in others])
                connection.execute(sa.update(nodes).where(nodes.c.id == holder).values(share=share))
                given = assign({holder: self._wants, **{other.id: other.wants for other in others}})
                mine = self._take(connection, holder, {name for name, node in given.items() if node == holder})
                if (holder, share, mine) != before:
                    notify(connection, "nodes", holder)
            self.holder, self._share, self._mine = holder, share, mine
            self._leaving = {name for name in mine if given.get(name) != holder}
            self.alone = not others
            self.leads = all(holder < other.id for other in others)
            self._sure_until = said_at + LEASE.total_seconds() * SURE
        if not mine <= before[2] or self._leaving != leaving or not was_sure:
            self._wake(None)

    def _live_on(self, connection: sa.Connection, now: datetime) -> int:
        """Renew the lease, or take a new one: then everything else was given to others."""
        values: dict[str, Any] = {
            "lease_until": now + LEASE,
            "wants": self._wants,
            "answered_at": self._answered_at,
        }
        if self.holder is not None:
            renewed = sa.update(nodes).where(nodes.c.id == self.holder).values(values)
            if connection.execute(renewed).rowcount:
                return self.holder
        new = sa.insert(nodes).values(name=self._name, since=now, share=0.0, **values).returning(nodes.c.id)
        return int(connection.execute(new).scalar_one())

    def _take(self, connection: sa.Connection, holder: int, given: set[str]) -> set[str]:
        """Take the receivers that are given to this node and free; keep the others until they are let go."""
        held: dict[str, int] = {row.receiver: row.node for row in connection.execute(sa.select(dispatchers))}
        unwanted = [name for name, node in held.items() if node == holder and name not in self._wants]
        if unwanted:
            self._drop(connection, unwanted, holder)
        free = sorted(given - held.keys())
        if free:
            connection.execute(sa.insert(dispatchers), [{"receiver": name, "node": holder} for name in free])
        return {name for name, node in held.items() if node == holder}.difference(unwanted).union(free)

    def _drop(self, connection: sa.Connection, receivers: Collection[str], holder: int | None = None) -> None:
        mine = dispatchers.c.node == (holder or self.holder)
        connection.execute(sa.delete(dispatchers).where(mine, dispatchers.c.receiver.in_(receivers)))

    def _release(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
        """Free all that some nodes have."""
        gone = list(connection.scalars(sa.delete(nodes).where(which).returning(nodes.c.id)))
        if gone:
            connection.execute(
                sa.update(messages)
                .where(messages.c.due_at.isnot(None), messages.c.holder.in_(gone))
                .values(holder=None)
            )


_EPOCH_SECONDS: sa.ColumnElement[Any] = sa.extract("epoch", sa.func.clock_timestamp())
_NOW = sa.select(sa.cast(_EPOCH_SECONDS * 1000, sa.BigInteger))
