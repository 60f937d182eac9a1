"""Copies everything from one database into another, empty one: from SQLite to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.errors import REPORT_IT, UsageError
from bridge.store.engine import Database, chunks
from bridge.store.errors import DatabaseError
from bridge.store.tables import attempts, deliveries, events, messages, meta, metadata

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERED = ((events, events.c.position), (deliveries, deliveries.c.id), (attempts, attempts.c.id))
"""Tables whose rows the database numbers by itself; a number must never come a second time."""


def counts(database: Database) -> dict[str, int]:
    """Count the rows of each table."""
    with database.read() as connection:
        return _counts(connection)


def copy(source: Database, target: Database, tell: Callable[[int], None]) -> None:
    """Copy every row, in one transaction. The source stays as it is. Call it under the locks of both.

    The database's own id goes along: the ids of events are made of it, so that none is made a second time.

    Args:
        source: Of the schema that this version needs.
        target: As above, and empty but for its own id.
        tell: Called after each step with how many rows came.

    Raises:
        UsageError: The target is not empty.
        DatabaseError: Not everything arrived; the target is as it was.
    """
    with source.read() as reader, target.write() as writer:
        if any(writer.scalar(sa.select(table).limit(1)) is not None for table in (messages, events)):
            raise UsageError(f"the database {target.name} is not empty, a bridge has used it: name one that is")
        writer.execute(sa.delete(meta))
        for table in metadata.sorted_tables:
            for rows in chunks(reader.execution_options(yield_per=1000).execute(sa.select(table)).mappings()):
                writer.execute(sa.insert(table), [dict(row) for row in rows])
                tell(len(rows))
        _go_on_counting(reader, writer)
        if _counts(reader) != _counts(writer):
            raise DatabaseError(f"not everything arrived in {target.name}, which is as it was: {REPORT_IT}")


def _counts(connection: sa.Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in metadata.sorted_tables
    }


def _go_on_counting(reader: sa.Connection, writer: sa.Connection) -> None:
    """Let the target number its next rows as the source would have: rows that were pruned had numbers too."""
    latest: dict[str, int] = dict(reader.execute(sa.text("SELECT name, seq FROM sqlite_sequence")).tuples().all())
    for table, column in _NUMBERED:
        if latest.get(table.name):
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            writer.execute(sa.select(sa.func.setval(sequence, latest[table.name])))
