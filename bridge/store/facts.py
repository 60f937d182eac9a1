"""The database's own facts: the owner of the table ``meta``."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import sqlalchemy as sa

from bridge.store.tables import meta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.store.engine import Database


SWEPT = "report_read_at"
"""The fact that says when the account's report was last read to its end."""

NUDGED = "nudged"
"""The fact that changes when somebody beside the daemon made something due."""


def get_meta(connection: sa.Connection, key: str) -> str | None:
    """Read one of the database's own facts."""
    value: str | None = connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
    return value


def set_meta(database: Database, connection: sa.Connection, key: str, value: str) -> None:
    """Write one of the database's own facts."""
    insert = database.insert(meta).values(key=key, value=value)
    connection.execute(insert.on_conflict_do_update(index_elements=[meta.c.key], set_={"value": value}))


def shift_meta(database: Database, connection: sa.Connection, key: str, shifted: Callable[[str], str]) -> None:
    """Move the times in one of the database's own facts: the clock was set, or went wrong."""
    fact = get_meta(connection, key)
    if not fact:
        return
    with suppress(ValueError, KeyError, TypeError):  # somebody has damaged it: who writes it writes it again
        set_meta(database, connection, key, shifted(fact))


def nudge(database: Database, connection: sa.Connection) -> None:
    """Let a daemon that runs beside this process look for what is due."""
    set_meta(database, connection, NUDGED, secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class SequenceFloor:
    """Where messages begin to count that may have been forgotten: those with ids up to ``highest``, at ``sequence``.

    A message's sequence never restarts, or the ids of its events would be made a second time. WbizTool's ids grow, so
    that new messages are above it and begin with 1.
    """

    KEY: ClassVar[str] = "sequence_floor"

    highest: int = 0
    sequence: int = 0

    @classmethod
    def read(cls, connection: sa.Connection) -> Self:
        """Read it."""
        return cls(*json.loads(get_meta(connection, cls.KEY) or "[]"))

    def written(self) -> str:
        """Write it."""
        return json.dumps([self.highest, self.sequence])

    def over(self, forgotten: Mapping[int, int]) -> SequenceFloor:
        """Raise it over messages that are forgotten, given their sequences by id."""
        return SequenceFloor(max(self.highest, *forgotten), max(self.sequence, *forgotten.values()))

    def of(self, message_id: int) -> int:
        """Tell with which sequence a message begins."""
        return self.sequence if message_id <= self.highest else 0
