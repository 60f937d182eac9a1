"""The watch list and what is known of each message: the owner of the table ``messages``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.model import Details, Message, Status
from bridge.store import row_mapping
from bridge.store.engine import chunks
from bridge.store.facts import SequenceFloor, get_meta, set_meta
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from bridge.domain.transition_detector import Verdict
    from bridge.domain.watchlist import Watchlist
    from bridge.store.engine import Database
    from bridge.store.membership import Membership

POLL_NOW_EVERY = timedelta(seconds=1)
"""How soon after a poll another one may follow because somebody asks for it."""

_LIST_DIGEST = "watchlist"
_DETAILS = ("label", "tags", "expected_at")
_NO_DETAILS = Details()
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

    def __init__(self, database: Database, node: Membership) -> None:
        self._database = database
        self._node = node
        free = database.none_of(messages.c.id, "busy")
        self._due, self._due_new = _DUE.where(free), _DUE.where(free, _NEW)
        self._claim, self._claim_new = _claim(free), _claim(free, _NEW)

    def claim(self, now: datetime, most: int, busy: Collection[int]) -> list[Message]:
        """List messages that are due, the longest overdue first, without those that are ``busy`` being polled.

        Three quarters are for new messages, which few polls have seen yet: where there is more to do than may be done,
        they do not wait for all that are old, and the old are not left for ever.

        Where there are several nodes, they are this one's until they are recorded, let go, or its lease ends.
        """
        if self._node.holder is None:
            with self._database.read() as connection:
                return _take(connection, self._due_new, self._due, {"now": now}, most, busy)
        with self._database.write() as connection:
            return _take(connection, self._claim_new, self._claim, {"now": now, "me": self._node.holder}, most, busy)

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

    def sync(self, watchlist: Watchlist, now: datetime) -> tuple[int, int]:
        """Make the configuration's list hold: watch what is new on it, stop polling what has left it.

        Returns how many came and how many went. What was found out about those that went is kept.
        """
        with self._database.write() as connection:
            return self.sync_in(connection, watchlist, now)

    def sync_in(self, connection: sa.Connection, watchlist: Watchlist, now: datetime) -> tuple[int, int]:
        """Do :meth:`sync` within a transaction."""
        digest = watchlist.digest()
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
                .values(listed=False, due_at=sa.case((_WATCHED_BESIDES_LIST, messages.c.due_at), else_=None))
            )
        detailed = {id_: watchlist.details(id_) for id_ in watchlist.detailed()}
        for described in chunks(detailed.items()):
            _describe(connection, described)
        _undescribe(connection, detailed)
        set_meta(self._database, connection, _LIST_DIGEST, digest)
        return len(new), len(gone)

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

        However often a message is poked, it is polled once in :data:`POLL_NOW_EVERY`. A poll that is under way may have
        been answered before whatever made somebody poke: there is another one after it.
        """
        poked: list[int] = []
        with self._database.write() as connection:
            for chunk in chunks(ids):
                poked += connection.scalars(_POLL_NOW, {"ids": chunk, "now": now})
        return poked

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
        return [id_ for id_, listed in found.items() if not listed], [id_ for id_, listed in found.items() if listed]

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled, and what ages count from: the clock was set. Within a transaction."""
        millis = step // timedelta(milliseconds=1)
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _MOVE_WITH_THE_CLOCK}
        connection.execute(sa.update(messages).where(messages.c.due_at.isnot(None)).values(moved))

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
                # One that was given up, or not watched meanwhile, begins afresh.
                "watched_since": sa.case((_IDLE, insert.excluded.watched_since), else_=messages.c.watched_since),
                "stuck": sa.case((_IDLE, sa.false()), else_=messages.c.stuck),
                "unread_since": sa.case((_IDLE, None), else_=messages.c.unread_since),
                "unread_why": sa.case((_IDLE, None), else_=messages.c.unread_why),
                "unread_told": sa.case((_IDLE, sa.false()), else_=messages.c.unread_told),
                "seen": sa.case((_IDLE, 0), else_=messages.c.seen),
                "holder": sa.case((_IDLE, None), else_=messages.c.holder),
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
_WATCHED_BESIDES_LIST = messages.c.added | messages.c.discovered
_STILL_WATCHED = messages.c.listed | _WATCHED_BESIDES_LIST
_NEW: sa.ColumnElement[bool] = sa.literal_column("seen < 3")  # as the index has it
_DUE = (
    sa.select(*row_mapping.MESSAGE)
    .where(messages.c.due_at <= sa.bindparam("now"))
    .order_by(messages.c.due_at, messages.c.id)
    .limit(sa.bindparam("most"))
)
_ME = sa.bindparam("me", type_=sa.BigInteger)


def _take(
    connection: sa.Connection, new: Any, any_: Any, values: Mapping[str, Any], most: int, busy: Collection[int]
) -> list[Message]:
    """Read messages, three quarters of them new ones, as far as there are any."""
    first = connection.execute(new, {**values, "most": most - most // 4, "busy": list(busy)}).all()
    taken = [*busy, *(row.id for row in first)]
    rest = connection.execute(any_, {**values, "most": most - len(first), "busy": taken}).all()
    return [row_mapping.message(row) for row in (*first, *rest)]


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


_AS_READ = (
    (messages.c.id == sa.bindparam("message"))
    & (messages.c.sequence == sa.bindparam("known_sequence"))
    & messages.c.holder.is_not_distinct_from(_ME)
)
_NEXT_DUE = sa.bindparam("next_due", type_=messages.c.due_at.type)
_HINTED_MEANWHILE = messages.c.hinted_at.is_distinct_from(sa.bindparam("known_hint", type_=messages.c.due_at.type))
_POKED_MEANWHILE = messages.c.due_at > sa.bindparam("known_due", type_=messages.c.due_at.type)
_SOONER = _NEXT_DUE.is_(None) | (messages.c.due_at < _NEXT_DUE)
_TIMES: dict[str, Any] = {
    "holder": None,
    "polled_at": sa.bindparam("at"),
    # While it was being polled, somebody may have unwatched or poked it, and the report may have shown a change.
    "due_at": sa.case(
        (~_STILL_WATCHED, None),
        (_POKED_MEANWHILE & _SOONER, messages.c.due_at),
        (_NEXT_DUE.is_(None), None),
        (_HINTED_MEANWHILE & (messages.c.due_at < _NEXT_DUE), messages.c.due_at),
        else_=_NEXT_DUE,
    ),
    "seen": messages.c.seen + sa.bindparam("new_seen", type_=sa.Integer),
    "unknown_since": sa.bindparam("unknown"),
    "unread_since": sa.bindparam("new_unread_since"),
    "unread_why": sa.bindparam("new_unread_why"),
    "unread_told": sa.bindparam("new_unread_told"),
}
_AT = sa.bindparam("now", type_=messages.c.due_at.type)
_NOT_SOONER = sa.cast(messages.c.polled_at, sa.BigInteger) + POLL_NOW_EVERY // timedelta(milliseconds=1)
_SOON = sa.case((sa.cast(_AT, sa.BigInteger) < _NOT_SOONER, _NOT_SOONER), else_=sa.cast(_AT, sa.BigInteger))
_OVERDUE = (messages.c.due_at < _AT) & (messages.c.polled_at.is_(None) | (sa.cast(_AT, sa.BigInteger) >= _NOT_SOONER))
_POLL_NOW = (
    sa.update(messages)
    .where(
        messages.c.id.in_(sa.bindparam("ids", expanding=True)),
        _STILL_WATCHED,
        ~_IDLE | _FINISHED,
    )
    .values(
        due_at=sa.case(
            # One that is overdue keeps its place before others, but for what tells a poke from none: else, where polls
            # are late, one that is poked again and again would never be polled.
            (_OVERDUE, sa.cast(messages.c.due_at, sa.BigInteger) + 1),
            ((messages.c.due_at > _AT) & (messages.c.due_at < _SOON), messages.c.due_at),
            else_=_SOON,
        )
    )
    .returning(messages.c.id)
)
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
        "known_hint": message.hinted_at,
        "known_due": message.due_at,
        "new_seen": int(verdict is not None and verdict.unread is None),
    }
    unread = message.unread if verdict is None else verdict.unread
    parameters |= {
        "new_unread_since": unread and unread.since,
        "new_unread_why": unread and unread.why,
        "new_unread_told": unread is not None and unread.told,
    }
    if verdict is not None and verdict.event is not None:
        state = verdict.state
        parameters |= {"new_status": state and str(state.status), "new_since": state and state.since}
        parameters |= {"new_error": state and state.error, "told_stuck": verdict.stuck}
    return parameters


def _watched(connection: sa.Connection, ids: Iterable[int]) -> dict[int, bool]:
    """Tell which of these are watched, and of each whether the configuration lists it."""
    query = sa.select(messages.c.id, messages.c.listed).where(_STILL_WATCHED)
    found: dict[int, bool] = {}
    for chunk in chunks(ids):
        found.update((row.id, row.listed) for row in connection.execute(query.where(messages.c.id.in_(chunk))))
    return found


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
