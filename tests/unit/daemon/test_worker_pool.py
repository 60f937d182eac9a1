"""As many jobs are under way as may be, and the results handed back in batches. Real threads, no sleeping."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.daemon import result_recorder
from bridge.daemon.claim_depth import DEPTH, FAST_DEPTH, LEAD, depth
from bridge.daemon.worker_pool import MOST_RECORDED_AT_ONCE, WorkerPool
from bridge.domain.clock import SystemClock
from bridge.domain.errors import BridgeError, NotNowError
from tests.world.waiting import until

SOON = 10.0  # seconds after which a test that hangs fails; none waits for that long


@dataclass
class Bench:
    """A pool over a list of numbers, which squares them, each in a thread."""

    threads: int = 4
    work: Callable[[int], int] = lambda number: number * number
    due: list[int] = field(default_factory=list)
    rooms: list[int] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    claim_faults: list[Exception] = field(default_factory=list)
    record_faults: list[BridgeError] = field(default_factory=list)
    poison: frozenset[int] = frozenset()
    aside: list[tuple[int, str]] = field(default_factory=list)
    aside_faults: list[BridgeError] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    by: set[str] = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.pool: WorkerPool[int, int] = WorkerPool(
            "bench",
            self.threads,
            self,
            step_failed=lambda error: self.troubles.append(str(error)),
            failed=lambda error: self.faults.append(str(error)),
            clock=SystemClock(),
        )

    def claim(self, room: int) -> Sequence[int]:
        self.by.add(threading.current_thread().name)
        self.rooms.append(room)
        if self.claim_faults:
            raise self.claim_faults.pop(0)
        taken, self.due[:room] = self.due[:room], []
        self.in_flight += len(taken)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return taken

    def begin(self, number: int, done: Callable[[int | Exception], None]) -> None:
        def work() -> None:
            try:
                result: int | Exception = self.work(number)
            except Exception as error:  # noqa: BLE001 -- the pool is to hear of it
                result = error
            done(result)

        threading.Thread(target=work, name="bench-job", daemon=True).start()

    def record(self, results: Sequence[int]) -> None:
        self.by.add(threading.current_thread().name)
        if self.record_faults:
            raise self.record_faults.pop(0)
        if self.poison.intersection(results):
            raise OverflowError("date value out of range")
        self.in_flight -= len(results)
        self.batches.append(list(results))

    def set_aside(self, item: int, error: Exception) -> None:
        if self.aside_faults:
            raise self.aside_faults.pop(0)
        self.aside.append((item, str(error)))
        self.in_flight -= 1

    def next_due(self) -> float | None:
        return None

    @property
    def recorded(self) -> list[int]:
        return sorted(number for batch in self.batches for number in batch)

    def run(self, *numbers: int) -> None:
        self.due += numbers
        self.pool.wake()
        assert self.pool.wait_until_idle(SOON)


@pytest.fixture
def started() -> Iterator[Callable[[Bench], Bench]]:
    """Start benches, and see that every thread of theirs has ended when the test has."""
    benches: list[Bench] = []

    def start(bench: Bench) -> Bench:
        benches.append(bench)
        bench.pool.start()
        return bench

    yield start
    for bench in benches:
        bench.pool.stop(SOON)
    until(lambda: not living())


def living() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("bench")]


Start = Callable[[Bench], Bench]


def test_everything_that_is_due_is_done_and_recorded_once(started: Start) -> None:
    bench = started(Bench())
    bench.run(*range(5000))
    assert bench.recorded == [number * number for number in range(5000)]


def test_claiming_and_recording_is_one_thread_s_and_never_the_caller_s(started: Start) -> None:
    bench = started(Bench())
    bench.run(*range(100))
    assert bench.by == {"bench"}


def test_no_more_is_claimed_than_can_be_done_soon(started: Start) -> None:
    bench = started(Bench(threads=3))
    bench.run(*range(500))
    assert bench.rooms[0] == DEPTH * 3
    assert min(bench.rooms) > 0
    assert bench.most_in_flight <= FAST_DEPTH * 3


@given(size=st.integers(1, 1000), rate=st.floats(1, 1e6))
def test_claimed_ahead_is_what_lasts_for_a_moment(size: int, rate: float) -> None:
    claimed = DEPTH * size
    for _ in range(10):
        claimed = depth(claimed, claimed / rate, size)
    assert DEPTH * size <= claimed <= FAST_DEPTH * size
    assert claimed == DEPTH * size or claimed / rate <= 2 * LEAD
    assert claimed == FAST_DEPTH * size or claimed / rate >= LEAD / 2
    assert depth(claimed, 3600.0, size) < claimed or claimed == DEPTH * size


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_as_many_jobs_are_worked_on_at_once_as_there_are_threads(started: Start, threads: int) -> None:
    together = threading.Barrier(threads)

    def meet(number: int) -> int:
        together.wait(SOON)
        return number

    bench = started(Bench(threads, meet))
    bench.run(*range(threads * 3))
    assert bench.recorded == list(range(threads * 3))


def test_results_that_arrive_together_are_recorded_together_up_to_a_bound(started: Start) -> None:
    bench, count = Bench(threads=MOST_RECORDED_AT_ONCE), MOST_RECORDED_AT_ONCE * 2
    done, all_done = queue.SimpleQueue[int](), threading.Event()

    def work(number: int) -> int:
        done.put(number)
        return number

    def record(results: Sequence[int]) -> None:
        # The first batch is held up until all others have arrived behind it.
        assert all_done.wait(SOON)
        Bench.record(bench, results)

    vars(bench).update(work=work, record=record)
    started(bench)
    bench.due += range(count)
    bench.pool.wake()
    for _ in range(count):
        done.get(timeout=SOON)
    all_done.set()
    assert bench.pool.wait_until_idle(SOON)
    assert bench.recorded == list(range(count))
    assert max(map(len, bench.batches)) <= MOST_RECORDED_AT_ONCE
    assert len(bench.batches) <= 10


def test_a_pump_that_has_nothing_to_do_is_idle_after_one_look(started: Start) -> None:
    bench = started(Bench())
    bench.run()
    assert (len(bench.rooms), bench.batches) == (1, [])


def test_what_becomes_due_during_a_look_is_found_when_the_pump_was_woken(started: Start) -> None:
    bench, gate = Bench(), threading.Event()
    looks: list[int] = []

    def claim(room: int) -> Sequence[int]:
        looks.append(room)
        if len(looks) == 1:
            # Something becomes due just after this look; whoever made it so wakes the pool.
            bench.pool.wake()
            return ()
        assert gate.wait(SOON)
        return Bench.claim(bench, room)

    vars(bench)["claim"] = claim
    started(bench)
    bench.due += [7]
    bench.pool.wake()
    assert not bench.pool.wait_until_idle(0.05)
    gate.set()
    assert bench.pool.wait_until_idle(SOON)
    assert bench.recorded == [49]


def test_a_pump_that_was_woken_during_a_look_is_not_idle_after_it() -> None:
    bench = Bench()

    def claim(_: int) -> Sequence[int]:
        bench.pool.wake()
        return ()

    vars(bench)["claim"] = claim
    bench.pool._refill()
    assert not bench.pool.wait_until_idle(0)


def test_what_becomes_due_by_recording_is_found_before_the_pump_is_idle(started: Start) -> None:
    bench = Bench(threads=4)

    def record(results: Sequence[int]) -> None:
        Bench.record(bench, results)
        bench.due += [number + 1 for number in results if number < 50]

    vars(bench).update(work=lambda number: number, record=record)
    started(bench).run(0)
    assert bench.recorded == list(range(51))


def test_waiting_for_idleness_ends_without_it_when_time_is_up(started: Start) -> None:
    gate = threading.Event()
    bench = started(Bench(work=lambda number: number if gate.wait(SOON) else -1))
    bench.due += [1]
    bench.pool.wake()
    assert not bench.pool.wait_until_idle(0.01)
    gate.set()
    assert bench.pool.wait_until_idle(SOON)
    assert bench.recorded == [1]


def test_a_slow_job_holds_up_no_other(started: Start) -> None:
    gate, others = threading.Event(), queue.SimpleQueue[int]()

    def work(number: int) -> int:
        if number == 0:
            assert gate.wait(SOON)
        else:
            others.put(number)
        return number

    bench = started(Bench(threads=2, work=work))
    bench.due += range(100)
    bench.pool.wake()
    assert [others.get(timeout=SOON) for _ in range(99)] == list(range(1, 100))
    gate.set()
    assert bench.pool.wait_until_idle(SOON)
    assert bench.recorded == list(range(100))


def test_results_that_could_not_be_recorded_are_recorded_later(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_recorder, "PATIENCE", 0.001)
    bench = started(Bench(record_faults=[NotNowError("database is locked"), NotNowError("disk is full")]))
    bench.run(*range(50))
    assert bench.recorded == [number * number for number in range(50)]
    assert bench.troubles == ["database is locked", "disk is full"]


def test_a_look_that_failed_is_told_and_made_again_when_the_pump_is_woken(started: Start) -> None:
    bench = started(Bench(claim_faults=[NotNowError("database is locked")]))
    bench.run(3)
    assert (bench.troubles, bench.recorded) == (["database is locked"], [])
    bench.run()
    assert bench.recorded == [9]


def test_stopping_finishes_what_was_begun_and_leaves_the_rest(started: Start) -> None:
    begun, gate = queue.SimpleQueue[int](), threading.Event()

    def work(number: int) -> int:
        begun.put(number)
        assert gate.wait(SOON)
        return number

    bench = started(Bench(threads=2, work=work))
    bench.due += range(100)
    bench.pool.wake()
    in_hand = {begun.get(timeout=SOON), begun.get(timeout=SOON)}
    stopping = threading.Thread(target=bench.pool.stop, args=(SOON,))
    stopping.start()
    # The stop must have begun before the jobs end, or more would be claimed, and rightly.
    assert bench.pool._stopping.wait(SOON)
    gate.set()
    stopping.join(SOON)
    until(lambda: not living())
    # Threads that ended their jobs before the pool looked may have begun those that waited for them.
    assert in_hand <= set(bench.recorded) <= set(range(2 * DEPTH))
    assert len(bench.due) == 100 - 2 * DEPTH


def test_stopping_does_not_wait_for_jobs_that_hang_and_each_thread_ends_with_its_job(started: Start) -> None:
    begun, recorded = queue.SimpleQueue[int](), queue.SimpleQueue[int]()
    gates = [threading.Event() for _ in range(3)]

    def work(number: int) -> int:
        begun.put(number)
        assert gates[number].wait(SOON)
        return number

    def record(results: Sequence[int]) -> None:
        for number in results:
            recorded.put(number)

    bench = Bench(threads=3, work=work)
    vars(bench)["record"] = record
    started(bench)
    bench.due += range(10)
    bench.pool.wake()
    assert {begun.get(timeout=SOON) for _ in range(3)} == {0, 1, 2}
    bench.pool.stop(0.01)
    assert len(living()) == 4
    for number, gate in enumerate(gates):
        gate.set()
        assert recorded.get(timeout=SOON) == number
    for thread in living():
        thread.join(SOON)
    until(lambda: not living())


def test_stopping_does_not_go_on_trying_to_record(started: Start) -> None:
    bench = Bench()
    failing = queue.SimpleQueue[int]()

    def record(results: Sequence[int]) -> None:
        failing.put(len(results))
        raise NotNowError("disk is full")

    vars(bench)["record"] = record
    started(bench)
    bench.due += [1]
    bench.pool.wake()
    failing.get(timeout=SOON)
    bench.pool.stop(SOON)
    until(lambda: not living())
    assert bench.troubles


def test_stopping_twice_or_before_the_start_does_no_harm() -> None:
    bench = Bench()
    bench.pool.stop(0.01)
    until(lambda: not living())
    other = Bench()
    other.pool.start()
    other.pool.stop(SOON)
    other.pool.stop(SOON)
    until(lambda: not living())


def test_poisoned_results_are_set_aside_and_all_others_recorded(started: Callable[[Bench], Bench]) -> None:
    """A batch that can't be recorded is halved until what is at fault stands alone: 3 of 100 hold up none of the 97."""
    bench = started(Bench(threads=16, poison=frozenset({9, 49, 9801})))
    bench.run(*range(100))
    assert bench.recorded == [n * n for n in range(100) if n not in {3, 7, 99}]
    assert sorted(bench.aside) == [(n, "date value out of range") for n in (9, 49, 9801)]
    assert bench.troubles == []


def test_work_that_raises_is_set_aside(started: Callable[[Bench], Bench]) -> None:
    def work(number: int) -> int:
        return number // (number - 2)

    bench = started(Bench(work=work))
    bench.run(1, 2, 3)
    assert bench.recorded == [-1, 3]
    assert bench.aside == [(2, "integer division or modulo by zero")]


def test_job_that_cannot_be_begun_is_set_aside(started: Callable[[Bench], Bench]) -> None:
    bench = Bench()

    def begin(number: int, done: Callable[[int | Exception], None]) -> None:
        if number == 2:
            raise ValueError("not that one")
        Bench.begin(bench, number, done)

    vars(bench)["begin"] = begin
    started(bench).run(*range(50))
    assert bench.recorded == [number * number for number in range(50) if number != 2]
    assert bench.aside == [(2, "not that one")]


def test_jobs_may_end_while_they_are_being_begun(started: Callable[[Bench], Bench]) -> None:
    bench = Bench(threads=1)
    vars(bench)["begin"] = lambda number, done: done(number)
    started(bench).run(*range(5000))
    assert bench.recorded == list(range(5000))


@pytest.mark.slow
def test_setting_aside_waits_for_a_store_that_fails(started: Callable[[Bench], Bench]) -> None:
    bench = started(Bench(poison=frozenset({4}), aside_faults=[NotNowError("locked")]))
    bench.run(1, 2, 3)
    assert (bench.recorded, bench.aside) == ([1, 9], [(4, "date value out of range")])
    assert bench.troubles == ["locked"]


@pytest.mark.slow
def test_claim_that_raises_is_tried_again(started: Callable[[Bench], Bench]) -> None:
    bench = started(Bench(claim_faults=[ValueError("not JSON")]))
    bench.run(1)
    assert bench.faults == ["not JSON"]
    until(lambda: bench.recorded == [1])
    assert bench.faults == ["not JSON", "None"]


def test_pool_that_ends_fails_no_more(started: Callable[[Bench], Bench]) -> None:
    """Its successor, after a reload, begins without that fault: it would be shown for as long as the process runs."""
    bench = started(Bench(claim_faults=[ValueError("not JSON")] * 9))
    bench.pool.wake()
    until(lambda: bench.faults == ["not JSON"])
    bench.pool.stop(SOON)
    assert bench.faults == ["not JSON", "None"]


@pytest.mark.slow
def test_fault_outside_of_a_look_is_over_with_the_next_look(started: Callable[[Bench], Bench]) -> None:
    bench = Bench()
    faults = [RuntimeError("can't start new thread")]

    def turn() -> bool:
        if faults:
            raise faults.pop()
        return WorkerPool._turn(bench.pool)

    vars(bench.pool)["_turn"] = turn
    started(bench)
    bench.run(2)
    assert bench.recorded == [4]
    assert bench.faults == ["can't start new thread", "None"]
