"""A clock that is set, by a day or by a summer hour: nothing is polled or retried early or late."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.daemon.housekeeping import follow_clock
from bridge.domain.clock import isoformat
from bridge.domain.health import REPORT
from bridge.domain.model import Status
from bridge.domain.numbers import Number
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.watchlist import Watchlist
from bridge.source.failure_tracker import FailureTracker
from bridge.store.facts import SWEPT
from tests.world import listed
from tests.world.clock import FakeClock
from tests.world.records import fail_some, observe, tried

if TYPE_CHECKING:
    from bridge.store.store import Store

DAY = timedelta(days=1)
STEPS = [DAY, -DAY, timedelta(hours=1), timedelta(hours=-1)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_polls_stay_as_far_away_as_they_were(store: Store, clock: FakeClock, step: timedelta) -> None:
    watchlist = Watchlist()
    for id_ in range(1, 101):
        watchlist.add(id_)
    store.configure(watchlist, clock.now() + timedelta(seconds=30), {})
    clock.jump_wall(step)
    assert not store.messages.claim(clock.now(), 1000, ()), "before the step is noticed, time goes on evenly"
    assert follow_clock(clock, store)
    assert not store.messages.claim(clock.now(), 1000, ())
    clock.advance(29)
    assert not store.messages.claim(clock.now(), 1000, ())
    clock.advance(1)
    assert len(store.messages.claim(clock.now(), 1000, ())) == 100
    assert not follow_clock(clock, store), "a step is followed once"


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_retries_stay_as_far_away_as_they_were(own_store: Store, clock: FakeClock, step: timedelta) -> None:
    own_store.messages.watch([7], clock.now())
    observe(own_store, 7, Status.FAILED, clock.now())
    (delivery,) = own_store.deliveries.due("crm", clock.now(), 10, ())
    tried(own_store, [delivery], Retry("HTTP 500"), clock.now())
    (waiting,) = listed.deliveries(own_store)
    wait = (waiting.due_at - clock.now()).total_seconds()
    clock.jump_wall(step)
    follow_clock(clock, own_store)
    clock.advance(wait - 0.1)
    assert not own_store.deliveries.due("crm", clock.now(), 10, ())
    clock.advance(0.2)
    assert [each.id for each in own_store.deliveries.due("crm", clock.now(), 10, ())] == [delivery.id]


def test_open_breaker_moves_with_the_clock(own_store: Store, clock: FakeClock) -> None:
    fail_some(own_store, [1, 2, 3], clock.now())
    for delivery in own_store.deliveries.due("crm", clock.now(), 10, ()):
        tried(own_store, [delivery], Retry("HTTP 500"), clock.now())
    before = own_store.deliveries.breaker("crm")
    assert before.is_open
    assert before.probe_at is not None
    clock.jump_wall(-DAY)
    follow_clock(clock, own_store)
    after = own_store.deliveries.breaker("crm")
    assert after.probe_at == before.probe_at - DAY


def test_what_a_wrong_clock_scheduled_before_the_start_is_brought_back(own_store: Store, clock: FakeClock) -> None:
    own_store.messages.watch([7], clock.now() + 300 * DAY)
    half_a_minute = clock.now() + timedelta(seconds=30)
    own_store.clamp_time(half_a_minute, half_a_minute, clock.now())
    clock.advance(30)
    assert [message.id for message in own_store.messages.claim(clock.now(), 10, ())] == [7]


def test_a_small_unevenness_is_no_step(store: Store, clock: FakeClock) -> None:
    clock.jump_wall(timedelta(seconds=1))
    assert not follow_clock(clock, store)


def test_what_was_delivered_is_left_alone(own_store: Store, clock: FakeClock) -> None:
    fail_some(own_store, [1], clock.now())
    (delivery,) = own_store.deliveries.due("crm", clock.now(), 10, ())
    tried(own_store, [delivery], Delivered(), clock.now())
    (before,) = listed.deliveries(own_store)
    clock.jump_wall(DAY)
    follow_clock(clock, own_store)
    assert listed.deliveries(own_store) == [before]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_number_that_is_away_is_reported_when_it_has_settled(
    sqlite_store: Store, clock: FakeClock, step: timedelta
) -> None:
    away, settle = [Number(1, "4915100000001", connected=False)], timedelta(seconds=60)

    def look() -> int:
        return len(sqlite_store.health_events.record_numbers(away, clock.now(), settle, clock.now() + settle, ()))

    assert look() == 0
    clock.jump_wall(step)
    assert follow_clock(clock, sqlite_store)
    clock.advance(59)
    assert look() == 0
    clock.advance(1)
    assert look() == 1


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_failure_lasts_no_longer_by_another_clock(sqlite_store: Store, clock: FakeClock, step: timedelta) -> None:
    standing = FailureTracker(sqlite_store, REPORT, timedelta(seconds=60), clock)
    standing.worked()
    standing.failed("HTTP 502")
    clock.jump_wall(step)
    follow_clock(clock, sqlite_store)
    clock.advance(59)
    standing.failed("HTTP 502")
    assert not sqlite_store.fact(REPORT)
    clock.advance(1)
    standing.failed("HTTP 502")
    assert sqlite_store.fact(REPORT)


def test_report_that_was_read_is_as_old_as_before(sqlite_store: Store, clock: FakeClock) -> None:
    sqlite_store.set_fact(SWEPT, isoformat(clock.now()))
    clock.jump_wall(DAY)
    follow_clock(clock, sqlite_store)
    assert sqlite_store.fact(SWEPT) == isoformat(clock.now())


def test_others_see_the_wall_clock_before_it_is_followed(clock: FakeClock) -> None:
    before = clock.now()
    clock.jump_wall(-DAY)
    assert (clock.now(), clock.wall()) == (before, before - DAY)
