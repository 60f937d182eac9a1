"""What people ask to see, from a real database."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.model import DeliveryState, EventType, Message, State, Status
from bridge.domain.outcome import Dead
from bridge.domain.summary import Summary
from tests.world import listed
from tests.world.plans import plans
from tests.world.records import NOW, OK, after, due, fail_some, observe, tried

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.store.store import Store


@pytest.fixture
def told(store: Store) -> Store:
    """Watched: 1 (failed), 2 (pending), 3 (not seen yet), 4 (unwatched). crm took 1, ops refused it; 2 is queued."""
    store.messages.watch([3, 4], after(-60))
    store.messages.unwatch([4])
    fail_some(store, [1], NOW, to=("crm", "ops"))
    tried(store, due(store), OK, after(1))
    tried(store, due(store, receiver="ops"), Dead("410 Gone"), after(2))
    store.messages.watch([2], after(3))
    observe(store, 2, Status.PENDING, after(3))
    return store


def ids_of(store: Store, status: Status | None = None, most: int = 100) -> list[int]:
    return [shown.message.id for shown in listed.messages(store, status=status, most=most)]


def test_messages_with_the_latest_change_come_first(told: Store) -> None:
    assert ids_of(told) == [2, 1, 4, 3]
    assert ids_of(told, most=2) == [2, 1]


def test_messages_can_be_chosen_by_status_and_by_id(told: Store) -> None:
    assert ids_of(told, Status.FAILED) == [1]
    assert ids_of(told, Status.SENT) == []
    assert [shown.message.id for shown in listed.messages(told, ids=[1, 3, 99])] == [1, 3]
    assert listed.messages(told, ids=[]) == []


def test_a_message_shows_whether_and_when_it_is_polled(told: Store) -> None:
    shown = {each.message.id: each for each in listed.messages(told)}
    failed = State(Status.FAILED, NOW, "Invalid phone number")
    assert shown[1].message == Message(1, state=failed, sequence=1, watched_since=NOW)
    assert (shown[1].watched, shown[1].polled_at, shown[1].due_at) == (True, NOW, None)
    assert (shown[2].watched, shown[2].message.watched_since, shown[2].due_at) == (True, after(3), after(33))
    assert (shown[3].watched, shown[3].polled_at, shown[3].due_at) == (True, None, after(-60))
    assert (shown[4].watched, shown[4].due_at) == (False, None)


def test_events_come_oldest_first(told: Store) -> None:
    assert [event.type for _, event in listed.events(told)] == [EventType.MESSAGE_FAILED, EventType.MESSAGE_PENDING]
    assert [event.message_id for _, event in listed.events(told, most=1)] == [2]
    assert [event.message_id for _, event in listed.events(told, message_id=1)] == [1]


def test_deliveries_come_newest_first(told: Store) -> None:
    found = [(each.receiver, each.state, each.event.message_id) for each in listed.deliveries(told)]
    assert found == [
        ("crm", DeliveryState.QUEUED, 2),
        ("ops", DeliveryState.DEAD, 1),
        ("crm", DeliveryState.DELIVERED, 1),
    ]
    assert len(listed.deliveries(told, most=2)) == 2


def test_deliveries_can_be_chosen(told: Store) -> None:
    (dead,) = listed.deliveries(told, state=DeliveryState.DEAD)
    assert (dead.receiver, dead.reason) == ("ops", "410 Gone")
    assert len(listed.deliveries(told, receiver="crm")) == 2
    assert listed.deliveries(told, receiver="crm", state=DeliveryState.DEAD) == []


def test_attempts_of_a_delivery_that_was_not_tried_are_none(told: Store) -> None:
    (queued,) = listed.deliveries(told, state=DeliveryState.QUEUED)
    assert listed.attempts(told, queued.id) == []
    assert listed.attempts(told, 999) == []


def test_what_is_polled_still_is_counted(told: Store) -> None:
    assert told.summaries.summary().polled == 2


def test_what_is_queued_to_anybody_is_counted(told: Store) -> None:
    assert told.summaries.queued() == (1, after(3))
    tried(told, due(told, after(3)), OK, after(4))
    assert told.summaries.queued() == (0, None)


def test_the_summary_counts_everything(told: Store) -> None:
    told.set_fact("colour", "green")
    summary = told.summaries.summary(finished=True)
    assert summary.statuses == {None: 2, Status.FAILED: 1, Status.PENDING: 1}
    assert (summary.polled, summary.oldest_due) == (2, after(-60))
    assert summary.deliveries == {
        "crm": {DeliveryState.DELIVERED: 1, DeliveryState.QUEUED: 1},
        "ops": {DeliveryState.DEAD: 1},
    }
    assert summary.oldest_queued == after(3)
    assert {breaker.receiver: breaker.is_open for breaker in summary.breakers} == {"crm": False, "ops": True}
    assert summary.facts == {"database_id": told.id, "colour": "green"}


def test_what_is_finished_is_counted_only_when_asked_for(told: Store) -> None:
    whole, glance = told.summaries.summary(finished=True), told.summaries.summary()
    assert glance.statuses == {None: 2, Status.PENDING: 1}
    assert glance.deliveries == {"crm": {DeliveryState.QUEUED: 1}, "ops": {DeliveryState.DEAD: 1}}
    assert replace(whole, statuses=glance.statuses, deliveries=glance.deliveries) == glance


@pytest.mark.slow
def test_a_glance_reads_nothing_of_what_is_finished(store: Store) -> None:
    fail_some(store, range(1, 3001), NOW)
    tried(store, store.deliveries.due_together("crm", after(1), 5000), OK)
    store.messages.watch([3001, 3002], NOW)
    observe(store, 3001, Status.UNKNOWN)
    with plans(store) as found:
        assert store.summaries.summary().statuses == {None: 1, Status.UNKNOWN: 1}
    about = [plan for plan in found if "messages" in plan or "deliveries" in plan]
    assert len(about) == 6
    # An index that holds only what is polled, unreadable or queued may be read as a whole.
    small = r"(?! USING (COVERING )?INDEX \w+_(due|unread)\b)"
    read_whole = re.compile(rf"Seq Scan on (messages|deliveries)|SCAN (messages|deliveries){small}")
    assert not [plan for plan in about if read_whole.search(plan)]


def test_the_summary_of_an_empty_database_is_empty(store: Store) -> None:
    found = store.summaries.summary()
    assert found == Summary({}, 0, None, {}, None, (), {"database_id": store.id}, size=found.size)
    assert store.summaries.queued() == (0, None)
    assert listed.events(store) == []
    assert store.deliveries.breaker("crm") == CircuitBreaker("crm")


def test_a_fact_is_what_was_written_last(store: Store) -> None:
    assert store.fact("colour") is None
    store.set_fact("colour", "green")
    store.set_fact("colour", "blue")
    assert store.fact("colour") == "blue"


def test_size_of_the_database_counts_every_file_of_it(told: Store, tmp_path: Path) -> None:
    """Of SQLite also the write-ahead log."""
    files = [each for each in tmp_path.iterdir() if ".db" in each.name]
    size = told.summaries.summary().size
    assert size > 100_000
    if files:
        assert size == sum(each.stat().st_size for each in files)
