"""The watch list and what is known of each message: the owner of the table ``messages``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.model import Message, Status
from bridge.store import rows
from bridge.store.engine import chunks
from bridge.store.facts import SequenceFloor, get_meta, set_meta
from bridge.store.schema import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from bridge.config import Watchlist
    from bridge.store.engine import Database
    from bridge.store.node import Alone
    from bridge.transition import Verdict

_LIST_DIGEST = "watchlist"
_IDLE = messages.c.due_at.is_(None)
_FINISHED = sa.or_(*(messages.c.status == str(status) for status in Status if status.terminal))


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll to be recorded: the message as it was, what follows, when it was polled and is due again.

    ``verdict`` is None where the poll brought no observation: then only the times change.
    """

    message: Message
    verdict: Verdict | None
    at: datetime
    due_at: datetime | None


class Messages:
    """Reads and writes watched messages."""

    def __init__(self, database: Database, node: Alone) -> None:
        self._database = database
        self._node = node

    def claim(self, now: datetime, most: int, busy: Collection[int]) -> list[Message]:
        """List messages that are due, the longest overdue first, without those that are ``busy`` being polled.

        Where there are several nodes, they are this one's until they are recorded, let go, or its lease ends.
        """
        if self._node.holder is None:
            with self._database.read() as connection:
                found = connection.execute(_DUE, {"now": now, "most": most + len(busy)})
                return [rows.message(row) for row in found if row.id not in busy][:most]
        with self._database.write() as connection:
            mine = {"now": now, "most": most, "me": self._node.holder, "busy": list(busy)}
            return [rows.message(row) for row in connection.execute(_CLAIM, mine)]

    def let_go(self, ids: Collection[int]) -> None:
        """Let others poll messages that were claimed and not polled."""
        if ids and self._node.holder is not None:
            with self._database.write() as connection:
                mine = messages.c.holder == self._node.holder
                for chunk in chunks(ids):
                    connection.execute(sa.update(messages).where(mine, messages.c.id.in_(chunk)).values(holder=None))

    def next_due(self, now: datetime) -> datetime | None:
        """Tell when the first message that is not due yet will be."""
        with self._database.read() as connection:
            found: datetime | None = connection.scalar(
                sa.select(sa.func.min(messages.c.due_at)).where(messages.c.due_at > now)
            )
        return found

    def count_due(self, now: datetime) -> int:
        """Count messages that are due."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(messages.c.due_at <= now)) or 0

    def sync(self, watchlist: Watchlist, now: datetime) -> tuple[int, int]:
        """Make the configuration's list hold: watch what is new on it, stop polling what has left it.

        Returns how many came and how many went. What was found out about those that went is kept.
        """
        digest = watchlist.digest()
        with self._database.write() as connection:
            self._database.serialize(connection)
            if get_meta(connection, _LIST_DIGEST) == digest:
                return 0, 0
            listed = set(connection.scalars(sa.select(messages.c.id).where(messages.c.listed)))
            new = [id_ for id_ in watchlist.ids() if id_ not in listed]
            gone = [id_ for id_ in listed if id_ not in watchlist]
            for chunk in chunks(new):
                self._upsert(connection, chunk, {"listed": True, "added": False}, now)
            for chunk in chunks(gone):
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.id.in_(chunk))
                    .values(listed=False, due_at=sa.case((messages.c.added, messages.c.due_at), else_=None))
                )
            detailed = {id_: watchlist.details(id_) for id_ in watchlist.detailed()}
            for described in chunks((id_, label, tags) for id_, (label, tags) in detailed.items()):
                _describe(connection, described)
            _undescribe(connection, detailed)
            set_meta(self._database, connection, _LIST_DIGEST, digest)
        return len(new), len(gone)

    def watch(
        self, ids: Sequence[int], now: datetime, *, label: str | None = None, tags: Mapping[str, str] | None = None
    ) -> list[int]:
        """Watch messages, due at once; those that were not watched before are returned. A label or tags replace."""
        with self._database.write() as connection:
            before = _watched(connection, ids)
            for chunk in chunks(ids):
                self._upsert(connection, chunk, {"listed": False, "added": True}, now)
                given = {name: value for name, value in (("label", label), ("tags", tags)) if value}
                if given:
                    connection.execute(sa.update(messages).where(messages.c.id.in_(chunk)).values(given))
            return [id_ for id_ in ids if id_ not in before]

    def unwatch(self, ids: Sequence[int]) -> tuple[list[int], list[int]]:
        """Stop polling messages that were added by command; their history stays.

        Returns those that are no longer watched, and those that still are because the configuration lists them.
        """
        with self._database.write() as connection:
            found = _watched(connection, ids)
            for chunk in chunks(ids):
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.id.in_(chunk))
                    .values(added=False, due_at=sa.case((messages.c.listed, messages.c.due_at), else_=None))
                )
        return [id_ for id_, listed in found.items() if not listed], [id_ for id_, listed in found.items() if listed]

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled, and what ages are reckoned from: the clock was set. Within a transaction."""
        millis = step // timedelta(milliseconds=1)
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _MOVE_WITH_THE_CLOCK}
        connection.execute(sa.update(messages).where(messages.c.due_at.isnot(None)).values(moved))

    def clamp(self, connection: sa.Connection, latest: datetime) -> None:
        """Let nothing be due later than that: it was scheduled by a clock that went wrong. Within a transaction."""
        connection.execute(sa.update(messages).where(messages.c.due_at > latest).values(due_at=latest))

    def record(self, connection: sa.Connection, polls: Sequence[Polled]) -> list[Polled]:
        """Write what polls found, within a transaction; return those whose transition is new.

        A message whose ``sequence`` has moved on since it was read was recorded by somebody else: it is left alone, so
        that a transition is never told twice. One that is another node's by now is, too: that one polls it again.
        """
        mine = {"me": self._node.holder}
        quiet = [poll for poll in polls if poll.verdict is None or poll.verdict.event is None]
        if quiet:
            connection.execute(_QUIET, [_parameters(poll) | mine for poll in quiet])
        moved = (poll for poll in polls if poll.verdict is not None and poll.verdict.event is not None)
        return [poll for poll in moved if connection.execute(_MOVED, _parameters(poll) | mine).rowcount]

    def _upsert(self, connection: sa.Connection, ids: Iterable[int], flags: dict[str, bool], now: datetime) -> None:
        insert = self._database.insert(messages)
        insert = insert.on_conflict_do_update(
            index_elements=[messages.c.id],
            set_={
                "listed": messages.c.listed | insert.excluded.listed,
                "added": messages.c.added | insert.excluded.added,
                "due_at": sa.case((_FINISHED, None), else_=sa.func.coalesce(messages.c.due_at, insert.excluded.due_at)),
                # One that was given up, or not watched meanwhile, begins anew.
                "watched_since": sa.case((_IDLE, insert.excluded.watched_since), else_=messages.c.watched_since),
                "stuck": sa.case((_IDLE, sa.false()), else_=messages.c.stuck),
            },
        )
        floor = SequenceFloor.read(connection)
        new = [{"id": id_, "sequence": floor.of(id_), "watched_since": now, "due_at": now, **flags} for id_ in ids]
        connection.execute(insert, new)


_MOVE_WITH_THE_CLOCK = (messages.c.due_at, messages.c.unknown_since, messages.c.since, messages.c.watched_since)
_STILL_WATCHED = messages.c.listed | messages.c.added
_DUE = (
    sa.select(*rows.MESSAGE)
    .where(messages.c.due_at <= sa.bindparam("now"))
    .order_by(messages.c.due_at, messages.c.id)
    .limit(sa.bindparam("most"))
)
_ME = sa.bindparam("me", type_=sa.BigInteger)
_FREE = (
    sa.select(messages.c.id)
    .where(
        messages.c.due_at <= sa.bindparam("now"),
        messages.c.holder.is_(None) | (messages.c.holder == _ME),
        messages.c.id != sa.all_(sa.bindparam("busy", type_=sa.ARRAY(sa.BigInteger))),
    )
    .order_by(messages.c.due_at, messages.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = sa.update(messages).where(messages.c.id == _FREE.c.id).values(holder=_ME).returning(*rows.MESSAGE)
_AS_READ = (
    (messages.c.id == sa.bindparam("message"))
    & (messages.c.sequence == sa.bindparam("known_sequence"))
    & messages.c.holder.is_not_distinct_from(_ME)
)
_TIMES: dict[str, Any] = {
    "holder": None,
    "polled_at": sa.bindparam("at"),
    # Somebody may have unwatched it while it was being polled.
    "due_at": sa.case((_STILL_WATCHED, sa.bindparam("next_due", type_=messages.c.due_at.type)), else_=None),
    "unknown_since": sa.bindparam("unknown"),
}
_QUIET = sa.update(messages).where(_AS_READ).values(_TIMES)
_MOVED = (
    sa.update(messages)
    .where(_AS_READ)
    .values(
        **_TIMES,
        status=sa.bindparam("new_status"),
        since=sa.bindparam("new_since"),
        error=sa.bindparam("new_error"),
        stuck=sa.bindparam("told_stuck"),
        sequence=messages.c.sequence + 1,
    )
)


def _parameters(poll: Polled) -> dict[str, Any]:
    message, verdict = poll.message, poll.verdict
    parameters: dict[str, Any] = {
        "message": message.id,
        "known_sequence": message.sequence,
        "at": poll.at,
        "next_due": poll.due_at,
        "unknown": message.unknown_since if verdict is None else verdict.unknown_since,
    }
    if verdict is not None and verdict.event is not None and verdict.state is not None:
        state = verdict.state
        parameters |= {"new_status": str(state.status), "new_since": state.since, "new_error": state.error}
        parameters["told_stuck"] = verdict.stuck
    return parameters


def _watched(connection: sa.Connection, ids: Iterable[int]) -> dict[int, bool]:
    """Tell which of these are watched, and of each whether the configuration lists it."""
    query = sa.select(messages.c.id, messages.c.listed).where(_STILL_WATCHED)
    found: dict[int, bool] = {}
    for chunk in chunks(ids):
        found.update((row.id, row.listed) for row in connection.execute(query.where(messages.c.id.in_(chunk))))
    return found


def _undescribe(connection: sa.Connection, detailed: Collection[int]) -> None:
    """Take label and tags from what the configuration lists without any now. Those of a command's watch stay."""
    described = connection.scalars(
        sa.select(messages.c.id).where(
            messages.c.listed,
            ~messages.c.added,
            messages.c.label.is_not(sa.null()) | messages.c.tags.is_not(sa.null()),
        )
    ).all()
    for chunk in chunks(id_ for id_ in described if id_ not in detailed):
        connection.execute(sa.update(messages).where(messages.c.id.in_(chunk)).values(label=sa.null(), tags=sa.null()))


def _describe(connection: sa.Connection, described: Iterable[tuple[int, str | None, Mapping[str, str]]]) -> None:
    connection.execute(
        sa.update(messages)
        .where(messages.c.id == sa.bindparam("message"))
        .values(label=sa.bindparam("new_label"), tags=sa.bindparam("new_tags", type_=messages.c.tags.type)),
        [{"message": id_, "new_label": label, "new_tags": dict(tags) or None} for id_, label, tags in described],
    )
