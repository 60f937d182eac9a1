"""What happened and who is owed it: the owner of the tables of events, deliveries, attempts and gates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.model import Attempt, Dead, Delivered, Delivery, DeliveryState, Event, Expired, Retry
from bridge.retry import LIFETIME, Decision, Gate
from bridge.routing import Subscription, route
from bridge.store import rows
from bridge.store.engine import chunks
from bridge.store.schema import attempts, carried, deliveries, events, gates, internal_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from bridge.store.engine import Database

_OWED = deliveries.c.state == sa.literal_column("'owed'")  # a literal: a partial index serves no parameter
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
_GATE_FIELDS = ("failures", "failing_since", "shut", "step", "probe_at", "paused_until", "tried_at", "reason")

_SCHEDULED = (deliveries.c.first_due_at, deliveries.c.due_at)
_GATE_TIMES = (gates.c.failing_since, gates.c.probe_at, gates.c.paused_until, gates.c.tried_at)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of some deliveries at ``at``: the attempts made for them, in order, and what was decided."""

    attempts: tuple[Attempt, ...]
    decision: Decision
    at: datetime


class Ledger:
    """Reads and writes events and what is owed because of them.

    A transaction that writes both goes to a receiver's gate before its deliveries: two in different orders could wait
    for each other on PostgreSQL.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Order: of one subject, only the first that is still owed may go. A dead letter that is sent again keeps its
        # place among them, and so goes before later ones that are still owed.
        earlier = deliveries.alias()
        first = ~(
            sa.select(sa.literal(1))
            .where(
                earlier.c.receiver == deliveries.c.receiver,
                earlier.c.subject == deliveries.c.subject,
                earlier.c.state == sa.literal_column("'owed'"),
                earlier.c.id < deliveries.c.id,
            )
            .exists()
        )
        self._heads = (
            sa.select(*rows.DELIVERY)
            .join(events, events.c.position == deliveries.c.event)
            .where(
                deliveries.c.receiver == sa.bindparam("receiver"),
                _OWED,
                first,
                _NOT_SET_ASIDE,
                database.none_of(deliveries.c.id, "busy"),
            )
            .limit(sa.bindparam("most"))
        )
        self._due = self._heads.where(deliveries.c.due_at <= sa.bindparam("now")).order_by(
            deliveries.c.due_at, deliveries.c.id
        )
        self._soon = self._heads.where(
            deliveries.c.due_at <= sa.bindparam("until"),
            sa.or_(deliveries.c.due_at <= sa.bindparam("now"), deliveries.c.attempts == 0),
        ).order_by(deliveries.c.due_at, deliveries.c.id)
        self._gate = sa.select(gates).where(gates.c.receiver == sa.bindparam("receiver"))
        self._gate_to_change = self._gate.with_for_update()  # SQLite, which has one writer, knows no such words
        self._oldest = self._heads.order_by(deliveries.c.id)
        # A probe carries what was tried least: one event that its receiver refuses must not hold up all others.
        self._probes = self._heads.order_by(deliveries.c.attempts, deliveries.c.id)

    def add(self, connection: sa.Connection, told: Sequence[Event], subscriptions: Iterable[Subscription]) -> None:
        """Write events, and one delivery for each receiver that wants one, within a transaction."""
        if not told:
            return
        subscriptions = tuple(subscriptions)
        insert = sa.insert(events).returning(events.c.position, sort_by_parameter_order=True)
        positions = connection.scalars(insert, [rows.event_row(event) for event in told]).all()
        owed = [
            {
                "event": position,
                "subject": event.subject,
                "receiver": subscription.receiver,
                "state": str(DeliveryState.OWED),
                "created_at": event.at,
                "first_due_at": event.at + subscription.wait,
                "due_at": event.at + subscription.wait,
            }
            for position, event in zip(positions, told, strict=True)
            for subscription in route(subscriptions, event)
        ]
        if owed:
            connection.execute(sa.insert(deliveries), owed)

    def next_sequence(self, connection: sa.Connection, subject: str) -> int:
        """Number the next event of a subject that is not a message; it never restarts, events of it are kept."""
        latest = connection.scalar(sa.select(sa.func.max(events.c.sequence)).where(events.c.subject == subject))
        return (latest or 0) + 1

    def due(self, receiver: str, now: datetime, most: int, busy: Collection[int]) -> list[Delivery]:
        """List what may be tried now for a receiver, the longest due first."""
        return self._fetch(self._due, {"receiver": receiver, "now": now}, most, busy)

    def due_soon(
        self, receiver: str, now: datetime, until: datetime, most: int, busy: Collection[int]
    ) -> list[Delivery]:
        """List what may be tried now, and what was not tried yet and will be due until then, the longest due first."""
        return self._fetch(self._soon, {"receiver": receiver, "now": now, "until": until}, most, busy)

    def due_together(self, receiver: str, now: datetime, most: int, *, at_once: bool) -> list[Delivery]:
        """List all that is owed to a receiver if any of it is due, or ``at_once``: what one digest tells of."""
        if not at_once and not self._fetch(self._due, {"receiver": receiver, "now": now}, 1, ()):
            return []
        return self._fetch(self._oldest, {"receiver": receiver, "now": now}, most, ())

    def probes(self, receiver: str, now: datetime, most: int) -> list[Delivery]:
        """List what a probe to a failing receiver may carry, due or not."""
        return self._fetch(self._probes, {"receiver": receiver, "now": now}, most, ())

    def came_after(self, receiver: str, moment: datetime) -> bool:
        """Tell whether anything is owed to a receiver that came after a moment and was not tried yet."""
        query = sa.select(sa.literal(1)).where(
            deliveries.c.receiver == receiver, _OWED, deliveries.c.due_at > moment, deliveries.c.attempts == 0,
            deliveries.c.created_at > moment,
        )  # fmt: skip
        with self._database.read() as connection:
            return connection.scalar(query.limit(1)) is not None

    def gate(self, receiver: str) -> Gate:
        """Read a receiver's gate: an open one for a receiver that never failed."""
        with self._database.read() as connection:
            return self._read_gate(connection, self._gate, receiver) or Gate(receiver)

    def gate_to_change(self, connection: sa.Connection, receiver: str) -> Gate | None:
        """Read a receiver's gate within a transaction that may write it: nobody else does until its end.

        None for a receiver of which nothing was recorded yet.
        """
        return self._read_gate(connection, self._gate_to_change, receiver)

    def record(self, connection: sa.Connection, tried: Sequence[Tried], before: Gate | None) -> list[Expired]:
        """Write what became of deliveries of one receiver, within a transaction. Returns what was given up besides.

        Args:
            connection: The transaction.
            tried: At least one, in order.
            before: The receiver's gate, as :meth:`gate_to_change` found it.
        """
        self._write_attempts(connection, tried)
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
                }
                for result in tried
                for delivery in result.decision.deliveries
            ],
        )
        expired = [each for result in tried for each in self._follow_up(connection, result.decision, result.at)]
        after = tried[-1].decision.gate
        if after != before:
            self.put_gate(connection, after)
        return expired

    def put_gate(self, connection: sa.Connection, gate: Gate) -> None:
        """Write a receiver's gate, within a transaction."""
        values = {name: getattr(gate, name) for name in _GATE_FIELDS}
        insert = self._database.insert(gates).values(receiver=gate.receiver, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=[gates.c.receiver], set_=values))

    def retry(
        self,
        now: datetime,
        *,
        ids: Collection[int] | None = None,
        receiver: str | None = None,
        since: datetime | None = None,
    ) -> int:
        """Owe dead letters again, from the start of the schedule; what was chosen must all be true of them.

        The event and its id stay the same. A receiver that fails is probed at once. Returns how many there were.
        """
        chosen = [deliveries.c.state == str(DeliveryState.DEAD)]
        if receiver is not None:
            chosen.append(deliveries.c.receiver == receiver)
        if since is not None:
            chosen.append(deliveries.c.finished_at >= since)
        again = {
            "state": str(DeliveryState.OWED),
            "attempts": 0,
            "first_due_at": now,
            "due_at": now,
            "finished_at": None,
        }
        count = 0
        with self._database.write() as connection:
            for part in [None] if ids is None else chunks(ids):
                where = chosen if part is None else [*chosen, deliveries.c.id.in_(part)]
                receivers = connection.scalars(sa.select(deliveries.c.receiver).where(*where).distinct()).all()
                connection.execute(sa.update(gates).where(gates.c.receiver.in_(receivers)).values(probe_at=now))
                count += connection.execute(sa.update(deliveries).where(*where).values(again)).rowcount
        return count

    def put_off(
        self, connection: sa.Connection, delivery_id: int, why: str, now: datetime, until: datetime
    ) -> list[Expired]:
        """Let a delivery be due then, within a transaction; give it up, and return it, where its time is over."""
        mine = (deliveries.c.id == delivery_id) & _OWED
        given_up = sa.update(deliveries).where(mine, deliveries.c.first_due_at < now - LIFETIME)
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
        connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids), _OWED).values(due_at=now))

    def probe_now(self, receiver: str, now: datetime) -> None:
        """Let the next probe of a failing receiver be due."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(gates).where(gates.c.receiver == receiver).values(probe_at=now, paused_until=None)
            )

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled: the clock was set. Within a transaction."""
        millis = step // timedelta(milliseconds=1)
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _GATE_TIMES}
        connection.execute(sa.update(gates).values(moved))
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _SCHEDULED}
        connection.execute(sa.update(deliveries).where(_OWED).values(moved))

    def clamp(self, connection: sa.Connection, latest: datetime) -> None:
        """Let nothing be due later than that: it was scheduled by a clock that went wrong. Within a transaction."""
        for column in (gates.c.probe_at, gates.c.paused_until):
            connection.execute(sa.update(gates).where(column > latest).values({column: latest}))
        connection.execute(sa.update(deliveries).where(_OWED, deliveries.c.due_at > latest).values(due_at=latest))

    def _read_gate(self, connection: sa.Connection, query: sa.Select[Any], receiver: str) -> Gate | None:
        row = connection.execute(query, {"receiver": receiver}).one_or_none()
        return None if row is None else Gate(**row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name for it

    def _fetch(self, query: sa.Select[Any], values: dict[str, Any], most: int, busy: Collection[int]) -> list[Delivery]:
        with self._database.read() as connection:
            found = connection.execute(query, {**values, "most": most, "busy": list(busy)}).all()
            return [rows.delivery(row) for row in found]

    def _write_attempts(self, connection: sa.Connection, tried: Sequence[Tried]) -> None:
        made = [(attempt, result.decision) for result in tried for attempt in result.attempts]
        written = [_attempt_row(decision.gate.receiver, attempt) for attempt, decision in made]
        ids = connection.scalars(_WRITE_ATTEMPTS, written).all()
        links = [
            {"delivery": delivery.id, "attempt": id_}
            for id_, (_, decision) in zip(ids, made, strict=True)
            for delivery in decision.deliveries
        ]
        connection.execute(_WRITE_CARRIED, links)

    def _follow_up(self, connection: sa.Connection, decision: Decision, now: datetime) -> list[Expired]:
        if not decision.release and decision.expire_before is None:
            return []  # nearly always, and making an expression takes longer than sending a delivery
        mine = deliveries.c.receiver == decision.gate.receiver
        if decision.release:
            connection.execute(sa.update(deliveries).where(mine, _OWED, deliveries.c.due_at > now).values(due_at=now))
        if decision.expire_before is None:
            return []
        why = f"given up: the receiver has failed for all of its time; the last: {decision.gate.reason}"
        given_up = connection.execute(
            sa.update(deliveries)
            .where(mine, _OWED, deliveries.c.first_due_at < decision.expire_before)
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


_WRITE_ATTEMPTS = sa.insert(attempts).returning(attempts.c.id, sort_by_parameter_order=True)
_WRITE_CARRIED = sa.insert(carried)
_DECIDED = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"), _OWED)
    .values(
        state=sa.bindparam("new_state"),
        attempts=sa.bindparam("new_attempts"),
        due_at=sa.bindparam("new_due"),
        finished_at=sa.bindparam("finished"),
        reason=sa.bindparam("why"),
    )
)


def _attempt_row(receiver: str, attempt: Attempt) -> dict[str, Any]:
    match attempt.outcome:
        case Delivered():
            outcome, why = "delivered", None
        case Retry(why=why):
            outcome = "failed"
        case Dead(why=why):
            outcome = "refused"
    return {
        "receiver": receiver,
        "at": attempt.at,
        "duration": attempt.duration,
        "outcome": outcome,
        "http_status": attempt.http_status,
        "why": why,
        "answer": attempt.answer,
    }
