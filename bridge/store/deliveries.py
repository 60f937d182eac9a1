"""What happened and what is queued for whom: the owner of the tables ``events`` and ``deliveries``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import retry
from bridge.domain.breaker import CircuitBreaker, succeeded
from bridge.domain.model import Attempt, Delivery, DeliveryState, Event, Expired
from bridge.domain.retry import LONGEST_WAIT
from bridge.domain.routing import Subscription, route
from bridge.store import attempts, breakers, incidents, mutes, queueing, row_mapping, withheld
from bridge.store.column_types import Instant, moved
from bridge.store.due_deliveries import NEXT_DUE, QUEUED, WITHHELD, DueQueries
from bridge.store.engine import chunks
from bridge.store.facts import nudge
from bridge.store.tables import deliveries, events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from bridge.domain.delivery_decision import Decision
    from bridge.domain.model import EventType
    from bridge.store.engine import Database

_SCHEDULED = (deliveries.c.first_due_at, deliveries.c.due_at, deliveries.c.withheld_until)
_HOURS = retry.LIFETIME // timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of some deliveries at ``at``: the attempts made for them, in order, and what was decided."""

    attempts: tuple[Attempt, ...]
    decision: Decision
    at: datetime


class DeliveryQueue:
    """Reads and writes events and what is queued because of them.

    Where ``types`` are given, only events of these are due, and what came before them of the same subject.

    A transaction that writes both goes to a receiver's breaker before its deliveries: two in different orders could
    wait for each other on PostgreSQL.
    """

    def __init__(self, database: Database, types: Collection[EventType] | None = None) -> None:
        self._database = database
        self._queries = DueQueries(database, types)

    def add(
        self, connection: sa.Connection, new_events: Sequence[Event], subscriptions: Iterable[Subscription]
    ) -> tuple[set[str], list[str]]:
        """Write events, and a delivery for each receiver that wants one. Returns to whom it is queued, and dropped."""
        if not new_events:
            return set(), []
        subscriptions = tuple(subscriptions)
        insert = sa.insert(events).returning(events.c.position, sort_by_parameter_order=True)
        positions = connection.scalars(insert, [row_mapping.event_row(event) for event in new_events]).all()
        placed = list(zip(positions, new_events, strict=True))
        ended = incidents.follow(self._database, connection, placed)
        dropped = withheld.drop_over(connection, ended)
        unaware = withheld.unaware(connection, ended) if ended else {}
        rows = [
            queueing.new_row(position, event, each, unaware.get((each.receiver, event.subject), ()))
            for position, event in placed
            for each in route(subscriptions, event)
        ]
        kept, muted = mutes.divide(connection, rows) if rows else ((), ())
        rows = [*kept, *muted]
        queueing.insert(connection, rows)
        queued = {row["receiver"] for row in rows if row["state"] == queueing.QUEUED_STATE}
        return queued, dropped + [row["receiver"] for row in rows if row["state"] != queueing.QUEUED_STATE]

    def next_sequence(self, connection: sa.Connection, subject: str) -> int:
        """Number the next event of a subject that is not a message; it never restarts, events of it are kept."""
        latest = connection.scalar(sa.select(sa.func.max(events.c.sequence)).where(events.c.subject == subject))
        return (latest or 0) + 1

    def due(self, receiver: str, now: datetime, most: int, busy: Collection[int]) -> list[Delivery]:
        """List what may be tried now for a receiver, the longest due first."""
        return self._fetch(self._queries.due, {"receiver": receiver, "now": now}, most, busy)

    def due_together(self, receiver: str, now: datetime, most: int) -> list[Delivery]:
        """List what one digest tells of: if anything is due, all that has been due once, the oldest first.

        So what failed together goes together again, whatever the jitter of its next attempts.
        """
        if not self.due(receiver, now, 1, ()):
            return []
        return self._fetch(self._queries.begun, {"receiver": receiver, "now": now}, most, ())

    def probes(
        self, receiver: str, now: datetime, most: int, refused: Collection[int], *, together: bool = False
    ) -> list[Delivery]:
        """List what a probe to a failing receiver may carry: what has been due once, even if its next attempt is not.

        Args:
            receiver: Which.
            now: When.
            most: How many.
            refused: Those that were refused for their own sake: they are probes only when they are due.
            together: List all, the oldest first, for one digest; else those that were tried least come first.
        """
        query = self._queries.all_probes if together else self._queries.least_tried
        return self._fetch(query, {"receiver": receiver, "now": now, "refused": list(refused)}, most, ())

    def next_due(self, receiver: str, now: datetime) -> datetime | None:
        """Return when something will be due that is not due yet; None where nothing is queued but what is due."""
        with self._database.read() as connection:
            due_at: datetime | None = connection.scalar(NEXT_DUE, {"receiver": receiver, "now": now})
            return due_at

    def needs_look(self, receiver: str) -> bool:
        """Tell whether anything is queued for a receiver, or is to be sent to others about it."""
        queued = sa.select(sa.literal(1)).where(deliveries.c.receiver == receiver, QUEUED).limit(1)
        with self._database.read() as connection:
            known = breakers.read(connection, receiver) not in (None, CircuitBreaker(receiver))
            return known or mutes.are_noted(connection, receiver) or connection.scalar(queued) is not None

    def breaker(self, receiver: str) -> CircuitBreaker:
        """Read a receiver's breaker: a closed one for a receiver that never failed."""
        with self._database.read() as connection:
            return breakers.read(connection, receiver) or CircuitBreaker(receiver)

    def record(
        self, connection: sa.Connection, tried: Sequence[DeliveryResult], before: CircuitBreaker | None
    ) -> list[Expired]:
        """Write what became of deliveries of one receiver, within a transaction. Returns what was given up besides.

        Args:
            connection: The transaction.
            tried: At least one, in order.
            before: The receiver's breaker, as :func:`bridge.store.breakers.read` found it.
        """
        attempts.write(connection, [(result.attempts, result.decision) for result in tried])
        connection.execute(
            _DECIDED,
            [
                {
                    "delivery": delivery.id,
                    "new_state": str(delivery.state),
                    "new_attempts": delivery.attempts,
                    "new_due": delivery.due_at,
                    "finished": delivery.finished_at,
                    "why": delivery.reason,
                    "new_probes": delivery.probes,
                }
                for result in tried
                for delivery in result.decision.deliveries
            ],
        )
        expired = [each for result in tried for each in self._follow_up(connection, result.decision, result.at)]
        after = tried[-1].decision.breaker
        if after != before:
            breakers.put(self._database, connection, after)
        return expired

    def retry(
        self,
        now: datetime,
        *,
        ids: Collection[int] | None = None,
        receiver: str | None = None,
        since: datetime | None = None,
    ) -> int:
        """Queue dead letters again, from the start of the schedule; all given filters must match.

        The event and its id stay the same. A receiver that fails is probed immediately. Returns how many there were.
        """
        chosen = [deliveries.c.state == str(DeliveryState.DEAD)]
        if receiver is not None:
            chosen.append(deliveries.c.receiver == receiver)
        if since is not None:
            chosen.append(deliveries.c.finished_at >= since)
        again = {
            "state": str(DeliveryState.QUEUED),
            "attempts": 0,
            "probes": 0,
            "first_due_at": now,
            "due_at": now,
            "finished_at": None,
            "withheld_until": None,
        }
        count = 0
        with self._database.write() as connection:
            for part in [None] if ids is None else chunks(ids):
                where = chosen if part is None else [*chosen, deliveries.c.id.in_(part)]
                receivers = connection.scalars(sa.select(deliveries.c.receiver).where(*where).distinct()).all()
                breakers.probe_at(connection, receivers, now)
                count += connection.execute(sa.update(deliveries).where(*where).values(again)).rowcount
            nudge(self._database, connection)
        return count

    def put_off(
        self, connection: sa.Connection, delivery_id: int, why: str, now: datetime, until: datetime
    ) -> list[Expired]:
        """Let a delivery be due then, within a transaction; give it up, and return it, where its time is over."""
        mine = (deliveries.c.id == delivery_id) & QUEUED
        given_up = sa.update(deliveries).where(mine, deliveries.c.first_due_at < now - retry.LIFETIME)
        reason = f"given up: {why}"
        gone = connection.execute(
            given_up.values(state=str(DeliveryState.DEAD), finished_at=now, reason=reason).returning(deliveries.c.event)
        ).one_or_none()
        if gone is None:
            connection.execute(sa.update(deliveries).where(mine).values(due_at=until, reason=why))
            return []
        found = sa.select(events.c.id, events.c.message_id).where(events.c.position == gone.event)
        return [Expired(delivery_id, row.id, row.message_id, reason) for row in connection.execute(found)]

    def try_now(self, connection: sa.Connection, ids: sa.Select[tuple[int]], now: datetime) -> None:
        """Let deliveries be due, within a transaction."""
        connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids), QUEUED).values(due_at=now))

    def release(self, receiver: str, now: datetime) -> None:
        """Close a receiver's breaker, end its pause, and let everything queued for it be due: it has taken a test."""
        with self._database.write() as connection:
            before = breakers.read(connection, receiver, to_change=True)
            if before is not None:
                # The daemon knows its concurrency, and lets through more with each success.
                closed = succeeded(replace(before, paused_until=None), now, concurrency=2)
                breakers.put(self._database, connection, closed)
            self._release(connection, receiver, now)
            nudge(self._database, connection)

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled: the clock was set. Within a transaction."""
        breakers.shift(connection, step)
        times = {column: moved(column, step) for column in _SCHEDULED}
        connection.execute(sa.update(deliveries).where(QUEUED).values(times))

    def clamp(self, connection: sa.Connection, now: datetime) -> None:
        """Let nothing be due later than the rules allow: a clock that went wrong scheduled it. Within a transaction."""
        breakers.clamp(connection, now)
        last = now + LONGEST_WAIT
        # What `hold` or a digest holds back may be due later, unless it was the wrong clock that dated it.
        put_off = sa.or_(WITHHELD, deliveries.c.gathered)
        meant = sa.and_(put_off, deliveries.c.first_due_at >= deliveries.c.due_at, deliveries.c.created_at <= last)
        connection.execute(sa.update(deliveries).where(QUEUED, deliveries.c.due_at > last, ~meant).values(due_at=last))

    def _fetch(self, query: sa.Select[Any], values: dict[str, Any], most: int, busy: Collection[int]) -> list[Delivery]:
        with self._database.read() as connection:
            found = connection.execute(query, {**values, "most": most, "busy": list(busy)}).all()
            return [row_mapping.delivery(row) for row in found]

    def _release(self, connection: sa.Connection, receiver: str, now: datetime) -> None:
        """Let everything that has been due once be due again, in the order in which it came.

        What was tried more than once goes last: it may be for its own sake that it failed.
        """
        by_age = deliveries.c.attempts <= 1
        begun = deliveries.c.first_due_at <= now
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.receiver == receiver, QUEUED, deliveries.c.due_at > now, begun)
            .values(due_at=sa.case((by_age, deliveries.c.first_due_at), else_=sa.literal(now, Instant)))
        )

    def _follow_up(self, connection: sa.Connection, decision: Decision, now: datetime) -> list[Expired]:
        if not decision.release and decision.expire_before is None:
            return []  # nearly always, and making an expression takes longer than sending a delivery
        mine = deliveries.c.receiver == decision.breaker.receiver
        if decision.release:
            self._release(connection, decision.breaker.receiver, now)
        if decision.expire_before is None:
            return []
        why = f"given up after {_HOURS} hours: the receiver is down; the last: {decision.breaker.reason}"
        given_up = connection.execute(
            sa.update(deliveries)
            .where(mine, QUEUED, deliveries.c.first_due_at < decision.expire_before, mutes.NOT_HELD)
            .values(state=str(DeliveryState.DEAD), finished_at=now, reason=why)
            .returning(deliveries.c.id, deliveries.c.event)
        )
        ids = {row.event: row.id for row in given_up}
        found = sa.select(events.c.position, events.c.id, events.c.message_id)
        return [
            Expired(ids[row.position], row.id, row.message_id, why)
            for part in chunks(sorted(ids))
            for row in connection.execute(found.where(events.c.position.in_(part)).order_by(events.c.position))
        ]


_DECIDED = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"), QUEUED)
    .values(
        state=sa.bindparam("new_state"),
        attempts=sa.bindparam("new_attempts"),
        due_at=sa.bindparam("new_due"),
        finished_at=sa.bindparam("finished"),
        reason=sa.bindparam("why"),
        probes=sa.bindparam("new_probes"),
    )
)
