"""What happened and what is queued for whom: the owner of the tables of events, deliveries, attempts and breakers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain import retry
from bridge.domain.breaker import LONGEST_PROBE_WAIT, CircuitBreaker, succeeded
from bridge.domain.model import Attempt, Dead, Delivered, Delivery, DeliveryState, Event, Expired, Retry
from bridge.domain.retry import LONGEST_PAUSE, LONGEST_WAIT
from bridge.domain.routing import Subscription, route
from bridge.store import row_mapping
from bridge.store.engine import chunks
from bridge.store.facts import set_meta
from bridge.store.tables import Instant, attempts, breakers, carried, deliveries, events, internal_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from bridge.domain.delivery_decision import Decision
    from bridge.store.engine import Database

_QUEUED = deliveries.c.state == sa.literal_column("'queued'")  # a literal: a partial index serves no parameter
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
_BREAKER_FIELDS = tuple(field.name for field in fields(CircuitBreaker) if field.name != "receiver")

_SCHEDULED = (deliveries.c.first_due_at, deliveries.c.due_at)
_PAST = (breakers.c.failing_since, breakers.c.well_since, breakers.c.down_since)
_BREAKER_TIMES = (*_PAST, breakers.c.probe_at, breakers.c.paused_until)

_PROBES_KEPT = 2
_HOURS = retry.LIFETIME // timedelta(hours=1)

NUDGED = "nudged"
"""The fact that changes when somebody beside the daemon made something due."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of some deliveries at ``at``: the attempts made for them, in order, and what was decided."""

    attempts: tuple[Attempt, ...]
    decision: Decision
    at: datetime


class DeliveryQueue:
    """Reads and writes events and what is queued because of them.

    A transaction that writes both goes to a receiver's breaker before its deliveries: two in different orders could
    wait for each other on PostgreSQL.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Order: of one subject, only the first that is still queued may go. A dead letter that is sent again keeps its
        # place among them, and so goes before later ones that are still queued.
        earlier = deliveries.alias()
        first = ~(
            sa.select(sa.literal(1))
            .where(
                earlier.c.receiver == deliveries.c.receiver,
                earlier.c.subject == deliveries.c.subject,
                earlier.c.state == sa.literal_column("'queued'"),
                earlier.c.id < deliveries.c.id,
            )
            .exists()
        )
        self._heads = (
            sa.select(*row_mapping.DELIVERY)
            .join(events, events.c.position == deliveries.c.event)
            .where(
                deliveries.c.receiver == sa.bindparam("receiver"),
                _QUEUED,
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
        self._breaker = sa.select(breakers).where(breakers.c.receiver == sa.bindparam("receiver"))
        self._breaker_to_change = self._breaker.with_for_update()  # SQLite, which has one writer, knows no such words
        self._oldest = self._heads.order_by(deliveries.c.id)
        # A probe carries what was tried least: one event that its receiver refuses must not hold up all others. One
        # that was refused for its own sake waits for its own schedule.
        self._probes = self._heads.where(
            sa.or_(deliveries.c.due_at <= sa.bindparam("now"), database.none_of(deliveries.c.id, "refused"))
        )
        self._least_tried = self._probes.order_by(deliveries.c.attempts + deliveries.c.probes, deliveries.c.id)
        self._all_probes = self._probes.order_by(deliveries.c.id)
        self._next = (
            sa.select(deliveries.c.due_at)
            .where(
                deliveries.c.receiver == sa.bindparam("receiver"),
                _QUEUED,
                deliveries.c.due_at > sa.bindparam("now"),
            )
            .order_by(deliveries.c.due_at)
            .limit(1)
        )

    def add(self, connection: sa.Connection, told: Sequence[Event], subscriptions: Iterable[Subscription]) -> set[str]:
        """Write events, and one delivery for each receiver that wants one, within a transaction. Returns those."""
        if not told:
            return set()
        subscriptions = tuple(subscriptions)
        insert = sa.insert(events).returning(events.c.position, sort_by_parameter_order=True)
        positions = connection.scalars(insert, [row_mapping.event_row(event) for event in told]).all()
        queued = [
            {
                "event": position,
                "subject": event.subject,
                "receiver": subscription.receiver,
                "state": str(DeliveryState.QUEUED),
                "created_at": event.at,
                "first_due_at": event.at + subscription.wait,
                "due_at": event.at + subscription.wait,
            }
            for position, event in zip(positions, told, strict=True)
            for subscription in route(subscriptions, event)
        ]
        if queued:
            connection.execute(sa.insert(deliveries), queued)
        return {str(each["receiver"]) for each in queued}

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

    def due_together(self, receiver: str, now: datetime, most: int) -> list[Delivery]:
        """List all that is queued for a receiver if any of it is due: what one digest tells of."""
        if not self._fetch(self._due, {"receiver": receiver, "now": now}, 1, ()):
            return []
        return self._fetch(self._oldest, {"receiver": receiver, "now": now}, most, ())

    def probes(
        self, receiver: str, now: datetime, most: int, refused: Collection[int], *, together: bool = False
    ) -> list[Delivery]:
        """List what a probe to a failing receiver may carry, due or not.

        Args:
            receiver: Which.
            now: When.
            most: How many.
            refused: Those that were refused for their own sake: they are probes only when they are due.
            together: List all, the oldest first, for one digest; else those that were tried least come first.
        """
        query = self._all_probes if together else self._least_tried
        return self._fetch(query, {"receiver": receiver, "now": now, "refused": list(refused)}, most, ())

    def next_due(self, receiver: str, now: datetime) -> datetime | None:
        """Return when something will be due that is not due yet; None where nothing is queued but what is due."""
        with self._database.read() as connection:
            due_at: datetime | None = connection.scalar(self._next, {"receiver": receiver, "now": now})
            return due_at

    def needs_look(self, receiver: str) -> bool:
        """Tell whether anything is queued for a receiver, or is to be sent to others about it."""
        queued = sa.select(sa.literal(1)).where(deliveries.c.receiver == receiver, _QUEUED).limit(1)
        with self._database.read() as connection:
            known = self._read_breaker(connection, self._breaker, receiver)
            return known not in (None, CircuitBreaker(receiver)) or connection.scalar(queued) is not None

    def breaker(self, receiver: str) -> CircuitBreaker:
        """Read a receiver's breaker: a closed one for a receiver that never failed."""
        with self._database.read() as connection:
            return self._read_breaker(connection, self._breaker, receiver) or CircuitBreaker(receiver)

    def breaker_to_change(self, connection: sa.Connection, receiver: str) -> CircuitBreaker | None:
        """Read a receiver's breaker within a transaction that may write it: nobody else does until its end.

        None for a receiver of which nothing was recorded yet.
        """
        return self._read_breaker(connection, self._breaker_to_change, receiver)

    def record(self, connection: sa.Connection, tried: Sequence[Tried], before: CircuitBreaker | None) -> list[Expired]:
        """Write what became of deliveries of one receiver, within a transaction. Returns what was given up besides.

        Args:
            connection: The transaction.
            tried: At least one, in order.
            before: The receiver's breaker, as :meth:`breaker_to_change` found it.
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
                    "new_probes": delivery.probes,
                }
                for result in tried
                for delivery in result.decision.deliveries
            ],
        )
        expired = [each for result in tried for each in self._follow_up(connection, result.decision, result.at)]
        after = tried[-1].decision.breaker
        if after != before:
            self.put_breaker(connection, after)
        return expired

    def put_breaker(self, connection: sa.Connection, breaker: CircuitBreaker) -> None:
        """Write a receiver's breaker, within a transaction."""
        values = {name: getattr(breaker, name) for name in _BREAKER_FIELDS} | {"refused": list(breaker.refused)}
        insert = self._database.insert(breakers).values(receiver=breaker.receiver, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=[breakers.c.receiver], set_=values))

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
            "state": str(DeliveryState.QUEUED),
            "attempts": 0,
            "probes": 0,
            "first_due_at": now,
            "due_at": now,
            "finished_at": None,
        }
        count = 0
        with self._database.write() as connection:
            for part in [None] if ids is None else chunks(ids):
                where = chosen if part is None else [*chosen, deliveries.c.id.in_(part)]
                receivers = connection.scalars(sa.select(deliveries.c.receiver).where(*where).distinct()).all()
                due = sa.update(breakers).where(breakers.c.receiver.in_(receivers)).values(probe_at=now)
                connection.execute(due)
                count += connection.execute(sa.update(deliveries).where(*where).values(again)).rowcount
            self.nudge(connection)
        return count

    def put_off(
        self, connection: sa.Connection, delivery_id: int, why: str, now: datetime, until: datetime
    ) -> list[Expired]:
        """Let a delivery be due then, within a transaction; give it up, and return it, where its time is over."""
        mine = (deliveries.c.id == delivery_id) & _QUEUED
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
        connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids), _QUEUED).values(due_at=now))

    def release(self, receiver: str, now: datetime) -> None:
        """Close a receiver's breaker, end its pause, and let everything queued for it be due: it has taken a test."""
        with self._database.write() as connection:
            before = self.breaker_to_change(connection, receiver)
            if before is not None:
                # The daemon knows its concurrency, and lets through more with each success.
                closed = succeeded(replace(before, paused_until=None), now, concurrency=2)
                self.put_breaker(connection, closed)
            self._release(connection, receiver, now)
            self.nudge(connection)

    def shift(self, connection: sa.Connection, step: timedelta) -> None:
        """Move what is scheduled: the clock was set. Within a transaction."""
        millis = step // timedelta(milliseconds=1)
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _BREAKER_TIMES}
        connection.execute(sa.update(breakers).values(moved))
        moved = {column: sa.cast(column, sa.BigInteger) + millis for column in _SCHEDULED}
        connection.execute(sa.update(deliveries).where(_QUEUED).values(moved))

    def clamp(self, connection: sa.Connection, now: datetime) -> None:
        """Let nothing be due later than the rules allow: a clock that went wrong scheduled it. Within a transaction."""
        bounds = [(column, now) for column in _PAST]
        bounds += [(breakers.c.paused_until, now + LONGEST_PAUSE)]
        for column, latest in bounds:
            connection.execute(sa.update(breakers).where(column > latest).values({column: latest}))
        probe_at = now + LONGEST_PROBE_WAIT
        paused = sa.func.coalesce(
            breakers.c.paused_until, sa.literal(now, Instant)
        )  # a probe waits for the end of a pause, too
        too_late = sa.and_(breakers.c.probe_at > probe_at, breakers.c.probe_at > paused)
        connection.execute(sa.update(breakers).where(too_late).values(probe_at=probe_at))
        last = now + LONGEST_WAIT
        connection.execute(sa.update(deliveries).where(_QUEUED, deliveries.c.due_at > last).values(due_at=last))

    def _read_breaker(self, connection: sa.Connection, query: sa.Select[Any], receiver: str) -> CircuitBreaker | None:
        row = connection.execute(query, {"receiver": receiver}).one_or_none()
        return None if row is None else row_mapping.breaker(row)

    def nudge(self, connection: sa.Connection) -> None:
        """Let a daemon that runs beside this process look for what is due."""
        set_meta(self._database, connection, NUDGED, secrets.token_hex(8))

    def _fetch(self, query: sa.Select[Any], values: dict[str, Any], most: int, busy: Collection[int]) -> list[Delivery]:
        with self._database.read() as connection:
            found = connection.execute(query, {**values, "most": most, "busy": list(busy)}).all()
            return [row_mapping.delivery(row) for row in found]

    def _write_attempts(self, connection: sa.Connection, tried: Sequence[Tried]) -> None:
        made = [(attempt, result.decision) for result in tried for attempt in result.attempts]
        probed = [each for result in tried if result.decision.probe for each in result.decision.deliveries]
        self._forget_last_probe(connection, [each.id for each in probed if each.probes > _PROBES_KEPT])
        written = [_attempt_row(decision.breaker.receiver, attempt, probe=decision.probe) for attempt, decision in made]
        ids = connection.scalars(_WRITE_ATTEMPTS, written).all()
        links = [
            {"delivery": delivery.id, "attempt": id_}
            for id_, (_, decision) in zip(ids, made, strict=True)
            for delivery in decision.deliveries
        ]
        connection.execute(_WRITE_CARRIED, links)

    def _forget_last_probe(self, connection: sa.Connection, ids: Collection[int]) -> None:
        """Make room for the next failed probe of these deliveries: only the first and the last are kept."""
        of_delivery = carried.alias()
        last = (
            sa.select(sa.func.max(of_delivery.c.attempt))
            .join(attempts, attempts.c.id == of_delivery.c.attempt)
            .where(of_delivery.c.delivery == carried.c.delivery, attempts.c.probe)
            .scalar_subquery()
        )
        still_carries = sa.select(sa.literal(1)).where(carried.c.attempt == attempts.c.id).exists()
        for part in chunks(ids):
            mine = carried.c.delivery.in_(part)
            gone = connection.scalars(
                sa.delete(carried).where(mine, carried.c.attempt == last).returning(carried.c.attempt)
            )
            connection.execute(sa.delete(attempts).where(attempts.c.id.in_(set(gone)), ~still_carries))

    def _release(self, connection: sa.Connection, receiver: str, now: datetime) -> None:
        """Let everything queued for a receiver be due, in the order in which it came.

        What was tried more than once goes last: it may be for its own sake that it failed.
        """
        by_age = sa.and_(deliveries.c.attempts <= 1, deliveries.c.first_due_at < now)
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.receiver == receiver, _QUEUED, deliveries.c.due_at > now)
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
            .where(mine, _QUEUED, deliveries.c.first_due_at < decision.expire_before)
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
    .where(deliveries.c.id == sa.bindparam("delivery"), _QUEUED)
    .values(
        state=sa.bindparam("new_state"),
        attempts=sa.bindparam("new_attempts"),
        due_at=sa.bindparam("new_due"),
        finished_at=sa.bindparam("finished"),
        reason=sa.bindparam("why"),
        probes=sa.bindparam("new_probes"),
    )
)


def _attempt_row(receiver: str, attempt: Attempt, *, probe: bool) -> dict[str, Any]:
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
        "probe": probe,
    }
