"""Keeps threads busy with what is due, and hands the results back in batches.

The poller and each receiver's outbox are such pumps: one thread claims what is due and records what came of it, several
do the work between. Because claiming and recording is one thread's, nothing is claimed twice, and results that arrive
together are written in one transaction.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from bridge.errors import BridgeError, ConfigurationError, CredentialsError, InternalError, NotNowError
from bridge.store.engine import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.clock import Clock

Job = TypeVar("Job")
Result = TypeVar("Result")

MOST_AT_ONCE = 500
"""Results recorded in one transaction, at most: what waits for it is told of only after it."""

DEPTH = 4
"""Jobs claimed for each thread, at most: the next ones are at hand while results are gathered and recorded, and still
few are claimed that could wait elsewhere."""

GATHERING = 0.005
"""Seconds for which results are gathered while there is more to work on: a transaction costs as much as some twenty
results in it. Where there is nothing else to do, the first result is recorded at once."""

PATIENCE = 1.0
"""Seconds before a step that failed (a full disk, a locked database) is tried again."""

LONGEST_PATIENCE = 60.0
"""The longest wait between looks that fail by a fault of our own; it doubles from PATIENCE."""


@dataclass(frozen=True, slots=True)
class Failed(Generic[Job]):
    """A job whose work raised: a fault of the bridge's own with it."""

    job: Job
    error: Exception


_NO_ITEMS_FAULT = (NotNowError, DamagedError, ConfigurationError, CredentialsError)
"""What a store raises that can't be used: the same is tried again, whoever must act for it (a role lost its rights)."""


class Pump(Generic[Job, Result]):
    """Claims jobs, works on them in threads, records the results.

    Args:
        name: Names the threads.
        threads: How many jobs are worked on at once.
        claim: Given room for how many, lists what is due and not in flight. Called by the pump's own thread.
        work: Does one job and returns its result. Called by the working threads.
        record: Writes results, all or none. Called by the pump's own thread; when the store fails, it is called again
            with the same.
        trouble: Told what ``claim`` or ``record`` failed with, where the store failed.
        set_aside: Given a job whose work raised, or a result that can't be recorded, sees to it that it is tried again
            later. Nothing else is held up by it. May fail as ``record`` may.
        failed: Told of a fault of our own in ``claim``, and of None when it works again.
        pause: Says after how many seconds something will be due that a look found not due yet; None for "wait until
            woken". Asked only after a look that found less than there was room for.
        clock: Tells how long stopping may take.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        claim: Callable[[int], Sequence[Job]],
        work: Callable[[Job], Result],
        record: Callable[[Sequence[Result]], None],
        trouble: Callable[[BridgeError], None],
        set_aside: Callable[[Job | Result, Exception], None],
        failed: Callable[[Exception | None], None],
        clock: Clock,
        pause: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._claim = claim
        self._work = work
        self._record = record
        self._trouble = trouble
        self._set_aside = set_aside
        self._failed = failed
        self._failures = 0
        self._look_at = float("-inf")
        self._clock = clock
        self._pause = pause
        self._timeout: float | None = None
        self._size = threads
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._in_flight = 0
        self._settled = True
        self._looking = False
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result | Failed[Job] | None] = queue.SimpleQueue()
        # Daemon threads: one that hangs in a call must not hold up the end of the process. What it does is repeated.
        self._threads = [
            threading.Thread(target=self._labour, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at once for what is due."""
        with self._idle:
            self._settled = False
        self._results.put(None)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing is in flight and the latest look found nothing due. False if that took too long."""
        with self._idle:
            return self._idle.wait_for(self._is_idle, seconds)

    def _is_idle(self) -> bool:
        return self._settled and not self._looking and not self._in_flight

    def stop(self, seconds: float) -> None:
        """Claim no more, and wait so long for what is in flight to be finished and recorded."""
        self._stopping.set()
        self._results.put(None)
        until = self._clock.monotonic() + seconds
        self._join(self._threads[-1], until)
        for _ in range(self._size):
            self._jobs.put(None)
        for thread in self._threads[:-1]:
            self._join(thread, until)

    def _join(self, thread: threading.Thread, until: float) -> None:
        if thread.ident is not None:  # else a failure came before its start
            thread.join(max(0.0, until - self._clock.monotonic()))

    def _labour(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result: Result | Failed[Job] = self._work(job)
            except Exception as error:  # noqa: BLE001 -- a fault of ours with one job must not stop the others
                result = Failed(job, error)
            self._results.put(result)

    def _run(self) -> None:
        while not (self._stopping.is_set() and not self._in_flight):
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 -- a pump whose thread has died would do nothing, unseen
                self._failed(error)
                self._stopping.wait(PATIENCE)

    def _turn(self) -> None:
        results = self._gather()
        if self._stopping.is_set():
            self._forget_waiting()
        if results:
            self._persist(results)
        # Half empty is the moment to refill: late enough for one query to bring many, early enough to stay busy.
        if not self._stopping.is_set() and self._in_flight <= DEPTH * self._size // 2:
            self._refill()

    def _gather(self) -> list[Result | Failed[Job]]:
        """Wait for the first result or a call to wake, and take what else is there."""
        results: list[Result | Failed[Job]] = []
        try:
            first = self._results.get(timeout=self._timeout)
        except queue.Empty:
            return results
        if first is not None and not self._jobs.empty():
            self._stopping.wait(GATHERING)
        while True:
            if first is not None:
                results.append(first)
            if len(results) >= MOST_AT_ONCE:
                return results
            try:
                first = self._results.get_nowait()
            except queue.Empty:
                return results

    def _persist(self, results: list[Result | Failed[Job]]) -> None:
        """Record results. Where that raises, halve them until what is at fault stands alone, and set it aside."""
        parts: list[list[Result | Failed[Job]]] = [[each] for each in results if isinstance(each, Failed)]
        parts.append([each for each in results if not isinstance(each, Failed)])
        while parts:
            part = parts[-1]
            try:
                self._settle(part)
            except _NO_ITEMS_FAULT as error:
                if self._is_over(error):
                    break
                continue
            except Exception as error:  # noqa: BLE001 -- whatever an item of somebody's makes us raise
                if len(part) > 1:
                    parts[-1:] = [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                if not self._set_one_aside(part[0], error):
                    break
            parts.pop()
        with self._idle:
            self._in_flight -= len(results)
            self._settled = False  # what waited for these, an event's successor, may be due now

    def _settle(self, part: list[Result | Failed[Job]]) -> None:
        results: list[Result] = []
        for each in part:
            if isinstance(each, Failed):
                raise each.error
            results.append(each)
        if results:
            self._record(results)

    def _set_one_aside(self, item: Result | Failed[Job], error: Exception) -> bool:
        """Set an item aside. False where the pump was stopped before that could be written."""
        while True:
            try:
                self._set_aside(item.job if isinstance(item, Failed) else item, error)
            except Exception as another:  # noqa: BLE001 -- likewise
                if self._is_over(another if isinstance(another, BridgeError) else InternalError.of(another)):
                    return False
            else:
                return True

    def _is_over(self, error: BridgeError) -> bool:
        """Wait before the same is tried again; True where the pump is to stop instead."""
        self._trouble(error)
        # Stopping, what could not be recorded is done again by the next process: at least once.
        return self._stopping.wait(PATIENCE)

    def _forget_waiting(self) -> None:
        """Drop the jobs that no thread has begun: they stay due in the store."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:  # a thread's word to end, not a job
                self._jobs.put(None)
                return
            with self._idle:
                self._in_flight -= 1

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if now < self._look_at:
            self._timeout = self._look_at - now
            return
        with self._idle:
            self._settled, self._looking = True, True  # being woken during the look unsettles it again
        room = DEPTH * self._size - self._in_flight
        jobs = self._look(room)
        with self._idle:
            self._in_flight += len(jobs)
            self._settled, self._looking = self._settled and not jobs, False
            self._idle.notify_all()
        for job in jobs:
            self._jobs.put(job)

    def _look(self, room: int) -> Sequence[Job]:
        """Claim what is due. A fault of our own is told, and the next look then waits for longer and longer."""
        jobs: Sequence[Job] = ()
        self._timeout = None
        try:
            jobs = self._claim(room)
            if len(jobs) < room:
                self._timeout = self._pause()
        except BridgeError as error:
            self._trouble(error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next look may be spared it
            self._timeout = min(PATIENCE * 2**self._failures, LONGEST_PATIENCE)
            self._look_at = self._clock.monotonic() + self._timeout
            self._failures = min(self._failures + 1, 10)
            self._failed(error)
        else:
            if self._failures:
                self._failed(None)
            self._failures = 0
        return jobs
