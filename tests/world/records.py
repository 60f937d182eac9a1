"""Short ways to make a store hold something, by the real rules: what a poll saw, what became of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from bridge.domain.clock import isoformat
from bridge.domain.delivery_decision import Round, decide
from bridge.domain.event_data import EventData, HealthData, SourceData
from bridge.domain.model import Attempt, Message, Observation, Status
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.routing import Subscription
from bridge.domain.transition_detector import judge
from bridge.store.deliveries import DeliveryResult
from bridge.store.facts import set_meta
from bridge.store.poll_results import PollResult
from tests.world import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import Delivery, Event, EventType, Expired
    from bridge.domain.outcome import Outcome
    from bridge.store.store import Store

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
"""When these tests take place."""

OK = Delivered()

SINCE = SourceData(since=isoformat(NOW), reason="x")
"""What an event about health tells."""


def after(seconds: float) -> datetime:
    """Name a moment by its distance from ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def known(store: Store, id_: int) -> Message:
    """Read a message as the store knows it."""
    (shown,) = listed.messages(store, ids=[id_])
    return shown.message


def polled(
    message: Message, status: Status, at: datetime = NOW, *, due_at: datetime | None = None, error: str | None = None
) -> PollResult:
    """Judge a poll's answer; unknown counts at once."""
    return PollResult(message, judge(message, Observation(status, at, error), timedelta(0)), at, due_at)


def observe(store: Store, id_: int, status: Status, at: datetime = NOW, *, to: Sequence[str] = ("crm",)) -> list[Event]:
    """Record that a poll saw a status; the receivers ``to`` want every event."""
    wanted = [Subscription(receiver, ("*",)) for receiver in to]
    return store.record_polls([polled(known(store, id_), status, at, due_at=at + timedelta(seconds=30))], wanted)


def fail_some(store: Store, ids: Sequence[int], at: datetime = NOW, *, to: Sequence[str] = ("crm",)) -> list[Event]:
    """Watch messages and record that they failed, in one go."""
    store.messages.watch(ids, at)
    found = {shown.message.id: shown.message for shown in listed.messages(store, ids=ids)}
    polls = [polled(found[id_], Status.FAILED, at, error="Invalid phone number") for id_ in ids]
    return store.record_polls(polls, [Subscription(receiver, ("*",)) for receiver in to])


def tried(
    store: Store,
    deliveries: Delivery | Sequence[Delivery],
    outcome: Outcome,
    at: datetime = NOW,
    *,
    probe: bool = False,
    answer: str = "",
) -> list[Expired]:
    """Record one attempt that carried these deliveries, and what follows from it. Returns what was given up besides."""
    carried = (deliveries,) if not isinstance(deliveries, tuple | list) else tuple(deliveries)
    made = Attempt(at, 0.25, outcome, 200 if outcome == OK else 500, answer)

    def decided(breaker: CircuitBreaker) -> list[DeliveryResult]:
        decision = decide(Round(carried, outcome, at, at, probe), breaker, concurrency=1, jitter=lambda: 0)
        return [DeliveryResult((made,), decision, at)]

    return store.record_deliveries(carried[0].receiver, decided).expired


def keep_down(store: Store, id_: int, *, probes: int) -> Delivery:
    """Let a failed message's delivery fail three times, which opens crm's breaker, and then this many probes."""

    def now() -> Delivery:
        (found,) = (each for each in listed.deliveries(store) if each.event.message_id == id_)
        return found

    for second in range(3):
        tried(store, now(), Retry("HTTP 503"), after(second))
    for number in range(1, probes + 1):
        tried(store, now(), Retry(f"HTTP 503, probe {number}"), after(3 + number), probe=True)
    return now()


def due(store: Store, at: datetime = NOW, *, receiver: str = "crm", most: int = 100) -> list[Delivery]:
    """List what may be tried."""
    return store.deliveries.due(receiver, at, most, ())


def about(deliveries: Iterable[Delivery]) -> list[tuple[int | None, int]]:
    """Name deliveries by message and sequence."""
    return [(delivery.event.message_id, delivery.event.sequence) for delivery in deliveries]


def statements(store: Store, *sql: str) -> None:
    """Run SQL of our own, as no part of the bridge would."""
    engine = sa.create_engine(store._database.url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for statement in sql:
            connection.execute(sa.text(statement))


def values(store: Store, sql: str) -> Iterator[tuple[object, ...]]:
    """Read with SQL of our own."""
    engine = sa.create_engine(store._database.url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        yield from (tuple(row) for row in connection.execute(sa.text(sql)).all())


def record_health(
    store: Store,
    type_: EventType,
    data: EventData,
    at: datetime,
    subscriptions: Sequence[Subscription] = (),
    *,
    facts: Mapping[str, str] = MappingProxyType({}),
    subject: str = "source",
) -> Event:
    """Write an event about the source, or another subject, as the store does, with the facts that it changes."""
    with store._events.transaction() as connection:
        for key, value in facts.items():
            set_meta(store._database, connection, key, value)
        return store._events.add_health(connection, [(type_, cast("HealthData", data), at)], subject, subscriptions)[0]
