"""Which groups of messages fail, with the events about that; and the final statuses that alerts count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import failure_rate
from bridge.domain.event_data import MessageData
from bridge.domain.failure_rate import FAILING
from bridge.domain.json_object import read
from bridge.domain.model import EventType, Status
from bridge.domain.rate_window import Final
from bridge.store import failure_digests, incidents
from bridge.store.facts import get_meta, set_meta
from bridge.store.tables import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.domain.events import HealthChange
    from bridge.domain.failure_rate import Known
    from bridge.domain.model import Event
    from bridge.domain.routing import Subscription
    from bridge.store.engine import Database
    from bridge.store.event_log import EventLog

_FINAL = {str(EventType.of_status(status)): str(status) for status in Status if status.terminal}


class FailureRates:
    """Reads what alerts count, and writes what they find.

    Args:
        database: Where.
        events: Writes events.
    """

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database = database
        self._events = events

    def before(self, since: datetime) -> int:
        """Return the position after which are all events since then."""
        first = sa.select(sa.func.min(events.c.position)).where(events.c.at >= since)
        last = sa.select(sa.func.max(events.c.position))
        with self._database.read() as connection:
            found = connection.scalar(first)
            return found - 1 if found is not None else connection.scalar(last) or 0

    def finals(self, after: int, most: int) -> tuple[list[Final], int]:
        """List the final statuses among the next events after a position, and the position of the last one."""
        query = (
            sa.select(events.c.position, events.c.type, events.c.at, events.c.data)
            .where(events.c.position > after)
            .order_by(events.c.position)
            .limit(most)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_final(row) for row in rows if row.type in _FINAL], rows[-1].position if rows else after

    def known(self) -> Known:
        """Read which groups fail."""
        with self._database.read() as connection:
            return failure_rate.read(get_meta(connection, FAILING))

    def record(
        self,
        look: Callable[[Known], tuple[Known, Sequence[HealthChange]]],
        at: datetime,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Write which groups fail from now on, and the events about those that changed, in one transaction.

        What is queued of a group that starts to fail waits for a digest, and is due when the group has recovered.

        Args:
            look: Given those that fail, returns those that do from now on, and what changed.
            at: When.
            subscriptions: Who wants which events.
        """
        with self._events.transaction() as connection:
            self._database.serialize(connection)
            self._database.keep_order(connection)  # who writes a failure next sees what is written here
            before = failure_rate.read(get_meta(connection, FAILING))
            known, changes = look(before)
            set_meta(self._database, connection, FAILING, failure_rate.written(known))
            moved = failure_digests.rearrange(connection, before, known, subscriptions, at)
            self._events.note_queued(connection, moved)
            gone = {group.subject for group in before.keys() - known.keys()}
            incidents.forget(connection, sorted(gone - {change.subject for change in changes}))
            return self._events.add_changes(connection, changes, at, subscriptions)


def _final(row: Any) -> Final:
    """Read an event. Of one that somebody has damaged, only what can be read counts."""
    data = read(MessageData, row.data)
    return Final(row.position, row.at, _FINAL[row.type], data.tags, data.current.error)
