"""The watch list and what is known of each message: the owner of the table ``messages``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.domain.model import Details, EventType
from bridge.store import incidents
from bridge.store.column_types import moved
from bridge.store.due_messages import IS_FINISHED, IS_IDLE, IS_WATCHED, POLL_NOW, DueQueries
from bridge.store.engine import chunks
from bridge.store.facts import SequenceFloor, get_meta, set_meta
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.model import Message
    from bridge.domain.watchlist import Watchlist
    from bridge.store.engine import Database
    from bridge.store.membership import Membership

_LIST_DIGEST = "watchlist"
_DETAILS = ("label", "tags", "expected_at")
_NO_DETAILS = Details()
_WATCHED_BESIDES_LIST = messages.c.added | messages.c.discovered


class Messages:
    """Reads and writes watched messages."""

    def __init__(self, database: Database, node: Membership) -> None:
        self._database = database
        self._node = node
        self._due = DueQueries(database)

    def claim(self, now: datetime, most: int, busy: Collection[int]) -> list[Message]:
        """List messages that are due, the longest overdue first, without those that are ``busy`` being polled.

        Three quarters are for new messages, which few polls have seen yet: where there is more to do than may be done,
        they do not wait for all that are old, and the old are not left for ever.

        Where there are several nodes, they are this one's until they are recorded, let go, or its lease ends.
        """
        if self._node.holder is None:
            with self._database.read() as connection:
                return self._due.read(connection, now, most, busy)
        with self._database.write() as connection:
            return self._due.claim(connection, now, most, busy, self._node.holder)

    def let_go(self, ids: Collection[int]) -> None:
        """Let others poll messages that were claimed and not polled."""
        if ids and self._node.holder is not None:
            with self._database.write() as connection:
                mine = messages.c.holder == self._node.holder
                for chunk in chunks(ids):
                    connection.execute(sa.update(messages).where(mine, messages.c.id.in_(chunk)).values(holder=None))

    def put_off(self, connection: sa.Connection, ids: Sequence[int] | sa.Select[tuple[int]], until: datetime) -> None:
        """Let messages be due then, and not before, and be free for other nodes. Within a transaction."""
        still = messages.c.id.in_(ids), messages.c.due_at.isnot(None)
        connection.execute(sa.update(messages).where(*still).values(due_at=until, holder=None))

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

    def sync(self, connection: sa.Connection, watchlist: Watchlist, now: datetime) -> None:
        """Make the configuration's list hold, within a transaction: watch what is new, stop polling what has left it.

        What was found out about those that left is kept.
        """
        digest = watchlist.digest()
        self._database.serialize(connection)
        if get_meta(connection, _LIST_DIGEST) == digest:
            return
        listed = set(connection.scalars(sa.select(messages.c.id).where(messages.c.listed)))
        new = [id_ for id_ in watchlist.ids() if id_ not in listed]
        gone = [id_ for id_ in listed if id_ not in watchlist]
        for chunk in chunks(new):
            self._upsert(connection, chunk, {"listed": True, "added": False}, now)
        for chunk in chunks(gone):
            connection.execute(
                sa.update(messages)
                .where(messages.c.id.in_(chunk))
                .values(listed=False, due_at=sa.case((_WATCHED_BESIDES_LIST, messages.c.due_at), else_=None))
            )
        _forget_stuck(connection)
        detailed = {id_: watchlist.details(id_) for id_ in watchlist.detailed()}
        for described in chunks(detailed.items()):
            _describe(connection, described)
        _undescribe(connection, detailed)
        set_meta(self._database, connection, _LIST_DIGEST, digest)

    def watch(self, ids: Sequence[int], now: datetime, details: Details = _NO_DETAILS) -> list[int]:
        """Watch messages, due at once; those that were not watched before are returned. Given details replace."""
        return self.watch_each(dict.fromkeys(ids, details), now)

    def watch_each(self, described: Mapping[int, Details], now: datetime) -> list[int]:
        """Watch messages, each with details of its own, in one transaction; else the same."""
        with self._database.write() as connection:
            before = _watched(connection, described)
            for chunk in chunks(described):
                self._upsert(connection, chunk, {"listed": False, "added": True}, now)
            for given in chunks((id_, each) for id_, each in described.items() if any(_described(each).values())):
                _describe(connection, given, keep=True)
        return [id_ for id_ in described if id_ not in before]

    def discover(self, ids: Sequence[int], now: datetime) -> list[int]:
        """Watch messages that nobody has named before, due at once; returns them. What was unwatched stays so."""
        new: list[int] = []
        with self._database.write() as connection:
            floor = SequenceFloor.read(connection)
            for chunk in chunks(ids):
                insert = self._database.insert(messages).on_conflict_do_nothing().returning(messages.c.id)
                rows_ = [
                    {
                        "id": id_,
                        "listed": False,
                        "added": False,
                        "discovered": True,
                        "sequence": floor.of(id_),
                        "watched_since": now,
                        "due_at": now,
                    }
                    for id_ in chunk
                ]
                new += connection.scalars(insert, rows_)
        return new

    def poll_now(self, ids: Sequence[int], now: datetime) -> list[int]:
        """Let messages be due at once, finished ones too; returns those that are watched and were not given up.

        However often that is asked for, a message is polled once in ``POLL_NOW_EVERY``. A poll under way may have
        been answered before whatever made somebody ask: there is another one after it.
        """
        due_now: list[int] = []
        with self._database.write() as connection:
            for chunk in chunks(ids):
                due_now += connection.scalars(POLL_NOW, {"ids": chunk, "now": now})
        return due_now

    def unwatch(self, ids: Sequence[int]) -> tuple[list[int], list[int]]:
        """Stop polling messages that were added by command, or discovered; their history stays.

        Returns those that are no longer watched, and those that still are because the configuration lists them.
        """
        with self._database.write() as connection:
            found = _watched(connection, ids)
            for chunk in chunks(ids):
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.id.in_(chunk))
                    .values(
                        added=False,
                        discovered=False,
                        due_at=sa.case((messages.c.listed, messages.c.due_at), else_=None),
                    )
                )
            _forget_stuck(connection)
        return [id_ for id_, listed in found.items() if not listed], [id_ for id_, listed in found.items() if listed]

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled, and what ages count from: the clock was set. Within a transaction."""
        times = {column: moved(column, step) for column in _MOVE_WITH_THE_CLOCK}
        connection.execute(sa.update(messages).where(messages.c.due_at.isnot(None)).values(times))

    def clamp(self, connection: sa.Connection, latest: datetime, latest_of_lazy: datetime) -> None:
        """Let nothing be due later than that: it was scheduled by a clock that went wrong. Within a transaction.

        Args:
            connection: The transaction's.
            latest: Of what is polled by its age.
            latest_of_lazy: Of what the report shows, or is not expected to be sent yet.
        """
        lazy = messages.c.hinted_at.isnot(None) | messages.c.expected_at.isnot(None)
        for which, bound in ((~lazy, latest), (lazy, latest_of_lazy)):
            connection.execute(sa.update(messages).where(messages.c.due_at > bound, which).values(due_at=bound))

    def _upsert(self, connection: sa.Connection, ids: Iterable[int], flags: dict[str, bool], now: datetime) -> None:
        insert = self._database.insert(messages)
        insert = insert.on_conflict_do_update(
            index_elements=[messages.c.id],
            set_={
                "listed": messages.c.listed | insert.excluded.listed,
                "added": messages.c.added | insert.excluded.added,
                "due_at": sa.case(
                    (IS_FINISHED, None), else_=sa.func.coalesce(messages.c.due_at, insert.excluded.due_at)
                ),
                # One that was given up, or not watched meanwhile, begins afresh.
                "watched_since": sa.case((IS_IDLE, insert.excluded.watched_since), else_=messages.c.watched_since),
                "stuck": sa.case((IS_IDLE, sa.false()), else_=messages.c.stuck),
                "unread_since": sa.case((IS_IDLE, None), else_=messages.c.unread_since),
                "unread_why": sa.case((IS_IDLE, None), else_=messages.c.unread_why),
                "unread_told": sa.case((IS_IDLE, sa.false()), else_=messages.c.unread_told),
                "seen": sa.case((IS_IDLE, 0), else_=messages.c.seen),
                "holder": sa.case((IS_IDLE, None), else_=messages.c.holder),
            },
        )
        floor = SequenceFloor.read(connection)
        new = [{"id": id_, "sequence": floor.of(id_), "watched_since": now, "due_at": now, **flags} for id_ in ids]
        connection.execute(insert, new)


_MOVE_WITH_THE_CLOCK = (
    messages.c.due_at,
    messages.c.unknown_since,
    messages.c.unread_since,
    messages.c.since,
    messages.c.watched_since,
    messages.c.hinted_at,
)


def _watched(connection: sa.Connection, ids: Iterable[int]) -> dict[int, bool]:
    """Tell which of these are watched, and of each whether the configuration lists it."""
    query = sa.select(messages.c.id, messages.c.listed).where(IS_WATCHED)
    found: dict[int, bool] = {}
    for chunk in chunks(ids):
        found.update((row.id, row.listed) for row in connection.execute(query.where(messages.c.id.in_(chunk))))
    return found


def _forget_stuck(connection: sa.Connection) -> None:
    """Forget that any message is stuck that is not watched any longer."""
    subjects = incidents.open_of(connection, EventType.MESSAGE_STUCK)
    stuck = {int(subject.removeprefix(MESSAGE_SUBJECT)): subject for subject in subjects}
    watched = _watched(connection, stuck)
    incidents.forget(connection, [subject for id_, subject in stuck.items() if id_ not in watched])


def _undescribe(connection: sa.Connection, detailed: Collection[int]) -> None:
    """Take the details from what the configuration lists without any now. Those that others gave stay."""
    has_some = sa.or_(*(messages.c[name].is_not(sa.null()) for name in _DETAILS))
    described = connection.scalars(
        sa.select(messages.c.id).where(messages.c.listed, ~_WATCHED_BESIDES_LIST, has_some)
    ).all()
    for chunk in chunks(id_ for id_ in described if id_ not in detailed):
        none = dict.fromkeys(_DETAILS, sa.null())
        connection.execute(sa.update(messages).where(messages.c.id.in_(chunk)).values(none))


def _describe(connection: sa.Connection, described: Iterable[tuple[int, Details]], *, keep: bool = False) -> None:
    """Write details; ``keep`` leaves what is known of those that are not given."""
    new = {name: sa.bindparam(f"new_{name}", type_=messages.c[name].type) for name in _DETAILS}
    connection.execute(
        sa.update(messages)
        .where(messages.c.id == sa.bindparam("message"))
        .values({name: sa.func.coalesce(value, messages.c[name]) if keep else value for name, value in new.items()}),
        [
            {"message": id_, **{f"new_{name}": value for name, value in _described(details).items()}}
            for id_, details in described
        ],
    )


def _described(details: Details) -> dict[str, Any]:
    return {"label": details.label, "tags": dict(details.tags) or None, "expected_at": details.expected_at}
