"""In which thread of a chat a subject is reported: the owner of the table ``threads``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.events import outgoing
from bridge.domain.model import Post
from bridge.domain.threads import Thread, by_thread
from bridge.store import row_mapping
from bridge.store.engine import chunks
from bridge.store.tables import carried, deliveries, events, incidents, threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from bridge.domain.model import Delivery, Event
    from bridge.store.engine import Database

_COLUMNS = ("channel", "ts", "configured", "posted_at")
_WITH_PARENT = sa.select(
    threads.c.subject.label("about"), threads.c.channel, threads.c.ts, threads.c.configured,
    sa.case((threads.c.event.is_(None), threads.c.attempt)).label("digest"), *events.c,
).outerjoin(events, events.c.position == threads.c.event)  # fmt: skip


class Threads:
    """Reads and writes threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, receiver: str, channel: str, subjects: Iterable[str]) -> dict[str, Thread]:
        """Find the threads of these subjects at a receiver. Those in another channel than it has now don't count."""
        mine = _WITH_PARENT.where(threads.c.receiver == receiver, threads.c.configured == channel)
        with self._database.read() as connection:
            rows = [
                row for part in chunks(subjects) for row in connection.execute(mine.where(threads.c.subject.in_(part)))
            ]
            over = _digests_over(connection, {row.digest for row in rows if row.digest is not None})
        return {
            row.about: Thread(
                Post(row.channel, row.ts, row.configured),
                None if row.id is None else row_mapping.event(row),
                over.get(row.digest, ()),
            )
            for row in rows
        }

    def divide(
        self, receiver: str, channel: str, pack: Sequence[Delivery]
    ) -> list[tuple[tuple[Delivery, ...], Thread | None]]:
        """Divide what would go in one post, as :func:`bridge.domain.threads.by_thread` says."""
        return by_thread(pack, self.of(receiver, channel, [delivery.event.subject for delivery in pack]))

    def note(self, connection: sa.Connection, post: Post | None, delivered: Sequence[Delivery], at: datetime) -> None:
        """Let later events about the subjects of these deliveries be replies to the post, within a transaction.

        Not if these are reminders of what is in several threads: each of them goes on where it began.
        """
        if post is None or (all(each.reminder for each in delivered) and _in_several(connection, post, delivered)):
            return
        parent = deliveries.c.event if len(delivered) == 1 else sa.cast(sa.null(), sa.BigInteger)
        attempt = (
            sa.select(sa.func.max(carried.c.attempt)).where(carried.c.delivery == delivered[0].id).scalar_subquery()
        )
        fixed = (post.channel, post.ts, post.configured, at)
        values = [sa.literal(value, threads.c[name].type) for name, value in zip(_COLUMNS, fixed, strict=True)]
        found = sa.select(deliveries.c.receiver, deliveries.c.subject, parent, attempt, *values).distinct()
        for part in chunks([delivery.id for delivery in delivered]):
            insert = self._database.insert(threads).from_select(
                ["receiver", "subject", "event", "attempt", *_COLUMNS], found.where(deliveries.c.id.in_(part))
            )
            replaced = {name: insert.excluded[name] for name in ("event", "attempt", *_COLUMNS)}
            key = [threads.c.receiver, threads.c.subject]
            connection.execute(insert.on_conflict_do_update(index_elements=key, set_=replaced))


def _in_several(connection: sa.Connection, post: Post, delivered: Sequence[Delivery]) -> bool:
    """Tell whether the subjects of these deliveries are in more than one thread."""
    mine = sa.select(threads.c.channel, threads.c.ts).where(
        threads.c.receiver == delivered[0].receiver, threads.c.configured == post.configured
    )
    subjects = [delivery.event.subject for delivery in delivered]
    found = (connection.execute(mine.where(threads.c.subject.in_(part))) for part in chunks(subjects))
    return len({tuple(row) for rows in found for row in rows}) > 1


def _digests_over(connection: sa.Connection, posted: set[int]) -> dict[int, tuple[Event, ...]]:
    """Read the events of those digests (by attempt) in which nothing is wrong any more, as they were sent.

    What is wrong again, and is reported elsewhere, does not count.
    """
    lasting = (
        sa.select(carried.c.attempt)
        .join(deliveries, deliveries.c.id == carried.c.delivery)
        .join(incidents, incidents.c.subject == deliveries.c.subject)
        .join(
            threads,
            sa.and_(
                threads.c.receiver == deliveries.c.receiver,
                threads.c.subject == deliveries.c.subject,
                threads.c.attempt == carried.c.attempt,
            ),
        )
        .distinct()
    )
    over = posted.difference(
        *(connection.scalars(lasting.where(carried.c.attempt.in_(part))) for part in chunks(posted))
    )
    delivered = {
        attempt: [row_mapping.delivery(row) for row in connection.execute(_CARRIED, {"by": attempt})]
        for attempt in over
    }
    return {
        attempt: tuple(map(outgoing, each))
        for attempt, each in delivered.items()
        if all(one.fault is None for one in each)
    }


_CARRIED = (
    sa.select(*row_mapping.DELIVERY)
    .join(events, events.c.position == deliveries.c.event)
    .join(carried, carried.c.delivery == deliveries.c.id)
    .where(carried.c.attempt == sa.bindparam("by"))
    .order_by(deliveries.c.id)
)
