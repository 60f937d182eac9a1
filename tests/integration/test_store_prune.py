"""What is over is forgotten after a while, in a real database; what is queued never is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import DeliveryState, EventType, State, Status
from bridge.domain.outcome import Dead, Retry
from bridge.domain.watchlist import Watchlist
from tests.world import listed
from tests.world.plans import plans
from tests.world.records import (
    NOW,
    OK,
    SINCE,
    about,
    after,
    due,
    fail_some,
    known,
    observe,
    record_health,
    statements,
    tried,
    values,
)

if TYPE_CHECKING:
    from bridge.store.store import Store

_MONTH = 30 * 86_400.0


def counts(store: Store) -> list[int]:
    """Count events, deliveries, attempts, and the links between the latter two."""
    tables = ("events", "deliveries", "attempts", "carried")
    return [int(str(count)) for table in tables for (count,) in values(store, f"SELECT count(*) FROM {table}")]


def test_what_is_over_goes_with_its_deliveries_and_attempts(store: Store) -> None:
    fail_some(store, [1, 2], to=("crm", "ops"))
    fail_some(store, [3], after(_MONTH))
    for receiver in ("crm", "ops"):
        for delivery in due(store, receiver=receiver):
            tried(store, delivery, OK)
    tried(store, due(store, after(_MONTH)), OK, after(_MONTH))
    assert counts(store) == [3, 5, 5, 5]
    assert store.prune(after(1)) == 2
    assert counts(store) == [1, 1, 1, 1]
    assert store.prune(after(1)) == 0


def test_the_moment_itself_is_not_before_it(store: Store) -> None:
    fail_some(store, [1], NOW, to=())
    assert store.prune(NOW) == 0
    assert store.prune(after(0.001)) == 1


def test_nothing_that_is_queued_is_ever_pruned(store: Store) -> None:
    fail_some(store, [1], to=("crm", "ops"))
    tried(store, due(store, receiver="ops"), OK)
    tried(store, due(store), Retry("500 Internal Server Error"))
    assert store.prune(after(10 * _MONTH)) == 0
    assert counts(store) == [1, 2, 2, 2]
    assert about(due(store, after(_MONTH))) == [(1, 1)]


def test_a_dead_letter_that_was_sent_again_is_queued_however_old_it_is(store: Store) -> None:
    fail_some(store, [1])
    tried(store, due(store), Dead("410 Gone"))
    store.deliveries.retry(after(_MONTH))
    assert store.prune(after(10 * _MONTH)) == 0
    tried(store, due(store, after(_MONTH)), OK, after(_MONTH))
    assert store.prune(after(_MONTH)) == 0
    assert store.prune(after(_MONTH + 1)) == 1


def test_sequences_go_on_after_their_events_are_gone(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING, to=())
    for type_ in (EventType.SOURCE_DOWN, EventType.SOURCE_UP):
        record_health(store, type_, SINCE, NOW, (), facts={})
    before = {event.id for _, event in listed.events(store)}
    assert store.prune(after(_MONTH)) == 2
    assert known(store, 1).state == State(Status.PENDING, NOW)
    (told,) = observe(store, 1, Status.SENT, after(_MONTH), to=())
    health = record_health(store, EventType.SOURCE_DOWN, SINCE, after(_MONTH), (), facts={})
    assert (told.sequence, health.sequence) == (2, 3)
    assert not before & {told.id, health.id}


def test_positions_of_events_are_not_used_twice(store: Store) -> None:
    fail_some(store, [1, 2], to=())
    latest = listed.events(store)[-1][0]
    store.prune(after(_MONTH))
    fail_some(store, [3], after(_MONTH), to=())
    assert [event.message_id for at, event in listed.events(store) if at > latest] == [3]


def test_an_attempt_stays_while_anything_that_it_carried_is_kept(store: Store) -> None:
    fail_some(store, [1], NOW)
    fail_some(store, [2], after(60))
    tried(store, store.deliveries.due_together("crm", after(60), 10), OK, after(60))
    assert counts(store) == [2, 2, 1, 2]
    statements(store, "UPDATE deliveries SET finished_at = created_at")
    assert store.prune(after(30)) == 1
    assert counts(store) == [1, 1, 1, 1]
    assert store.prune(after(61)) == 1
    assert counts(store) == [0, 0, 0, 0]


@pytest.mark.slow
def test_more_than_one_step_of_it_goes_at_once(store: Store) -> None:
    fail_some(store, range(1, 1102))
    tried(store, store.deliveries.due_together("crm", NOW, 5000), OK)
    fail_some(store, [9999])
    assert store.prune(after(_MONTH)) == 1101
    assert counts(store) == [1, 1, 0, 0]
    assert [delivery.state for delivery in listed.deliveries(store)] == [DeliveryState.QUEUED]


@pytest.mark.slow
def test_what_is_finished_and_not_old_yet_is_not_looked_at(store: Store) -> None:
    fail_some(store, range(1, 2001), NOW)
    store.messages.watch([7777], NOW)
    with plans(store) as found:
        store.prune(after(-1))
    of_messages = found[-1]
    assert "messages_status" in of_messages
    assert "events_subject" in of_messages
    assert not re.search(r"AUTOMATIC|SCAN events|Seq Scan", of_messages)


def test_a_finished_message_is_forgotten_and_never_repeats_an_event_id(own_store: Store) -> None:
    own_store.messages.watch([7], NOW)
    (first,) = observe(own_store, 7, Status.FAILED, NOW, to=())
    own_store.messages.unwatch([7])
    later = NOW + timedelta(days=31)
    own_store.prune(later)
    assert listed.messages(own_store, ids=[7]) == []
    assert own_store.messages.watch([7, 8], later) == [7, 8]
    (again,) = observe(own_store, 7, Status.FAILED, later, to=())
    (other,) = observe(own_store, 8, Status.FAILED, later, to=())
    assert (again.sequence, other.sequence) == (2, 1)
    assert again.id != first.id


def test_a_message_is_kept_while_it_is_listed_polled_or_told_of(own_store: Store) -> None:
    watchlist = Watchlist()
    watchlist.add(1)
    own_store.configure(watchlist, NOW, {})
    own_store.messages.watch([2, 3], NOW)
    observe(own_store, 1, Status.SENT, NOW, to=())
    observe(own_store, 3, Status.FAILED, NOW, to=("crm",))
    own_store.prune(NOW + timedelta(days=31))
    assert {shown.message.id for shown in listed.messages(own_store)} == {1, 2, 3}
