"""How the database goes about a query: what it says itself, of the very statements that the store runs."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.store.tables import metadata
from tests.world.records import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store


@contextmanager
def plans(store: Store, *, statistics: bool = True) -> Iterator[list[str]]:
    """Collect the plan of each SELECT that the store runs meanwhile, as text.

    Args:
        store: The store.
        statistics: Bring them up to date first. On SQLite, a running bridge has none.
    """
    database = store._database
    if database.path is None:  # what earlier tests have left in the indexes makes them look expensive
        statements(store, *(f"REINDEX TABLE {table}" for table in metadata.tables))
    if statistics:
        statements(store, "ANALYZE")
    explain = "EXPLAIN" if database.path is None else "EXPLAIN QUERY PLAN"
    found: list[str] = []

    def look(_: sa.Connection, cursor: Any, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            beside = cursor.connection.cursor()
            beside.execute(f"{explain} {statement}", parameters)
            found.append("\n".join(str(row[-1]) for row in beside.fetchall()))
            beside.close()

    database.close()  # SQLite reads the statistics when it opens the file
    sa.event.listen(database._engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(database._engine, "before_cursor_execute", look)


def is_slow(plan: str) -> bool:
    """Tell whether a plan reads a whole table or sorts what it read. A list that was given with it is no table."""
    return re.search(r"^SCAN (?!\w+ VIRTUAL TABLE)|Seq Scan|TEMP B-TREE|Sort", plan, re.MULTILINE) is not None
