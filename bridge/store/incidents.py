"""What is wrong now, from when until when: the owner of the table ``incidents``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.incidents import OPENS, ends
from bridge.store.engine import chunks
from bridge.store.tables import incidents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Event, EventType
    from bridge.store.engine import Database


@dataclass(frozen=True, slots=True)
class Ended:
    """An incident that ended, or that a new one of its subject replaced: the event that had opened it, by position."""

    subject: str
    event: int
    at: datetime


def follow(database: Database, connection: sa.Connection, new_events: Sequence[tuple[int, Event]]) -> list[Ended]:
    """Open and end incidents by events that are written, with their positions. Returns those that ended.

    Nearly all events are about messages that are well: for them, it costs one query.
    """
    before = _of_subjects(connection, {event.subject for _, event in new_events})
    now: dict[str, dict[str, Any] | None] = {}
    ended: list[Ended] = []
    for position, event in new_events:
        current = now.get(event.subject, before.get(event.subject))
        opens = event.type in OPENS
        if current is not None and (opens or ends(event.type, current["type"])):
            ended.append(Ended(event.subject, current["event"], event.at))
            now[event.subject] = None
        if opens:
            row = {"subject": event.subject, "event": position, "type": str(event.type), "since": event.at}
            now[event.subject] = {**row, "acknowledged_at": None, "acknowledged_by": None, "note": None}
    _write(database, connection, [row for row in now.values() if row is not None])
    _delete(connection, [subject for subject, row in now.items() if row is None])
    return ended


def open_of(connection: sa.Connection, type_: EventType) -> list[str]:
    """List the subjects of the incidents that events of a type opened."""
    return list(connection.scalars(sa.select(incidents.c.subject).where(incidents.c.type == str(type_))))


def forget(connection: sa.Connection, subjects: Sequence[str]) -> None:
    """Forget, without an event, incidents whose subject nothing watches any longer: they would never end.

    What `hold` keeps back of them is dropped when it would be due.
    """
    _delete(connection, subjects)


def _of_subjects(connection: sa.Connection, subjects: set[str]) -> dict[str, dict[str, Any]]:
    chosen = sa.select(incidents.c.subject, incidents.c.event, incidents.c.type)
    return {
        row.subject: {"event": row.event, "type": row.type}
        for part in chunks(subjects)
        for row in connection.execute(chosen.where(incidents.c.subject.in_(part)))
    }


def _write(database: Database, connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        insert = database.insert(incidents)
        new = {column.name: column for column in insert.excluded if column.name != "subject"}
        connection.execute(insert.on_conflict_do_update(index_elements=[incidents.c.subject], set_=new), rows)


def _delete(connection: sa.Connection, subjects: Sequence[str]) -> None:
    for part in chunks(subjects):
        connection.execute(sa.delete(incidents).where(incidents.c.subject.in_(part)))
