"""What follows from an attempt, and how soon a receiver that was away is found: whole outages in milliseconds."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.domain.breaker import REFUSALS, CircuitBreaker
from bridge.domain.delivery_decision import Decision, Round, decide, divided
from bridge.domain.model import Delivery, DeliveryState, Event, EventType
from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from bridge.domain.retry import LIFETIME, LONGEST_WAIT, SHORTEST_PAUSE
from tests.world.clock import START, FakeClock

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
MISSING = Retry("HTTP 404 Not Found")
BROKEN = Retry("HTTP 502 Bad Gateway", quick=True)
REFUSED = Retry("HTTP 422 Unprocessable Content", about_event=True)
GONE = Dead("HTTP 410 Gone")
FAULTY = Dead("exit code 1", about_event=True)


def queued(number: int = 1, at: datetime = START, **more: Any) -> Delivery:
    event = Event(f"evt_{number}", EventType.MESSAGE_FAILED, at, f"message/{number}", 1, {}, number)
    return replace(Delivery(number, event, "crm", DeliveryState.QUEUED, 0, at, at, at), **more)


class Receiver:
    """One receiver's breaker and deliveries, with decisions carried out as the queue does, on a clock of its own."""

    def __init__(self, jitter: float = 0.0, concurrency: int = 4) -> None:
        self.clock = FakeClock()
        self.jitter = jitter
        self.concurrency = concurrency
        self.breaker = CircuitBreaker("crm")
        self.all: dict[int, Delivery] = {}

    def queue(self, count: int = 1) -> None:
        for number in range(len(self.all) + 1, len(self.all) + count + 1):
            self.all[number] = queued(number, self.clock.now())

    @property
    def still_queued(self) -> list[Delivery]:
        return [delivery for delivery in self.all.values() if delivery.state is DeliveryState.QUEUED]

    def claim(self, room: int, busy: frozenset[int] = frozenset()) -> tuple[list[Delivery], bool]:
        """List what would go now, as the dispatcher does, and tell whether it is a probe."""
        now = self.clock.now()
        most = self.breaker.admits(now, len(busy), room)
        free = [delivery for delivery in self.still_queued if delivery.id not in busy]
        due = sorted(
            (delivery for delivery in free if delivery.due_at <= now),
            key=lambda delivery: (delivery.due_at, delivery.id),
        )
        probe = self.breaker.is_open or (bool(most) and not due and self.breaker.wants_probe(now, len(busy)))
        if not probe:
            return due[:most], False
        known = [each for each in free if each.due_at <= now or each.id not in self.breaker.refused]
        known.sort(key=lambda delivery: (delivery.attempts + delivery.probes, delivery.id))
        return known[: min(most, 1)], True

    def end(self, ids: list[int], outcome: Outcome, *, probe: bool, began: datetime | None = None) -> Decision:
        now, before = self.clock.now(), self.breaker
        made = Round(tuple(self.all[number] for number in ids), outcome, began or now, now, probe)
        decision = decide(made, before, concurrency=self.concurrency, jitter=lambda: self.jitter)
        self.breaker = decision.breaker
        for delivery in decision.deliveries:
            if self.all[delivery.id].state is DeliveryState.QUEUED:
                self.all[delivery.id] = delivery
        for delivery in self.still_queued:
            if decision.release and delivery.due_at > now:
                self.all[delivery.id] = replace(delivery, due_at=now)
            if decision.expire_before is not None and delivery.first_due_at < decision.expire_before:
                self.all[delivery.id] = replace(delivery, state=DeliveryState.DEAD, finished_at=now)
        return decision

    def next_moment(self) -> datetime | None:
        """Return when something may go, as the dispatcher computes it; None if only something new can change that."""
        now = self.clock.now()
        moments = [delivery.due_at for delivery in self.still_queued]
        if self.breaker.failures or self.breaker.paused_until:
            moments += [each for each in (self.breaker.probe_at, self.breaker.paused_until) if each is not None]
        return min((moment for moment in moments if moment > now), default=None)

    def try_next(self, outcome: Outcome, room: int = 1) -> list[int]:
        """Wait until something may go, and let it all end in the same way."""
        while not (claimed := self.claim(room))[0]:
            moment = self.next_moment()
            assert moment is not None, "nothing would ever be tried again"
            self.clock.advance((moment - self.clock.now()).total_seconds())
        ids = [delivery.id for delivery in claimed[0]]
        for number in ids:
            self.end([number], outcome, probe=claimed[1])
        return ids


def test_event_refused_for_three_days_costs_35_posts_and_nobody_hears_of_it() -> None:
    crm, posts = Receiver(), 0
    crm.queue()
    while crm.still_queued:
        crm.try_next(REFUSED)
        posts += 1
        assert not crm.breaker.is_open
        assert crm.breaker.changes_at(timedelta(0)) is None
    assert posts == 35
    assert crm.clock.now() - START == LIFETIME
    assert crm.all[1].state is DeliveryState.DEAD
    assert crm.all[1].reason == f"given up after 75 hours and 35 attempts; the last: {REFUSED.why}"


def test_first_attempt_that_comes_too_late_is_the_only_one() -> None:
    crm = Receiver()
    crm.queue()
    crm.clock.advance(LIFETIME.total_seconds())
    crm.try_next(REFUSED)
    assert crm.all[1].reason == f"given up after 75 hours and 1 attempt; the last: {REFUSED.why}"


def test_refused_event_keeps_its_schedule_while_the_breaker_is_open() -> None:
    """Its receiver was away when it came: it is no probe before its time, or it would be sent each minute for days."""
    crm, posts = Receiver(), 0
    crm.queue()
    for _ in range(3):
        crm.try_next(BROKEN)
    assert crm.breaker.is_open
    while crm.still_queued:
        crm.try_next(REFUSED)
        posts += 1
    assert posts <= 36


@pytest.mark.parametrize("failure", [MISSING, BROKEN])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_delivery_to_a_receiver_that_never_comes_back_is_dead_after_75_hours(failure: Retry, jitter: float) -> None:
    crm = Receiver(jitter)
    crm.queue()
    while crm.still_queued:
        crm.try_next(failure)
    assert LIFETIME <= crm.clock.now() - START <= LIFETIME + timedelta(minutes=1)
    assert crm.all[1].reason == f"given up after 75 hours; the last: {failure.why}"
    assert crm.all[1].probes > 4000, "probes go on for all of that time"
    assert crm.all[1].attempts <= 3, "and use up no step"


def test_failed_probe_uses_up_no_step_and_the_next_one_carries_another() -> None:
    crm = Receiver()
    crm.queue(3)
    for _ in range(3):
        crm.end([1], BROKEN, probe=False)
    used = crm.all[1].attempts
    assert [crm.try_next(BROKEN) for _ in range(6)] == [[2], [3], [2], [3], [2], [3]]
    assert [crm.all[number].attempts for number in (1, 2, 3)] == [used, 0, 0]
    crm.queue()
    assert crm.try_next(BROKEN) == [4], "a new event may be the probe"


def test_event_at_which_the_server_fails_holds_up_no_others() -> None:
    """A probe that carries it fails each time; the next one carries another event, which closes the breaker."""
    crm = Receiver()
    crm.queue(5)
    while len(crm.still_queued) > 1:
        ids, probe = crm.claim(1)
        if not ids:
            moment = crm.next_moment()
            assert moment is not None
            crm.clock.advance((moment - crm.clock.now()).total_seconds())
        for delivery in ids:
            crm.end([delivery.id], BROKEN if delivery.id == 1 else Delivered(), probe=probe)
    assert crm.clock.now() - START < timedelta(minutes=1)
    assert [delivery.id for delivery in crm.still_queued] == [1]


def test_everything_queued_follows_at_once_when_the_receiver_is_back() -> None:
    crm = Receiver()
    crm.queue(100)
    for _ in range(60):
        crm.try_next(BROKEN, room=4)
    assert crm.breaker.is_open
    assert crm.clock.now() - START > timedelta(minutes=10)
    back = crm.clock.now()
    rounds = []
    while crm.still_queued:
        rounds.append(len(crm.try_next(Delivered(), room=16)))
    assert rounds[:3] == [1, 1, 2]
    assert max(rounds) == 16
    assert crm.clock.now() - back <= timedelta(minutes=1)
    assert crm.breaker == CircuitBreaker("crm")


def test_burst_costs_a_dead_receiver_few_attempts() -> None:
    crm, posts = Receiver(), 0
    crm.queue(1000)
    while crm.clock.now() - START < HOUR:
        posts += len(crm.try_next(BROKEN, room=4))
    assert posts <= 90


@pytest.mark.slow
@pytest.mark.parametrize("failure", [BROKEN, GONE, REFUSED, Retry("HTTP 429", SECOND), Retry("503", timedelta(days=9))])
def test_everything_ends_where_a_receiver_never_comes_back(failure: Outcome) -> None:
    crm = Receiver(jitter=1.0)
    crm.queue(20)
    while not crm.breaker.is_open:
        crm.try_next(BROKEN, room=4)
    for _ in range(300_000):
        if not crm.still_queued:
            break
        crm.try_next(failure, room=4)
    assert {delivery.state for delivery in crm.all.values()} == {DeliveryState.DEAD}
    assert crm.clock.now() - START <= LIFETIME + LONGEST_WAIT + HOUR


def test_what_the_receiver_will_never_take_is_dead_at_once_and_the_receiver_fails() -> None:
    crm = Receiver()
    crm.queue(3)
    crm.end([1], GONE, probe=False)
    assert (crm.all[1].state, crm.all[1].attempts, crm.all[1].reason) == (DeliveryState.DEAD, 1, GONE.why)
    assert crm.breaker.is_open
    assert crm.claim(9) == ([], True)


def test_programs_that_refuse_five_events_in_a_row_count_as_down() -> None:
    crm = Receiver()
    crm.queue(REFUSALS + 1)
    for number in range(1, REFUSALS + 1):
        assert not crm.breaker.is_open
        crm.end([number], FAULTY, probe=False)
        assert crm.all[number].state is DeliveryState.DEAD
    assert crm.breaker.is_open
    assert crm.all[REFUSALS + 1].state is DeliveryState.QUEUED


def test_digest_of_five_refused_events_counts_as_five() -> None:
    carried = tuple(queued(number) for number in range(1, 6))
    made = Round(carried, REFUSED, START, START)
    decision = decide(made, CircuitBreaker("ops"), concurrency=1, jitter=float)
    assert decision.breaker.is_open
    assert {each.attempts for each in decision.deliveries} == {1}


def test_divided_batch_costs_neither_an_attempt_nor_the_breaker_anything() -> None:
    before = (queued(1), queued(2))
    decision = divided(before, MISSING, CircuitBreaker("crm"))
    assert decision.breaker == CircuitBreaker("crm")
    assert [replace(each, reason=None) for each in decision.deliveries] == list(before)
    assert decision.deliveries[0].reason == f"refused as one of 2 in a batch: {MISSING.why}"


def test_success_in_flight_when_the_breaker_opened_closes_it() -> None:
    crm = Receiver()
    crm.queue(4)
    for number in range(1, 4):
        crm.end([number], BROKEN, probe=False)
    assert crm.end([4], Delivered(), probe=False).release
    assert [delivery.id for delivery in crm.claim(9)[0]] == [1], "one call at first"


def test_waiting_as_asked_uses_up_time_and_no_step() -> None:
    crm = Receiver()
    crm.queue()
    for _ in range(75):
        crm.try_next(Retry("HTTP 503", HOUR))
        assert (crm.all[1].state, crm.all[1].attempts) == (DeliveryState.QUEUED, 0)
    crm.try_next(Retry("HTTP 503", HOUR))
    assert crm.clock.now() - START == LIFETIME
    assert crm.all[1].state is DeliveryState.DEAD
    assert "the last: HTTP 503" in (crm.all[1].reason or "")


# How soon a receiver that was away is found


@dataclass
class Outage:
    """A receiver that is away from the start, and comes back.

    Args:
        away: For how many seconds.
        failure: What attempts end with meanwhile.
        hangs: How many seconds such an attempt takes.
        arrivals: When events come.
        poisoned: Those of them, by number, that the receiver refuses for their own sake when it is back.
        concurrency: Calls in flight at once.
        tries: How many calls an attempt makes at once (the quick tries), unless it is a probe.
    """

    away: float
    failure: Outcome
    hangs: float
    arrivals: list[float]
    poisoned: frozenset[int]
    concurrency: int
    tries: int
    seed: int

    def found_at(self) -> float:
        """Return when a call reaches the receiver first after its return, for an event that it takes."""
        chance = random.Random(self.seed)
        crm = Receiver(concurrency=self.concurrency)
        flying: list[tuple[float, int, bool, float, int]] = []  # ends, delivery, probe, began, tries left
        coming = sorted(self.arrivals)
        now = 0.0
        for _ in range(100_000):
            crm.jitter = chance.random()
            while coming and coming[0] <= now:
                coming.pop(0)
                crm.queue()
            for each in sorted(each for each in flying if each[0] <= now):
                flying.remove(each)
                _, number, probe, began, left = each
                if left and not probe and not crm.breaker.is_open:
                    if now >= self.away and number not in self.poisoned:
                        return now
                    flying.append(self._call(number, probe, now, left - 1))
                    continue
                outcome = self.failure if began < self.away else REFUSED
                crm.end([number], outcome, probe=probe, began=START + timedelta(seconds=began))
            busy = frozenset(number for _, number, *_ in flying)
            claimed, probe = crm.claim(self.concurrency - len(flying), busy)
            for delivery in claimed:
                if now >= self.away and delivery.id not in self.poisoned:
                    return now
                flying.append(self._call(delivery.id, probe, now, self.tries - 1))
            moment = crm.next_moment()
            times = [each[0] for each in flying] + coming[:1]
            times += [] if moment is None else [(moment - START).total_seconds()]
            later = min((time for time in times if time > now), default=None)
            if later is None:
                assert any(each[0] <= now for each in flying), "nothing would ever find it"
                continue
            now = max(later, now)
            crm.clock.advance(max(0.0, now - crm.clock.monotonic()))
        raise AssertionError("not found")

    def _call(self, number: int, probe: bool, now: float, left: int) -> tuple[float, int, bool, float, int]:
        took = max(self.hangs, 0.001) if now < self.away else 0.001
        return now + took, number, probe, now, left if now < self.away else 0


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    away=st.floats(0.1, 120) | st.floats(1, 10**5),
    failure=st.sampled_from([BROKEN, MISSING]),
    hangs=st.sampled_from([0.0, 0.01, 1.0, 15.0]),
    arrivals=st.lists(st.floats(0, 1), max_size=5) | st.lists(st.floats(0, 200), max_size=60),
    poisoned=st.frozensets(st.integers(2, 60), max_size=REFUSALS - 1),
    concurrency=st.sampled_from([1, 4, 16]),
    seed=st.integers(0, 10**6),
)
def test_receiver_away_for_n_seconds_is_found_within_a_third_of_that_or_a_minute(
    away: float,
    failure: Retry,
    hangs: float,
    arrivals: list[float],
    poisoned: frozenset[int],
    concurrency: int,
    seed: int,
) -> None:
    """Whatever the traffic, the jitter and the kind of failure; and later by one time-out where it hangs."""
    tries = 3 if failure.quick else 1
    outage = Outage(away, failure, hangs, [0.0, *arrivals], poisoned, concurrency, tries, seed)
    found_after = outage.found_at() - away
    assert found_after <= min(max(5.0, away / 3), 60.0) + hangs + 0.1


def test_outage_of_any_length_is_found_within_a_minute_of_its_end() -> None:
    for away in (1, 5, 10, 45, 200, 600, 3600, 86400):
        outage = Outage(away, BROKEN, 0, [0.0], frozenset(), 4, 3, seed=7)
        assert outage.found_at() - away <= min(max(5, away / 3), 60) + 0.1, away


@given(
    outcome=st.sampled_from([Delivered(), BROKEN, MISSING, REFUSED, GONE, FAULTY])
    | st.timedeltas().map(lambda wait: Retry("x", wait)),
    carried=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=5),
    breaker=st.builds(
        CircuitBreaker,
        receiver=st.just("crm"),
        failures=st.integers(0, 10**6),
        failing_since=st.none() | st.just(START),
        is_open=st.booleans(),
        probe_at=st.none() | st.just(START),
        paused_until=st.none() | st.just(START + HOUR),
        refused=st.lists(st.integers(50, 60), max_size=5, unique=True).map(tuple),
        allowed=st.none() | st.integers(1, 8),
        down_since=st.none() | st.just(START),
    ),
    probe=st.booleans(),
    jitter=st.floats(0, 1),
)
def test_every_outcome_leaves_every_delivery_accounted_for(
    outcome: Outcome, carried: list[tuple[int, int]], breaker: CircuitBreaker, probe: bool, jitter: float
) -> None:
    before = tuple(queued(number, attempts=made[0], probes=made[1]) for number, made in enumerate(carried))
    made = Round(before, outcome, START, START, probe)
    decision = decide(made, breaker, concurrency=4, jitter=lambda: jitter)
    assert [delivery.id for delivery in decision.deliveries] == list(range(len(carried)))
    for earlier, later in zip(before, decision.deliveries, strict=True):
        assert (later.event, later.first_due_at, later.created_at) == (earlier.event, START, START)
        assert 0 <= (later.attempts - earlier.attempts) + (later.probes - earlier.probes) <= 1
        if later.state is DeliveryState.QUEUED:
            assert START <= later.due_at <= START + LONGEST_WAIT
            assert later.reason
        else:
            assert later.finished_at == START
        assert (later.state is DeliveryState.DELIVERED) == isinstance(outcome, Delivered)
    after = decision.breaker
    assert after.paused_until is None or after.paused_until >= START
    assert len(after.refused) <= REFUSALS
    if isinstance(outcome, Delivered):
        assert not after.is_open
        assert decision.release == breaker.is_open
    elif breaker.is_open:
        assert after.is_open, "only a success closes it"
    if outcome in (REFUSED, FAULTY) and len(after.refused) < REFUSALS:
        assert after.is_open == breaker.is_open, "what speaks of one event neither opens nor closes it"


class Life(RuleBasedStateMachine):
    """A receiver that does as it likes, with several attempts in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = Receiver()
        self.flying: list[tuple[int, bool]] = []

    @rule(count=st.integers(1, 8))
    def events_come(self, count: int) -> None:
        self.crm.queue(count)

    @rule(seconds=st.sampled_from([0.5, 5, 60, 3600, 86400]) | st.floats(0, 10**5))
    def time_passes(self, seconds: float) -> None:
        self.crm.clock.advance(seconds)

    @rule(room=st.integers(1, 4))
    def attempts_start(self, room: int) -> None:
        busy = frozenset(number for number, _ in self.flying)
        claimed, probe = self.crm.claim(room, busy)
        self.flying += [(delivery.id, probe) for delivery in claimed]

    @rule(
        data=st.data(),
        outcome=st.sampled_from([Delivered(), BROKEN, BROKEN, BROKEN, REFUSED, REFUSED, GONE, FAULTY])
        | st.timedeltas(max_value=timedelta(days=2)).map(lambda wait: Retry("HTTP 429", wait)),
        jitter=st.floats(0, 1),
    )
    @precondition(lambda self: self.flying)
    def an_attempt_ends(self, data: st.DataObject, outcome: Outcome, jitter: float) -> None:
        number, probe = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.crm.jitter = jitter
        asked = self.crm.breaker.paused_until
        self.crm.end([number], outcome, probe=probe)
        now = self.crm.clock.now()
        if asked is not None and asked > now:
            assert self.crm.breaker.paused_until is not None
            assert self.crm.breaker.paused_until >= asked

    @invariant()
    def every_delivery_is_in_one_of_the_three_states(self) -> None:
        for delivery in self.crm.all.values():
            assert (delivery.finished_at is None) == (delivery.state is DeliveryState.QUEUED)

    @invariant()
    def what_is_queued_has_a_time_that_comes(self) -> None:
        for delivery in self.crm.still_queued:
            assert delivery.due_at <= self.crm.clock.now() + LONGEST_WAIT

    @invariant()
    def an_open_breaker_admits_exactly_one(self) -> None:
        breaker, later = self.crm.breaker, self.crm.clock.now() + LONGEST_WAIT
        if breaker.is_open:
            assert breaker.admits(later, 0, 16) == 1
            assert breaker.admits(later, 1, 16) == 0
        else:
            assert breaker.admits(later, 0, 16) >= 1

    def teardown(self) -> None:
        """Nothing is queued for ever: let everything fail from now on, and wait for the end of it."""
        begun = self.crm.clock.now()
        for number, probe in self.flying:
            self.crm.end([number], BROKEN, probe=probe)
        while self.crm.still_queued:
            before = self.crm.clock.now()
            self.crm.try_next(BROKEN, room=4)
            self.crm.clock.advance(3600 if self.crm.clock.now() - before < HOUR else SHORTEST_PAUSE.total_seconds())
            assert self.crm.clock.now() - begun <= LIFETIME + 2 * LONGEST_WAIT


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
