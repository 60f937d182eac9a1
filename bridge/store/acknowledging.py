"""Lists what is wrong now, and records who has acknowledged it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.events import receiver_subject
from bridge.domain.incidents import Acknowledged, Incident
from bridge.domain.model import EventType
from bridge.domain.numbers import NUMBERS
from bridge.store import row_mapping, withheld
from bridge.store.engine import chunks
from bridge.store.facts import set_meta
from bridge.store.incidents import forget, open_of
from bridge.store.paging import Page, cursor_pattern, cursor_to, page_of, place_in
from bridge.store.tables import events, incidents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bridge.store.engine import Database
    from bridge.store.event_log import EventLog

_KIND = "i"
INCIDENT_CURSOR = cursor_pattern(_KIND, 1)
"""What cursors look like."""

_NOT_ACKNOWLEDGED = incidents.c.acknowledged_at.is_(None)
_JOINED = sa.select(*events.c, incidents.c.acknowledged_at, incidents.c.acknowledged_by, incidents.c.note).join_from(
    incidents, events, events.c.position == incidents.c.event
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What became of an acknowledgement, by subject. Nothing is wrong with those that were ``not_open``.

    Those that somebody had acknowledged before are ``updated`` where there is a new note, else unchanged (``already``).
    """

    acknowledged: tuple[str, ...]
    updated: tuple[str, ...]
    already: tuple[str, ...]
    not_open: tuple[str, ...]

    def as_json(self) -> dict[str, list[str]]:
        """Arrange it for programs."""
        return {
            "acknowledged": list(self.acknowledged),
            "updated": list(self.updated),
            "already_acknowledged": list(self.already),
            "not_open": list(self.not_open),
        }


class Incidents:
    """Reads and acknowledges incidents. Safe to use from several threads.

    Args:
        database: Where.
        log: Counts what is dropped.
    """

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._events = log

    def listed(self, *, acknowledged: bool = False, cursor: str | None = None, most: int = 50) -> Page[Incident]:
        """List what is wrong, the newest first; with ``acknowledged``, also what somebody has acknowledged.

        Raises:
            UsageError: The cursor is none of this list's.
        """
        chosen = _JOINED if acknowledged else _JOINED.where(_NOT_ACKNOWLEDGED)
        if cursor is not None:
            chosen = chosen.where(incidents.c.event < place_in(cursor, _KIND, 1)[0])
        with self._database.read() as connection:
            found = connection.execute(chosen.order_by(incidents.c.event.desc()).limit(most + 1)).all()
        return page_of(found, most, _incident, lambda row: cursor_to(_KIND, row.position))

    def forget_unwatched(self, receivers: Collection[str], *, numbers_watched: bool) -> None:
        """Forget, without an event, incidents of receivers that are no more, and of numbers that are not watched."""
        there = set(map(receiver_subject, receivers))
        with self._database.write() as connection:
            forget(connection, [each for each in open_of(connection, EventType.RECEIVER_DOWN) if each not in there])
            if not numbers_watched:
                forget(connection, open_of(connection, EventType.NUMBER_DISCONNECTED))
                set_meta(self._database, connection, NUMBERS, "")

    def of(self, subject: str) -> Incident | None:
        """Read what is wrong with a subject; None where nothing is."""
        with self._database.read() as connection:
            row = connection.execute(_JOINED.where(incidents.c.subject == subject)).one_or_none()
        return None if row is None else _incident(row)

    def acknowledge(self, subjects: Iterable[str], how: Acknowledged) -> Acknowledgement:
        """Record that somebody has acknowledged what is wrong with these subjects.

        What `hold` holds back of it is dropped, and reminders of it stop. Of what somebody has acknowledged before, the
        latest note counts, with who wrote it and when; without a note, nothing changes.
        """
        asked = list(dict.fromkeys(subjects))
        with self._events.transaction() as connection:
            self._database.keep_order(connection)  # or one of them could end, or open again, meanwhile
            known: dict[str, Any] = {
                row.subject: row
                for part in chunks(asked)
                for row in connection.execute(sa.select(incidents).where(incidents.c.subject.in_(part)))
            }
            fresh = [row for row in known.values() if row.acknowledged_at is None]
            noted_again = [row for row in known.values() if row.acknowledged_at is not None and how.note]
            for part in chunks(row.subject for row in (*fresh, *noted_again)):
                noted = {"acknowledged_at": how.at, "acknowledged_by": how.by, "note": how.note}
                connection.execute(sa.update(incidents).where(incidents.c.subject.in_(part)).values(noted))
            positions = [row.event for row in fresh]
            self._events.note_dropped(connection, withheld.drop(connection, positions, how.at, lambda *_: how.words))
        done, again = {row.subject for row in fresh}, {row.subject for row in noted_again}
        return Acknowledgement(
            tuple(each for each in asked if each in done),
            tuple(each for each in asked if each in again),
            tuple(each for each in asked if each in known and each not in done | again),
            tuple(each for each in asked if each not in known),
        )


def counts(connection: sa.Connection) -> tuple[int, int]:
    """Count the incidents that are open, and those that are acknowledged."""
    total, open_ = connection.execute(sa.select(sa.func.count(), sa.func.sum(_OPEN)).select_from(incidents)).one()
    return int(open_ or 0), total - int(open_ or 0)


def _incident(row: Any) -> Incident:
    seen = None if row.acknowledged_at is None else Acknowledged(row.acknowledged_at, row.acknowledged_by, row.note)
    return Incident(row_mapping.event(row), seen)


_OPEN = sa.case((_NOT_ACKNOWLEDGED, 1), else_=0)
