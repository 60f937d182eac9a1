"""Which deliveries may be tried now, or as a probe: the queries, and the rule about the order of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.store import row_mapping
from bridge.store.tables import deliveries, events, internal_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bridge.domain.model import EventType
    from bridge.store.engine import Database


def queued(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Choose what is queued, by a literal: a partial index serves no parameter."""
    return table.c.state == sa.literal_column("'queued'")


QUEUED = queued(deliveries)

WITHHELD = deliveries.c.withheld_until.isnot(None)
"""Whether `hold` keeps it back, or once did."""


class DueQueries:
    """The queries for what may be tried of one ``receiver``: at most ``most``, without those that are ``busy``.

    Order: of one subject, only the first that is still queued may go; in a digest, those that follow it may go with it.
    A dead letter that is sent again keeps its place among them, and so goes before later ones that are still queued.

    Args:
        database: Where they are.
        types: Only events of these types, with what must go before them; all, if it is None.
    """

    def __init__(self, database: Database, types: Collection[EventType] | None = None) -> None:
        self._database = database
        earlier = deliveries.alias()
        first = ~(
            sa.select(sa.literal(1))
            .where(
                earlier.c.receiver == deliveries.c.receiver,
                database.rarely(earlier.c.subject == deliveries.c.subject),
                queued(earlier),
                earlier.c.id < deliveries.c.id,
            )
            .exists()
        )
        self._queued = (
            sa.select(*row_mapping.DELIVERY)
            .join(events, events.c.position == deliveries.c.event)
            .where(
                deliveries.c.receiver == sa.bindparam("receiver"),
                QUEUED,
                database.none_of(deliveries.c.id, "busy"),
                *([] if types is None else _with(database, types)),
            )
            .limit(sa.bindparam("most"))
        )
        heads = self._queued.where(first, ~_is_set_aside(deliveries))
        self.due = heads.where(_is_due(deliveries)).order_by(deliveries.c.due_at, deliveries.c.id)
        self.begun = self._chains(_has_begun).order_by(deliveries.c.id)
        # A probe carries what was tried least: one event that its receiver refuses must not hold up all others. One
        # that was refused for its own sake waits for its own schedule.
        by_attempts = deliveries.c.attempts + deliveries.c.probes
        self.least_tried = heads.where(self._may_probe(deliveries)).order_by(by_attempts, deliveries.c.id)
        self.all_probes = self._chains(self._may_probe).order_by(deliveries.c.id)

    def _may_probe(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        not_refused = self._database.none_of(table.c.id, "refused")
        return sa.or_(_is_due(table), sa.and_(_has_been_due(table), not_refused))

    def _chains(self, may_go: Callable[[sa.FromClause], sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """Choose what may go together with all that is queued before it about the same subject."""
        waiting = deliveries.alias()
        held_up = (
            sa.select(waiting.c.subject, sa.func.min(waiting.c.id).label("since"))
            .where(
                waiting.c.receiver == sa.bindparam("receiver"),
                queued(waiting),
                sa.or_(~may_go(waiting), _is_set_aside(waiting)),
            )
            .group_by(waiting.c.subject)
            .subquery()
        )
        return self._queued.outerjoin(held_up, held_up.c.subject == deliveries.c.subject).where(
            sa.or_(held_up.c.since.is_(None), deliveries.c.id < held_up.c.since)
        )


def _is_due(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.due_at <= sa.bindparam("now")


def _has_been_due(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Tell what has been due once; what is held back on purpose has not."""
    return table.c.first_due_at <= sa.bindparam("now")


def _has_begun(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.or_(_is_due(table), _has_been_due(table))


def _is_set_aside(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Tell what failed by an internal error: it waits for its next try, whatever asks for it, a digest or a probe."""
    return (
        sa.select(sa.literal(1))
        .where(
            internal_errors.c.kind == sa.literal_column("'delivery'"),
            internal_errors.c.item == table.c.id,
            internal_errors.c.retry_at > sa.bindparam("now"),
        )
        .exists()
    )


def _with(database: Database, types: Collection[EventType]) -> list[sa.ColumnElement[bool]]:
    """Choose events of some types, and what is queued before them about the same subject."""
    later, its_event = deliveries.alias(), events.alias()
    leads_to_one = (
        sa.select(sa.literal(1))
        .select_from(later)
        .join(its_event, its_event.c.position == later.c.event)
        .where(
            later.c.receiver == deliveries.c.receiver,
            database.rarely(later.c.subject == deliveries.c.subject),
            queued(later),
            later.c.id >= deliveries.c.id,
            its_event.c.type.in_(sorted(types)),
        )
        .exists()
    )
    if any(type_.startswith("message.") for type_ in types):
        return [leads_to_one]
    # Most of what is held is about messages: the index alone tells them apart.
    return [~deliveries.c.subject.startswith(MESSAGE_SUBJECT), leads_to_one]


NEXT_DUE = (
    sa.select(deliveries.c.due_at)
    .where(
        deliveries.c.receiver == sa.bindparam("receiver"),
        QUEUED,
        deliveries.c.due_at > sa.bindparam("now"),
    )
    .order_by(deliveries.c.due_at)
    .limit(1)
)
