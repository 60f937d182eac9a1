"""What the account's report shows, beside what is known: what it shows as new is due at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.activity_report import NUMBER
from bridge.store.engine import chunks
from bridge.store.facts import SequenceFloor
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from bridge.domain.report import Row
    from bridge.store.engine import Database


@dataclass(frozen=True, slots=True)
class HintCounts:
    """How many messages of the report were new, how many others it showed a change of, how many are polled still."""

    new: int = 0
    changed: int = 0
    unfinished: int = 0

    def __add__(self, other: HintCounts) -> HintCounts:
        return HintCounts(self.new + other.new, self.changed + other.changed, self.unfinished + other.unfinished)


class ReportHints:
    """Writes what the report shows of messages. What their status is, only a poll can say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, rows: Sequence[Row], now: datetime, number: str | None = None) -> HintCounts:
        """Watch the messages that are new; let those be due at once of which the report shows a change.

        What is finished, or was unwatched, stays so: the report may lag behind what a poll has found out.

        Args:
            rows: What the report shows.
            now: When.
            number: From which number they were sent, where the report was that number's: it becomes the tag ``number``
                of those that have none.
        """
        noted = HintCounts()
        for chunk in chunks({row.id: row for row in rows}.values()):
            with self._database.write() as connection:
                noted += self._note(connection, chunk, now, number)
        return noted

    def tighten(self, now: datetime, within: timedelta) -> None:
        """Let what waits longer than that for its poll, because the report shows it, be due within that, spread evenly.

        For when the report cannot be read any more.
        """
        spread = messages.c.id % max(1, int(within.total_seconds() * 1000))
        late = messages.c.hinted_at.isnot(None) & (messages.c.due_at > now + within)
        due_at = sa.cast(sa.literal(now, messages.c.due_at.type), sa.BigInteger) + spread
        with self._database.write() as connection:
            connection.execute(sa.update(messages).where(late).values(due_at=due_at))

    def _note(self, connection: sa.Connection, rows: Sequence[Row], now: datetime, number: str | None) -> HintCounts:
        ids = [row.id for row in rows]
        found = sa.select(messages.c.id, messages.c.hint, messages.c.due_at, messages.c.tags).where(
            messages.c.id.in_(ids)
        )
        known = {row.id: row for row in connection.execute(found)}
        floor = SequenceFloor.read(connection)
        new = [
            {
                "id": row.id,
                "label": row.label,
                "tags": number and {NUMBER: number},
                "listed": False,
                "added": False,
                "discovered": True,
                "sequence": floor.of(row.id),
                "watched_since": now,
                "due_at": now,
                "hint": row.hint,
                "hinted_at": now,
            }
            for row in rows
            if row.id not in known
        ]
        changed = [row for row in rows if row.id in known and known[row.id].hint != row.hint]
        if new:
            connection.execute(self._database.insert(messages).on_conflict_do_nothing(), new)
        if changed:
            connection.execute(_CHANGED, [{"message": row.id, "shown": row.hint, "now": now} for row in changed])
        if number is not None:
            _tag(
                connection,
                [row for row in known.values() if not (isinstance(row.tags, dict) and NUMBER in row.tags)],
                number,
            )
        unfinished = len(new) + sum(row.due_at is not None for row in known.values())
        return HintCounts(len(new), len(changed), unfinished)


def _tag(connection: sa.Connection, untagged: Sequence[Any], number: str) -> None:
    """Tag messages with the number that sent them; one whose tags somebody has damaged stays as it is."""
    tagged = [
        {"message": row.id, "new_tags": {**(row.tags or {}), NUMBER: number}}
        for row in untagged
        if row.tags is None or isinstance(row.tags, dict)
    ]
    if tagged:
        connection.execute(_TAGGED, tagged)


_TAGGED = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("message"))
    .values(tags=sa.bindparam("new_tags", type_=messages.c.tags.type))
)
_NOW = sa.bindparam("now", type_=messages.c.due_at.type)
_CHANGED = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("message"))
    .values(
        hint=sa.bindparam("shown"),
        hinted_at=_NOW,
        due_at=sa.case((messages.c.due_at > _NOW, _NOW), else_=messages.c.due_at),
    )
)
