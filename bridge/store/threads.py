"""In which thread of a chat a subject is reported: the owner of the table ``threads``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.model import Post
from bridge.domain.threads import Thread, by_thread
from bridge.store import row_mapping
from bridge.store.engine import chunks
from bridge.store.tables import deliveries, events, threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from bridge.domain.model import Delivery
    from bridge.store.engine import Database

_WITH_PARENT = sa.select(threads.c.subject.label("about"), threads.c.channel, threads.c.ts, *events.c).outerjoin(
    events, events.c.position == threads.c.event
)


class Threads:
    """Reads and writes threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, receiver: str, subjects: Iterable[str]) -> dict[str, Thread]:
        """Find the threads of these subjects at a receiver."""
        with self._database.read() as connection:
            rows = [
                row
                for part in chunks(subjects)
                for row in connection.execute(
                    _WITH_PARENT.where(threads.c.receiver == receiver, threads.c.subject.in_(part))
                )
            ]
        return {
            row.about: Thread(Post(row.channel, row.ts), None if row.id is None else row_mapping.event(row))
            for row in rows
        }

    def divide(self, receiver: str, pack: Sequence[Delivery]) -> list[tuple[tuple[Delivery, ...], Thread | None]]:
        """Divide what would go in one post, as :func:`bridge.domain.threads.by_thread` says."""
        return by_thread(pack, self.of(receiver, [delivery.event.subject for delivery in pack]))

    def note(self, connection: sa.Connection, post: Post | None, told: Sequence[Delivery], at: datetime) -> None:
        """Let later events about the subjects of these deliveries be replies to the post, within a transaction."""
        if post is None:
            return
        parent = deliveries.c.event if len(told) == 1 else sa.cast(sa.null(), sa.BigInteger)
        fixed = (post.channel, post.ts, at)
        names = ("channel", "ts", "posted_at")
        for part in chunks([delivery.id for delivery in told]):
            values = [sa.literal(value, threads.c[name].type) for name, value in zip(names, fixed, strict=True)]
            found = sa.select(deliveries.c.receiver, deliveries.c.subject, parent, *values)
            insert = self._database.insert(threads).from_select(
                ["receiver", "subject", "event", *names], found.where(deliveries.c.id.in_(part)).distinct()
            )
            replaced = {name: insert.excluded[name] for name in ("event", *names)}
            key = [threads.c.receiver, threads.c.subject]
            connection.execute(insert.on_conflict_do_update(index_elements=key, set_=replaced))
