"""Opens a database: takes the lock where that is needed, makes or upgrades the schema, and gives it an id."""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING

from bridge.domain.errors import NotNowError
from bridge.store.backup import remove_left_copies
from bridge.store.facts import get_meta
from bridge.store.lock import DaemonLock
from bridge.store.migrate import migrate, revision
from bridge.store.tables import HEAD, meta

if TYPE_CHECKING:
    from bridge.store.engine import Database

_DATABASE_ID = "database_id"

PREPARED_WITHIN = 10.0
"""Seconds that a process waits for another one to make or upgrade the schema."""

LET_GO_WITHIN = 0.5
"""Seconds that commands take to let go of a schema that is ready. Who holds it for longer is a bridge that runs."""

_LOOK = 0.05


def has_schema(database: Database) -> bool:
    """Tell whether there is a database already. Looking for one must not make a file."""
    return (database.path is None or os.path.lexists(database.path)) and revision(database) is not None


def prepare(database: Database, *, exclusive: bool) -> DaemonLock | None:
    """See that a database has the schema that this version needs.

    Args:
        database: Which.
        exclusive: Have it to oneself: the lock is returned, and damage looked for.

    Raises:
        NotNowError: Another program has it, or runs on it with another schema.
        DatabaseError: It cannot be used as it is.
    """
    database.verify()
    if exclusive:
        return _prepare_alone(database)
    if revision(database) != HEAD:
        _prepare_beside_others(database)
    return None


def identify(database: Database) -> str:
    """Return the id of a database that was prepared; one that has none yet gets it."""
    known = _id_of(database)
    if known is None:
        with database.write() as connection:
            insert = database.insert(meta).values(key=_DATABASE_ID, value=secrets.token_hex(16))
            connection.execute(insert.on_conflict_do_nothing())  # another program may have given it one meanwhile
        known = _id_of(database)
        assert known is not None
    return known


def _prepare_alone(database: Database) -> DaemonLock:
    lock = _lock_to_prepare(database)
    try:
        if database.path is not None:
            remove_left_copies(database.path.parent, database.path)
        database.check()
        migrate(database)
    except BaseException:
        lock.release()
        raise
    return lock


def _prepare_beside_others(database: Database) -> None:
    """Make or upgrade the schema for a command; a daemon that runs on an older one must be restarted first."""
    try:
        lock = _lock_to_prepare(database)
    except NotNowError:
        if revision(database) == HEAD:
            return  # the holder has prepared it
        raise NotNowError(
            f"the bridge that is running on {database.name} is of another version: restart it first"
        ) from None
    with lock:
        migrate(database)


def _id_of(database: Database) -> str | None:
    with database.read() as connection:
        return get_meta(connection, _DATABASE_ID)


def _lock_to_prepare(database: Database) -> DaemonLock:
    """Take the daemon's lock. While the schema is not ready, its holder may be a command that makes it: wait.

    Raises:
        NotNowError: It is held, and the schema is ready, or has not become so in time.
    """
    until = time.monotonic() + PREPARED_WITHIN
    ready = False
    while True:
        try:
            return DaemonLock(database)
        except NotNowError:
            now = time.monotonic()
            if now > until:
                raise
        if not ready and revision(database) == HEAD:
            # Who made it lets go now, and so does each of those who found it made when they had the lock.
            ready, until = True, min(until, now + LET_GO_WITHIN)
        time.sleep(_LOOK)
