"""Sums of what became of messages: the owner of the table ``activity``."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import summary_marks
from bridge.domain.activity import (
    ALL,
    COUNTED,
    DAY,
    HOUR,
    OTHERS,
    REASON,
    TAGS,
    WAITED,
    Activity,
    Ended,
    Group,
    Sums,
    Tally,
    reason_groups,
    reasons_of,
    slot_after,
    slot_of,
    start_of,
    sums_of,
    tag_groups,
    time_groups,
    waits_of,
)
from bridge.domain.activity_report import report_json
from bridge.domain.errors import UsageError
from bridge.domain.hours_of_day import SLOTS_OF_DAY, SLOTS_OF_HOUR, days_of, same_offset, waits_by_hour
from bridge.domain.model import EventType
from bridge.domain.poll_schedule import awaited_since
from bridge.domain.suggest import suggestion
from bridge.domain.summary_marks import SUMMARIES, counted_from
from bridge.store.facts import get_meta
from bridge.store.tables import activity, messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, tzinfo

    from bridge.domain.activity import By, Waits
    from bridge.domain.activity_report import ReportQuery
    from bridge.store.engine import Database
    from bridge.store.poll_results import PollResult

KEPT_LONGER = timedelta(days=365)
"""How much longer than events the sums of all messages are kept: a month can be compared with that of a year ago."""

MOST_TAGS_SHOWN = 20
"""How many names of tags are offered to pick from, and how many values of each."""

_LOOKED_AT = 500  # of the latest sums of a tag, for its values: some milliseconds

_EVENTS = {EventType.of_status(status) for status in COUNTED}


class ActivityLog:
    """Counts what becomes of messages, and adds it up. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally()
        insert = database.insert(activity)
        self._add = insert.on_conflict_do_update(
            index_elements=list(activity.primary_key.columns),
            set_={"count": activity.c.count + insert.excluded.count},
        )

    def record(self, connection: sa.Connection, moved: Iterable[PollResult]) -> None:
        """Count what polls found, within the transaction that writes it and its events.

        What a summary has covered already counts in the time that the next one covers.
        """
        ended = list(_ended(moved))
        if not ended:
            return
        covered = counted_from(summary_marks.read(get_meta(connection, SUMMARIES)))
        counted = self._tally.count(ended, covered)
        rows = [{**key._asdict(), "count": count} for key, count in sorted(counted.items())]
        connection.execute(self._add, rows)

    def read(self, since: datetime, until: datetime, by: By | None = None, zone: tzinfo | None = None) -> Activity:
        """Add up a period, from the slot that ``since`` is in to the one before which ``until`` is.

        Args:
            since: Where it begins.
            until: Where it ends.
            by: ``reason``, ``hour``, ``day``, or ``tags.NAME``: groups to add up by themselves.
            zone: Where hours and days begin; for these only.

        Raises:
            UsageError: No message of the period has the tag that ``by`` names.
        """
        with self._database.read() as connection:
            return read_within(connection, since, until, by, zone)

    def report(self, query: ReportQuery) -> dict[str, Any]:
        """Answer a question about a period, for JSON.

        Raises:
            UsageError: As for :meth:`read`.
        """
        polled = sa.select(sa.func.count()).select_from(messages).where(messages.c.due_at.isnot(None))
        with self._database.read() as connection:
            found = read_within(connection, query.since, query.until, query.by, query.zone)
            return report_json(query, found, connection.scalar(polled) or 0)

    def counted(self, since: datetime, until: datetime) -> Sums | None:
        """Add up a period, as :meth:`read` does; None if the bridge did not count all of it."""
        slots = range(slot_of(since), slot_after(until))
        with self._database.read() as connection:
            return _Period(connection, slots).sums_if_counted(connection.scalar(_BEGUN))

    def waits_by_hour(self, since: datetime, until: datetime, zone: tzinfo) -> tuple[Waits | None, ...]:
        """Tell how long messages waited until they were sent, for each of the 24 hours of a time zone's days."""
        slots = range(slot_of(since), slot_after(until))
        rows: list[Any] = []
        with self._database.read() as connection:
            for part, ahead in same_offset(slots, zone):
                hour = (activity.c.slot + ahead) % SLOTS_OF_DAY // SLOTS_OF_HOUR
                rows += _Period(connection, part).by(WAITED, hour.label("hour"), activity.c.value)
        return waits_by_hour(rows)

    def over_time(self, since: datetime, until: datetime, by: By, zone: tzinfo) -> tuple[Group, ...]:
        """Add up a period by hour or day, without how long messages waited."""
        slots, slot, status = range(slot_of(since), slot_after(until)), activity.c.slot, activity.c.status
        if by == HOUR:
            with self._database.read() as connection:
                return time_groups(by, zone, slots, _Period(connection, slots).by(ALL, slot, status), [])
        rows: list[Any] = []
        parts = list(same_offset(slots, zone))
        with self._database.read() as connection:
            for part, ahead in parts:
                day = ((slot + ahead) // SLOTS_OF_DAY).label("day")
                rows += _Period(connection, part).by(ALL, day, status)
        return days_of(parts, zone, rows)

    def by_tag(self, since: datetime, until: datetime, tag: str) -> tuple[Group, ...]:
        """Add up a period by a tag's values, as :meth:`read` does.

        Raises:
            UsageError: No message of the period has that tag.
        """
        slots = range(slot_of(since), slot_after(until))
        with self._database.read() as connection:
            found = _Period(connection, slots)
            return found.groups(f"{TAGS}{tag}", None, found.sums())

    def tags(self, since: datetime, until: datetime) -> list[str]:
        """List the tags of a period's messages."""
        with self._database.read() as connection:
            return _Period(connection, range(slot_of(since), slot_after(until))).tags()

    def recent_tags(self) -> dict[str, list[str]]:
        """List names of tags that messages had lately, each with its latest values: as many as one may pick from."""
        found: dict[str, list[str]] = {}
        named = sa.select(_kinds.c.kind).where(_kinds.c.kind.startswith(TAGS)).limit(MOST_TAGS_SHOWN)
        with self._database.read() as connection:
            for kind in connection.scalars(named).all():
                lately = sa.select(activity.c.value).where(activity.c.kind == kind)
                lately = lately.order_by(activity.c.slot.desc()).limit(_LOOKED_AT)
                values = dict.fromkeys(connection.scalars(lately))
                values.pop(OTHERS, None)
                found[kind.removeprefix(TAGS)] = list(values)[:MOST_TAGS_SHOWN]
        return found


def read_within(
    connection: sa.Connection, since: datetime, until: datetime, by: By | None = None, zone: tzinfo | None = None
) -> Activity:
    """Add up a period within a transaction; see :meth:`ActivityLog.read`."""
    slots = range(slot_of(since), slot_after(until))
    earlier = range(2 * slots.start - slots.stop, slots.start)
    begun: int | None = connection.scalar(_BEGUN)
    found = _Period(connection, slots)
    sums, why = found.sums(), reasons_of(found.by(REASON, activity.c.value))
    return Activity(
        start_of(slots.start),
        start_of(slots.stop),
        sums,
        waits_of(found.by(WAITED, activity.c.value)),
        why,
        _Period(connection, earlier).sums_if_counted(begun),
        None if begun is None else start_of(begun),
        reason_groups(why) if by == REASON else found.groups(by, zone, sums),
    )


def counted_since(connection: sa.Connection) -> datetime | None:
    """Tell since when is counted, within a transaction; None where it has not begun."""
    begun: int | None = connection.scalar(_BEGUN)
    return None if begun is None else start_of(begun)


def prune(connection: sa.Connection, before: datetime) -> None:
    """Forget reasons and tags from before then, and the sums of all messages a year later, within a transaction."""
    details = activity.c.kind.not_in([ALL, WAITED]) & (activity.c.slot < slot_of(before))
    connection.execute(sa.delete(activity).where(details | (activity.c.slot < slot_of(before - KEPT_LONGER))))


_first = sa.select(sa.func.min(activity.c.kind).label("kind")).cte("kinds", recursive=True)
_after = sa.select(sa.func.min(activity.c.kind)).where(activity.c.kind > _first.c.kind).scalar_subquery()
_kinds = _first.union_all(sa.select(_after).where(_first.c.kind.isnot(None)))
"""Every kind that is counted: one step in the index for each, where DISTINCT would read all of it."""

_BEGUN = sa.select(sa.func.min(activity.c.slot)).where(activity.c.kind == ALL)


class _Period:
    """Reads the sums of a period."""

    def __init__(self, connection: sa.Connection, slots: range) -> None:
        self._connection = connection
        self._within = (activity.c.slot >= slots.start) & (activity.c.slot < slots.stop)
        self._slots = slots

    def by(self, kind: str, *columns: sa.ColumnElement[Any]) -> list[Any]:
        """Add up what is counted of a kind: the columns, and the sum for each combination of them."""
        total = sa.cast(sa.func.sum(activity.c.count), sa.BigInteger)  # PostgreSQL's would be a Decimal
        chosen = sa.select(*columns, total).where(activity.c.kind == kind, self._within).group_by(*columns)
        return [tuple(row) for row in self._connection.execute(chosen)]

    def sums(self) -> Sums:
        """Add up all messages."""
        return sums_of(self.by(ALL, activity.c.status))

    def sums_if_counted(self, begun: int | None) -> Sums | None:
        """Add up all messages; None unless all of the period was counted, which ``begun`` with that slot."""
        return None if begun is None or begun > self._slots.start else self.sums()

    def groups(self, by: By | None, zone: tzinfo | None, sums: Sums) -> tuple[Group, ...]:
        """Add up the groups that are asked for, other than reasons."""
        slot, value, status = activity.c.slot, activity.c.value, activity.c.status
        if by is None:
            return ()
        if by in {HOUR, DAY}:
            return time_groups(by, zone or UTC, self._slots, self.by(ALL, slot, status), self.by(WAITED, slot, value))
        rows, tag = self.by(by, value, status), by.removeprefix(TAGS)
        if not rows:
            raise UsageError(f"no message in this period has a tag `{tag}` ({_there_are(self.tags(), tag)})")
        return tag_groups(tag, rows, sums)

    def tags(self) -> list[str]:
        """List the tags of the period's messages."""
        used = sa.exists().where(activity.c.kind == _kinds.c.kind, self._within)
        found = self._connection.scalars(sa.select(_kinds.c.kind).where(_kinds.c.kind.startswith(TAGS), used))
        return sorted(kind.removeprefix(TAGS) for kind in found)


def _there_are(tags: list[str], wanted: str) -> str:
    return suggestion(wanted, tags) if tags else "none has any"


def _ended(moved: Iterable[PollResult]) -> Iterator[Ended]:
    for poll in moved:
        message, verdict = poll.message, poll.verdict
        if verdict is None or verdict.state is None or verdict.event not in _EVENTS:
            continue
        waited = None
        begun = awaited_since(message)
        if verdict.event is EventType.MESSAGE_SENT and message.state is not None and begun is not None:
            waited = max(poll.at - begun, timedelta(0))
        yield Ended(verdict.state.status, poll.at, message.tags, verdict.state.error, waited)
