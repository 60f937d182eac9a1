"""Which messages are due to be polled: who polls them, and how they become due at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.model import Status
from bridge.store import row_mapping
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from bridge.domain.model import Message
    from bridge.store.engine import Database

POLL_NOW_EVERY = timedelta(seconds=1)
"""How soon after a poll another one may follow because somebody asks for it."""

IS_WATCHED = messages.c.listed | messages.c.added | messages.c.discovered
IS_IDLE = messages.c.due_at.is_(None)
IS_FINISHED = sa.or_(*(messages.c.status == str(status) for status in Status if status.terminal))

_ME = sa.bindparam("me", type_=sa.BigInteger)
_NEW: sa.ColumnElement[bool] = sa.literal_column("seen < 3")  # as the index has it
_DUE = (
    sa.select(*row_mapping.MESSAGE)
    .where(messages.c.due_at <= sa.bindparam("now"))
    .order_by(messages.c.due_at, messages.c.id)
    .limit(sa.bindparam("most"))
)


class DueQueries:
    """The queries for messages that are due: one for a node that is alone, one that claims them among several."""

    def __init__(self, database: Database) -> None:
        free = database.none_of(messages.c.id, "busy")
        self._due, self._due_new = _DUE.where(free), _DUE.where(free, _NEW)
        self._claim, self._claim_new = _claim(free), _claim(free, _NEW)

    def read(self, connection: sa.Connection, now: datetime, most: int, busy: Collection[int]) -> list[Message]:
        """Read messages that are due."""
        return _take(connection, self._due_new, self._due, {"now": now}, most, busy)

    def claim(
        self, connection: sa.Connection, now: datetime, most: int, busy: Collection[int], holder: int
    ) -> list[Message]:
        """Make messages that are due this node's, within a transaction that writes, and read them."""
        return _take(connection, self._claim_new, self._claim, {"now": now, "me": holder}, most, busy)


def _claim(*which: sa.ColumnElement[bool]) -> Any:
    free = (
        sa.select(messages.c.id)
        .where(
            messages.c.due_at <= sa.bindparam("now"),
            messages.c.holder.is_(None) | (messages.c.holder == _ME),
            *which,
        )
        .order_by(messages.c.due_at, messages.c.id)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    return sa.update(messages).where(messages.c.id == free.c.id).values(holder=_ME).returning(*row_mapping.MESSAGE)


def _take(
    connection: sa.Connection, new: Any, any_: Any, values: Mapping[str, Any], most: int, busy: Collection[int]
) -> list[Message]:
    """Read messages, three quarters of them new ones, as far as there are any."""
    first = connection.execute(new, {**values, "most": most - most // 4, "busy": list(busy)}).all()
    taken = [*busy, *(row.id for row in first)]
    rest = connection.execute(any_, {**values, "most": most - len(first), "busy": taken}).all()
    return [row_mapping.message(row) for row in (*first, *rest)]


_AT = sa.bindparam("now", type_=messages.c.due_at.type)
_NOT_SOONER = sa.cast(messages.c.polled_at, sa.BigInteger) + POLL_NOW_EVERY // timedelta(milliseconds=1)
_SOON = sa.case((sa.cast(_AT, sa.BigInteger) < _NOT_SOONER, _NOT_SOONER), else_=sa.cast(_AT, sa.BigInteger))
_OVERDUE = (messages.c.due_at < _AT) & (messages.c.polled_at.is_(None) | (sa.cast(_AT, sa.BigInteger) >= _NOT_SOONER))
POLL_NOW = (
    sa.update(messages)
    .where(
        messages.c.id.in_(sa.bindparam("ids", expanding=True)),
        IS_WATCHED,
        ~IS_IDLE | IS_FINISHED,
    )
    .values(
        due_at=sa.case(
            # One that is overdue keeps its place before others, but for the mark of one that was asked for: else, where
            # polls are late, one that is asked for again and again would never be polled.
            (_OVERDUE, sa.cast(messages.c.due_at, sa.BigInteger) + 1),
            ((messages.c.due_at > _AT) & (messages.c.due_at < _SOON), messages.c.due_at),
            else_=_SOON,
        )
    )
    .returning(messages.c.id)
)
