"""When a delivery is tried again, and when it is given up: the table of the documentation, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.model import Dead, Delivered, Delivery, DeliveryState, Event, EventType, Outcome, Retry
from bridge.retry import (
    ASKS_IN_VAIN,
    JITTER,
    LIFETIME,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    SCHEDULE,
    SHORTEST_PAUSE,
    SHORTEST_PROBE_PAUSE,
    SHUTS_AFTER,
    Change,
    Decision,
    Gate,
    decide,
    divided,
)
from tests.world.clock import START, FakeClock

WAITS = ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
REFUSED = Retry("HTTP 404 Not Found")
BROKEN = Retry("HTTP 502 Bad Gateway", quick=True)
GONE = Dead("HTTP 410 Gone")


def owed(number: int = 1, at: datetime = START, attempts: int = 0) -> Delivery:
    event = Event(f"evt_{number}", EventType.MESSAGE_FAILED, at, f"message/{number}", 1, {}, number)
    return Delivery(number, event, "crm", DeliveryState.OWED, attempts, at, at, at)


class Receiver:
    """One receiver's gate and deliveries, with decisions carried out as the ledger does, on a clock of its own."""

    def __init__(self, jitter: float = 0.0) -> None:
        self.clock = FakeClock()
        self.jitter = jitter
        self.gate = Gate("crm")
        self.all: dict[int, Delivery] = {}
        self.told: list[Change] = []

    def owe(self, count: int = 1) -> None:
        for number in range(len(self.all) + 1, len(self.all) + count + 1):
            self.all[number] = owed(number, self.clock.now())

    @property
    def still_owed(self) -> list[Delivery]:
        return [delivery for delivery in self.all.values() if delivery.state is DeliveryState.OWED]

    def claim(self, room: int, busy: frozenset[int] = frozenset()) -> list[Delivery]:
        """List what would go now: through a shut gate what was tried least, due or not; else what is due."""
        most = self.gate.admits(self.clock.now(), len(busy), room)
        free = [delivery for delivery in self.still_owed if delivery.id not in busy]
        if self.gate.shut:
            return sorted(free, key=lambda delivery: (delivery.attempts, delivery.id))[:most]
        return sorted(
            (delivery for delivery in free if delivery.due_at <= self.clock.now()),
            key=lambda delivery: (delivery.due_at, delivery.id),
        )[:most]

    def end(self, ids: list[int], outcome: Outcome, *, probe: bool) -> Decision:
        now, before = self.clock.now(), self.gate
        carried = tuple(self.all[number] for number in ids)
        decision = decide(carried, outcome, before, probe=probe, now=now, jitter=lambda: self.jitter)
        self.gate = decision.gate
        for delivery in decision.deliveries:
            if self.all[delivery.id].state is DeliveryState.OWED:
                self.all[delivery.id] = delivery
        for delivery in self.still_owed:
            if decision.release and delivery.due_at > now:
                self.all[delivery.id] = replace(delivery, due_at=now)
            if decision.expire_before is not None and delivery.first_due_at < decision.expire_before:
                self.all[delivery.id] = replace(delivery, state=DeliveryState.DEAD, finished_at=now)
        if decision.change is not None:
            self.told.append(decision.change)
        return decision

    def try_next(self, outcome: Outcome, room: int = 1) -> list[int]:
        """Wait until something may go, and let it all end in the same way."""
        self.wait_for_next()
        probe, ids = self.gate.shut, [delivery.id for delivery in self.claim(room)]
        for number in ids:
            self.end([number], outcome, probe=probe)
        return ids

    def wait_for_next(self) -> None:
        now = self.clock.now()
        next_due = self.gate.probe_at if self.gate.shut else min(delivery.due_at for delivery in self.still_owed)
        moments = [moment for moment in (next_due, self.gate.paused_until) if moment is not None]
        self.clock.advance(max(0.0, (max(moments) - now).total_seconds()))


def test_the_schedule_is_the_one_that_the_documentation_promises() -> None:
    assert [timedelta(**{UNITS[wait[-1]]: int(wait[:-1])}) for wait in WAITS] == list(SCHEDULE)
    assert timedelta(hours=75) <= LIFETIME < timedelta(hours=76)
    assert timedelta(hours=26.4) == LONGEST_WAIT


@pytest.mark.parametrize("failure", [REFUSED, BROKEN])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_one_delivery_is_tried_ten_times_over_75_hours_and_then_given_up(failure: Retry, jitter: float) -> None:
    crm = Receiver(jitter)
    crm.owe()
    tried_at = []
    while crm.still_owed:
        crm.try_next(failure)
        tried_at.append(crm.clock.now() - START)
    stretched = [wait * (1 + JITTER * jitter) for wait in SCHEDULE]
    assert tried_at == [sum(stretched[:count], timedelta(0)) for count in range(10)]
    assert crm.all[1].state is DeliveryState.DEAD
    assert crm.all[1].attempts == 10
    assert crm.all[1].finished_at == crm.clock.now()
    assert crm.all[1].reason == f"given up after 10 attempts; the last: {failure.why}"
    assert crm.told == [Change.DOWN]


def test_what_is_refused_for_its_own_sake_shuts_the_gate_only_when_it_is_three_in_a_row() -> None:
    crm = Receiver()
    for _ in range(4):
        crm.owe()
    for number in (1, 2):
        crm.end([number], Dead("exit code 1", about_event=True), probe=False)
        assert crm.all[number].state is DeliveryState.DEAD
        assert not crm.gate.shut
    crm.end([3], Dead("exit code 1", about_event=True), probe=False)
    assert (crm.gate.shut, crm.told) == (True, [Change.DOWN])
    assert crm.all[4].state is DeliveryState.OWED


def test_what_is_divided_costs_neither_an_attempt_nor_the_gate_anything() -> None:
    crm = Receiver()
    crm.owe()
    crm.owe()
    before = tuple(crm.all.values())
    decision = divided(before, REFUSED, crm.gate)
    assert decision.gate == crm.gate
    assert [replace(each, reason=None) for each in decision.deliveries] == list(before)
    assert decision.deliveries[0].reason == f"refused as one of 2 in a batch: {REFUSED.why}"


def test_a_delivery_that_succeeds_at_last_is_delivered() -> None:
    crm = Receiver()
    crm.owe()
    for _ in range(9):
        crm.try_next(BROKEN)
    crm.try_next(Delivered())
    assert (crm.all[1].state, crm.all[1].attempts, crm.all[1].reason) == (DeliveryState.DELIVERED, 10, None)
    assert crm.told == [Change.DOWN, Change.UP]
    assert crm.gate == Gate("crm")


def test_the_gate_shuts_at_the_third_failure_in_a_row_and_says_so_once() -> None:
    gate, told = Gate("crm"), []
    for number in range(1, 6):
        decision = decide((owed(number),), BROKEN, gate, probe=False, now=START, jitter=float)
        gate = decision.gate
        told.append(decision.change)
    assert told == [None, None, Change.DOWN, None, None]
    assert (gate.shut, gate.failures, gate.failing_since) == (True, 5, START)


def test_a_success_in_between_keeps_the_gate_open() -> None:
    crm = Receiver()
    crm.owe(20)
    for number in range(1, 21):
        crm.end([number], Delivered() if number % SHUTS_AFTER == 0 else BROKEN, probe=False)
    assert not crm.gate.shut
    assert crm.told == []


def test_a_burst_of_100_costs_a_dead_receiver_a_handful_of_attempts_and_all_go_when_it_is_back() -> None:
    crm = Receiver()
    crm.owe(100)
    tried = [len(crm.try_next(BROKEN, room=4))]
    assert crm.gate.shut
    assert crm.gate.step == 1
    while crm.clock.now() - START < 3 * HOUR:
        tried.append(len(crm.try_next(BROKEN, room=4)))
    assert tried == [4, 1, 1, 1, 1, 1]
    assert max(delivery.attempts for delivery in crm.all.values()) == 1
    assert crm.try_next(Delivered(), room=4) == [10]
    assert len(crm.claim(room=1000)) == 99
    while crm.still_owed:
        crm.try_next(Delivered(), room=4)
    assert crm.told == [Change.DOWN, Change.UP]


@pytest.mark.parametrize("failure", [BROKEN, GONE, Retry("HTTP 429", SECOND), Retry("HTTP 503", timedelta(days=9))])
def test_a_burst_of_100_to_a_receiver_that_never_comes_back_ends_within_four_days_and_a_bit(failure: Outcome) -> None:
    crm = Receiver(jitter=1.0)
    crm.owe(100)
    while not crm.gate.shut:
        crm.try_next(BROKEN, room=4)
    for _ in range(300_000):
        if not crm.still_owed:
            break
        if isinstance(failure, Retry) and failure.after == SECOND:
            crm.clock.advance(3600)  # every second is too many for a test; no rule looks at how many there were
        crm.try_next(failure, room=4)
    assert {delivery.state for delivery in crm.all.values()} == {DeliveryState.DEAD}
    assert crm.clock.now() - START <= LIFETIME + LONGEST_WAIT + HOUR
    assert crm.told == [Change.DOWN]


def test_attempts_that_were_in_flight_when_the_gate_shut_do_not_put_off_the_probe() -> None:
    crm = Receiver()
    crm.owe(10)
    for number in range(1, 4):
        crm.end([number], BROKEN, probe=False)
    probe_at = crm.gate.probe_at
    crm.clock.advance(3)
    for number in range(4, 11):
        crm.end([number], GONE if number % 2 else BROKEN, probe=False)
    assert crm.gate.probe_at == probe_at
    assert crm.gate.failing_since == START
    assert crm.gate.step == 1
    assert crm.gate.failures == 10


def test_a_success_that_was_in_flight_when_the_gate_shut_opens_it() -> None:
    crm = Receiver()
    crm.owe(4)
    for number in range(1, 4):
        crm.end([number], BROKEN, probe=False)
    assert crm.end([4], Delivered(), probe=False).release
    assert crm.told == [Change.DOWN, Change.UP]
    assert [delivery.id for delivery in crm.claim(room=9)] == [1, 2, 3]


def test_a_probe_that_comes_back_to_an_open_gate_is_an_ordinary_failure() -> None:
    decision = decide((owed(),), BROKEN, Gate("crm"), probe=True, now=START, jitter=float)
    assert (decision.gate.shut, decision.gate.failures, decision.expire_before) == (False, 1, None)


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        (timedelta(0), SHORTEST_PAUSE),
        (timedelta(seconds=-5), SHORTEST_PAUSE),
        (timedelta.min, SHORTEST_PAUSE),
        (timedelta(milliseconds=1), SHORTEST_PAUSE),
        (timedelta(seconds=17), timedelta(seconds=17)),
        (timedelta(days=1), LONGEST_PAUSE),
        (timedelta(days=400), LONGEST_PAUSE),
        (timedelta(seconds=10**9), LONGEST_PAUSE),
        (timedelta.max, LONGEST_PAUSE),
    ],
)
def test_retry_after_is_obeyed_within_bounds(asked: timedelta, given_: timedelta) -> None:
    decision = decide((owed(),), Retry("HTTP 429", asked), Gate("crm"), probe=False, now=START, jitter=lambda: 1.0)
    assert decision.deliveries[0].due_at == START + given_
    assert decision.gate.paused_until == START + given_
    assert decision.change is None


def test_nothing_else_goes_before_the_time_that_the_receiver_asked_for() -> None:
    crm = Receiver()
    crm.owe(10)
    crm.end([1], Retry("HTTP 429", HOUR), probe=False)
    crm.clock.advance(3599)
    assert crm.claim(room=10) == []
    crm.clock.advance(1)
    assert len(crm.claim(room=10)) == 10


@pytest.mark.parametrize(
    "late", [Delivered(), BROKEN, Retry("HTTP 429", SECOND), GONE], ids=lambda late: type(late).__name__
)
def test_what_was_in_flight_does_not_shorten_the_wait_that_was_asked_for(late: Outcome) -> None:
    crm = Receiver()
    crm.owe(10)
    crm.end([1], Retry("HTTP 429", HOUR), probe=False)
    crm.clock.advance(1)
    crm.end([2], late, probe=False)
    crm.clock.advance(3598)
    assert crm.claim(room=10) == []


def test_a_wait_that_is_over_is_forgotten_at_the_next_success() -> None:
    crm = Receiver()
    crm.owe(2)
    crm.end([1], Retry("HTTP 429", HOUR), probe=False)
    crm.clock.advance(3600)
    crm.end([1], Delivered(), probe=False)
    assert crm.gate == Gate("crm")


def test_waiting_as_asked_uses_up_time_and_no_step_of_the_schedule() -> None:
    crm = Receiver()
    crm.owe()
    for _ in range(75):
        crm.try_next(Retry("HTTP 503", HOUR))
        assert (crm.all[1].state, crm.all[1].attempts) == (DeliveryState.OWED, 0)
    crm.try_next(Retry("HTTP 503", HOUR))
    crm.try_next(Retry("HTTP 503", HOUR))
    assert crm.clock.now() - START == timedelta(hours=76)
    assert crm.all[1].state is DeliveryState.DEAD
    assert "the last: HTTP 503" in (crm.all[1].reason or "")


def test_a_receiver_that_only_ever_asks_for_a_pause_counts_as_failing_in_the_end() -> None:
    crm = Receiver()
    crm.owe(2)
    asked = 0
    while not crm.told:
        crm.try_next(Retry("HTTP 429", SECOND))
        asked += 1
    assert crm.told == [Change.DOWN]
    assert crm.clock.now() - START == ASKS_IN_VAIN
    assert crm.gate.failures, "it is shown as failing"
    before = crm.clock.now()
    crm.try_next(Retry("HTTP 429", SECOND))
    crm.try_next(Retry("HTTP 429", SECOND))
    assert crm.clock.now() - before == 2 * SHORTEST_PROBE_PAUSE
    crm.try_next(Delivered())
    assert (crm.told, crm.gate) == ([Change.DOWN, Change.UP], Gate("crm"))


def test_a_receiver_that_takes_something_between_its_pauses_does_not_count_as_failing() -> None:
    crm = Receiver()
    crm.owe(200)
    while crm.still_owed:
        crm.try_next(Retry("HTTP 429", timedelta(minutes=10)))
        crm.try_next(Delivered())
    assert crm.told == []


def test_a_shut_gate_is_probed_when_the_receiver_said() -> None:
    crm = Receiver()
    crm.owe(5)
    for number in range(1, 4):
        crm.end([number], BROKEN, probe=False)
    crm.clock.advance(5)
    crm.end([4], Retry("HTTP 503", timedelta(minutes=7)), probe=True)
    assert crm.gate.probe_at == crm.gate.paused_until == crm.clock.now() + timedelta(minutes=7)
    assert crm.gate.shut


def test_what_the_receiver_will_never_take_is_dead_at_once_and_the_receiver_down() -> None:
    crm = Receiver()
    crm.owe(3)
    crm.end([1], GONE, probe=False)
    assert (crm.all[1].state, crm.all[1].attempts, crm.all[1].reason) == (DeliveryState.DEAD, 1, "HTTP 410 Gone")
    assert crm.told == [Change.DOWN]
    assert crm.claim(room=9) == []
    crm.clock.advance(5)
    assert [delivery.id for delivery in crm.claim(room=9)] == [2]
    crm.end([2], GONE, probe=True)
    assert crm.gate.probe_at == crm.clock.now() + timedelta(minutes=5)
    assert crm.told == [Change.DOWN]


def test_a_poison_event_does_not_keep_a_healthy_receiver_from_others_for_longer_than_a_probe() -> None:
    crm = Receiver()
    crm.owe(10)
    # The first event is refused each time; everything else is taken.
    while crm.still_owed:
        crm.wait_for_next()
        probe = crm.gate.shut
        for delivery in crm.claim(room=1):
            crm.end([delivery.id], REFUSED if delivery.id == 1 else Delivered(), probe=probe)
        if crm.clock.now() > START:
            assert {delivery.id for delivery in crm.still_owed} <= {1}
    assert crm.all[1].attempts == 10
    assert all(delivery.state is DeliveryState.DELIVERED for delivery in crm.all.values() if delivery.id != 1)


def test_a_probe_carries_what_was_tried_least_so_that_a_poison_event_opens_no_gate_and_shuts_none_for_good() -> None:
    crm = Receiver()
    crm.owe()
    for _ in range(SHUTS_AFTER):
        crm.try_next(REFUSED)
    assert crm.gate.shut
    crm.owe()
    assert crm.try_next(Delivered()) == [2]
    assert crm.gate == Gate("crm")
    assert crm.told == [Change.DOWN, Change.UP]


def test_a_digest_ends_in_the_same_way_for_all_that_it_told_of() -> None:
    digest = (owed(1), owed(2, attempts=3), owed(3, attempts=9))
    failed = decide(digest, BROKEN, Gate("ops"), probe=False, now=START, jitter=float).deliveries
    assert [delivery.state for delivery in failed] == [DeliveryState.OWED, DeliveryState.OWED, DeliveryState.DEAD]
    assert [delivery.attempts for delivery in failed] == [1, 4, 10]
    taken = decide(digest, Delivered(), Gate("ops"), probe=False, now=START, jitter=float).deliveries
    assert {delivery.state for delivery in taken} == {DeliveryState.DELIVERED}


def test_what_has_been_owed_for_all_of_its_time_is_given_up_by_a_failed_probe_and_not_by_a_failure_of_one_event() -> (
    None
):
    shut = Gate("crm", failures=9, failing_since=START, shut=True, step=9, probe_at=START)
    now = START + LIFETIME
    for failure in (BROKEN, GONE, Retry("HTTP 503", HOUR)):
        assert decide((owed(),), failure, shut, probe=True, now=now, jitter=float).expire_before == START
        for gate in (shut, Gate("crm")):
            assert decide((owed(),), failure, gate, probe=False, now=now, jitter=float).expire_before is None


@given(
    outcome=st.sampled_from([Delivered(), BROKEN, REFUSED, GONE]) | st.timedeltas().map(lambda wait: Retry("x", wait)),
    attempts=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    gate=st.builds(
        Gate,
        receiver=st.just("crm"),
        failures=st.integers(0, 10**6),
        failing_since=st.none() | st.just(START),
        shut=st.booleans(),
        step=st.integers(0, 10**6),
        probe_at=st.none() | st.just(START),
        paused_until=st.none() | st.just(START + HOUR),
    ),
    probe=st.booleans(),
    jitter=st.floats(0, 1),
)
def test_every_outcome_leaves_every_delivery_accounted_for(
    outcome: Outcome, attempts: list[int], gate: Gate, probe: bool, jitter: float
) -> None:
    carried = tuple(owed(number, attempts=made) for number, made in enumerate(attempts))
    decision = decide(carried, outcome, gate, probe=probe, now=START, jitter=lambda: jitter)
    assert [delivery.id for delivery in decision.deliveries] == list(range(len(attempts)))
    for before, after in zip(carried, decision.deliveries, strict=True):
        assert (after.event, after.first_due_at, after.created_at) == (before.event, START, START)
        assert before.attempts <= after.attempts <= before.attempts + 1
        if after.state is DeliveryState.OWED:
            assert START < after.due_at <= START + LONGEST_WAIT
            assert after.reason
        else:
            assert after.finished_at == START
        assert (after.state is DeliveryState.DELIVERED) == isinstance(outcome, Delivered)
    assert decision.gate.paused_until is None or decision.gate.paused_until >= START
    if isinstance(outcome, Delivered):
        assert not decision.gate.shut
    assert (decision.change is Change.UP) == (gate.shut and not decision.gate.shut)
    assert (decision.change is Change.DOWN) == (decision.gate.shut and not gate.shut)


class Life(RuleBasedStateMachine):
    """A receiver that does as it likes, with several attempts in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = Receiver()
        self.flying: list[tuple[int, bool]] = []

    @rule(count=st.integers(1, 8))
    def events_come(self, count: int) -> None:
        self.crm.owe(count)

    @rule(seconds=st.sampled_from([0.5, 5, 60, 3600, 86400]) | st.floats(0, 10**5))
    def time_passes(self, seconds: float) -> None:
        self.crm.clock.advance(seconds)

    @rule()
    @precondition(lambda self: self.crm.still_owed and not self.flying)
    def time_passes_until_something_is_due(self) -> None:
        self.crm.wait_for_next()

    @rule(room=st.integers(1, 4))
    def attempts_start(self, room: int) -> None:
        busy = frozenset(number for number, _ in self.flying)
        self.flying += [(delivery.id, self.crm.gate.shut) for delivery in self.crm.claim(room, busy)]

    @rule(
        data=st.data(),
        outcome=st.sampled_from([Delivered(), BROKEN, BROKEN, BROKEN, REFUSED, GONE])
        | st.timedeltas(max_value=timedelta(days=2)).map(lambda wait: Retry("HTTP 429", wait)),
        jitter=st.floats(0, 1),
    )
    @precondition(lambda self: self.flying)
    def an_attempt_ends(self, data: st.DataObject, outcome: Outcome, jitter: float) -> None:
        number, probe = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.crm.jitter = jitter
        asked = self.crm.gate.paused_until
        decision = self.crm.end([number], outcome, probe=probe)
        now = self.crm.clock.now()
        assert all(delivery.due_at > now for delivery in decision.deliveries if delivery.state is DeliveryState.OWED)
        if isinstance(outcome, Delivered):
            assert not self.crm.gate.shut
        if asked is not None and asked > now:
            assert self.crm.gate.paused_until is not None
            assert self.crm.gate.paused_until >= asked

    @invariant()
    def every_delivery_is_in_one_of_the_three_states_and_tried_ten_times_at_most(self) -> None:
        for delivery in self.crm.all.values():
            assert delivery.state in DeliveryState
            assert delivery.attempts <= len(SCHEDULE) + 1
            assert (delivery.finished_at is None) == (delivery.state is DeliveryState.OWED)

    @invariant()
    def what_is_owed_has_a_time_that_comes(self) -> None:
        for delivery in self.crm.still_owed:
            assert delivery.due_at <= self.crm.clock.now() + LONGEST_WAIT

    @invariant()
    def a_shut_gate_admits_exactly_one(self) -> None:
        gate, later = self.crm.gate, self.crm.clock.now() + LONGEST_WAIT
        assert gate.admits(later, 0, 16) == (1 if gate.shut else 16)
        assert gate.admits(later, 1, 16) == (0 if gate.shut else 16)
        if gate.shut:
            assert gate.probe_at is not None

    @invariant()
    def down_and_up_are_told_in_turn(self) -> None:
        turns = [Change.DOWN, Change.UP] * len(self.crm.told)
        assert self.crm.told == turns[: len(self.crm.told)]
        assert self.crm.gate.shut == (bool(self.crm.told) and self.crm.told[-1] is Change.DOWN)

    def teardown(self) -> None:
        """Nothing is owed for ever: let everything fail from now on, and wait for the end of it."""
        begun = self.crm.clock.now()
        for number, probe in self.flying:
            self.crm.end([number], BROKEN, probe=probe)
        while self.crm.still_owed:
            self.crm.try_next(BROKEN, room=4)
            assert self.crm.clock.now() - begun <= LIFETIME + 2 * LONGEST_WAIT


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
