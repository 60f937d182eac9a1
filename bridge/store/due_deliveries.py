"""Which deliveries may be tried now, or as a probe: the queries, and the rule about the order of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.store import row_mapping
from bridge.store.tables import deliveries, events, internal_errors

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.domain.model import EventType
    from bridge.store.engine import Database

QUEUED = deliveries.c.state == sa.literal_column("'queued'")  # a literal: a partial index serves no parameter

WITHHELD = deliveries.c.withheld_until.isnot(None)
"""Whether `hold` keeps it back, or once did."""

# What failed by an internal error waits for its next try, whatever asks for it: a digest, a probe.
_NOT_SET_ASIDE = ~(
    sa.select(sa.literal(1))
    .where(
        internal_errors.c.kind == sa.literal_column("'delivery'"),
        internal_errors.c.item == deliveries.c.id,
        internal_errors.c.retry_at > sa.bindparam("now"),
    )
    .exists()
)


class DueQueries:
    """The queries for what may be tried of one ``receiver``: at most ``most``, without those that are ``busy``.

    Order: of one subject, only the first that is still queued may go. A dead letter that is sent again keeps its place
    among them, and so goes before later ones that are still queued.

    Args:
        database: Where they are.
        types: Only events of these types, with what must go before them; all, if it is None.
    """

    def __init__(self, database: Database, types: Collection[EventType] | None = None) -> None:
        earlier = deliveries.alias()
        first = ~(
            sa.select(sa.literal(1))
            .where(
                earlier.c.receiver == deliveries.c.receiver,
                database.rarely(earlier.c.subject == deliveries.c.subject),
                earlier.c.state == sa.literal_column("'queued'"),
                earlier.c.id < deliveries.c.id,
            )
            .exists()
        )
        heads = (
            sa.select(*row_mapping.DELIVERY)
            .join(events, events.c.position == deliveries.c.event)
            .where(
                deliveries.c.receiver == sa.bindparam("receiver"),
                QUEUED,
                first,
                _NOT_SET_ASIDE,
                database.none_of(deliveries.c.id, "busy"),
                *([] if types is None else _with(database, types)),
            )
            .limit(sa.bindparam("most"))
        )
        is_due = deliveries.c.due_at <= sa.bindparam("now")
        has_been_due = deliveries.c.first_due_at <= sa.bindparam("now")  # what is held back on purpose has not
        self.due = heads.where(is_due).order_by(deliveries.c.due_at, deliveries.c.id)
        self.begun = heads.where(sa.or_(is_due, has_been_due)).order_by(deliveries.c.id)
        # A probe carries what was tried least: one event that its receiver refuses must not hold up all others. One
        # that was refused for its own sake waits for its own schedule.
        probes = heads.where(sa.or_(is_due, has_been_due & database.none_of(deliveries.c.id, "refused")))
        self.least_tried = probes.order_by(deliveries.c.attempts + deliveries.c.probes, deliveries.c.id)
        self.all_probes = probes.order_by(deliveries.c.id)


def _with(database: Database, types: Collection[EventType]) -> list[sa.ColumnElement[bool]]:
    """Choose events of some types, and what is queued before them about the same subject."""
    later, told = deliveries.alias(), events.alias()
    leads_to_one = (
        sa.select(sa.literal(1))
        .select_from(later)
        .join(told, told.c.position == later.c.event)
        .where(
            later.c.receiver == deliveries.c.receiver,
            database.rarely(later.c.subject == deliveries.c.subject),
            later.c.state == sa.literal_column("'queued'"),
            later.c.id >= deliveries.c.id,
            told.c.type.in_(sorted(types)),
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
