"""Keeps calls busy with what is due, and hands the results back in batches.

The poller and each receiver's dispatcher have a pool each: one thread claims what is due and records what came of it,
and between the two, several jobs are under way at once; whoever ends one begins the next. Because claiming and
recording is one thread's, nothing is claimed twice, and results that arrive together are written in one transaction.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic

from bridge.daemon.claim_depth import DEPTH, depth
from bridge.daemon.result_recorder import PATIENCE, Failed, ResultRecorder
from bridge.daemon.worker import Job, Result, Worker
from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.domain.clock import Clock

MOST_RECORDED_AT_ONCE = 500
"""Results recorded in one transaction, at most: what waits for it is reported only after it."""

GATHERING = 0.005
"""Seconds for which results are gathered while there is more to work on: a transaction costs as much as some twenty
results in it. Where there is nothing else to do, the first result is recorded at once."""

LINGER = 5.0
"""Seconds for which the thread is kept without work: then a receiver to which nothing goes has none."""

LONGEST_SLEEP = 30.0
"""Seconds after which a pool that waits for a moment looks again: the clock it sleeps by does not count the time that
the machine was suspended."""

LONGEST_PATIENCE = 60.0
"""The longest wait between looks that fail by a fault of our own; it doubles from PATIENCE."""


class WorkerPool(Generic[Job, Result]):
    """Claims jobs, has them done, records the results.

    Args:
        name: Names the thread.
        size: How many jobs are under way at once.
        worker: Claims, does and records them.
        step_failed: Called with what the worker failed with, where the store failed.
        failed: Called with a fault of our own in a claim, and with None when that works again.
        clock: Tells how long stopping may take.
    """

    def __init__(
        self,
        name: str,
        size: int,
        worker: Worker[Job, Result],
        *,
        step_failed: Callable[[BridgeError], None],
        failed: Callable[[Exception | None], None],
        clock: Clock,
    ) -> None:
        self._worker = worker
        self._step_failed = step_failed
        self._failed = failed
        self._failures = 0
        self._look_at = float("-inf")
        self._clock = clock
        self._timeout: float | None = None
        self._size = size
        self._stopping = threading.Event()
        self._recorder = ResultRecorder(worker, step_failed=step_failed, stopping=self._stopping)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._in_flight = 0
        self._depth = DEPTH * size
        self._backlog = False
        self._refilled_at = float("-inf")
        self._settled = True
        self._looking = False
        self._jobs: deque[Job] = deque()
        self._under_sender = 0
        self._filling = False
        self._results: queue.SimpleQueue[Result | Failed[Job] | None] = queue.SimpleQueue()
        self._name = name
        self._started = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work. There is a thread only while there is work, and for a moment after it."""
        with self._lock:
            self._started = True
            self._begin()

    def wake(self) -> None:
        """Look at once for what is due."""
        with self._lock:
            self._settled = False
            self._results.put(None)
            with suppress(RuntimeError):  # the system starts no more threads now: revive() tries again
                self._begin()

    def revive(self) -> None:
        """Start the thread that a call to wake could not start."""
        if self._thread is None and not self._results.empty():
            self.wake()

    def _begin(self) -> None:
        """Start the pool's own thread unless it runs. Called with the lock held."""
        if self._started and self._thread is None and not self._stopping.is_set():
            # A daemon thread: what hangs in it must not hold up the end of the process. What it does is repeated.
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread = thread
            try:
                thread.start()
            except RuntimeError:
                self._thread = None
                raise

    def _fill(self) -> None:
        """Begin jobs while fewer are under way than may be. Jobs that end meanwhile leave the next to who is at it."""
        while True:
            with self._lock:
                full = self._under_sender >= self._size or not self._jobs
                if self._filling or full:
                    return
                self._filling = True
                self._under_sender += 1
                job = self._jobs.popleft()
            try:
                self._worker.begin(job, partial(self._ended, job))
            except Exception as error:  # noqa: BLE001 -- a fault of ours with one job must not stop the others
                self._note(job, error)
            self._filling = False

    def _ended(self, job: Job, result: Result | Exception) -> None:
        self._note(job, result)
        self._fill()

    def _note(self, job: Job, result: Result | Exception) -> None:
        with self._lock:
            self._under_sender -= 1
        self._results.put(Failed(job, result) if isinstance(result, Exception) else result)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing is in flight and the latest look found nothing due. False if that took too long."""
        with self._lock:
            return self._idle.wait_for(self._is_idle, seconds)

    def _is_idle(self) -> bool:
        return self._settled and not self._looking and not self._in_flight

    def stop(self, seconds: float) -> None:
        """Claim no more, and wait so long for what is in flight to be finished and recorded."""
        self._stopping.set()
        self._results.put(None)
        until = self._clock.monotonic() + seconds
        with self._lock:
            own = [] if self._thread is None else [self._thread]
        for thread in own:
            thread.join(max(0.0, until - self._clock.monotonic()))
        if self._failures:  # whoever takes over does not know of it
            self._failed(None)

    def _rests(self) -> bool:
        """End the pool's own thread where it has nothing to wait for but being woken."""
        with self._lock:
            rests = self._timeout is None and not self._in_flight and self._results.empty()
            if rests:
                self._thread = None
            return rests

    def _run(self) -> None:
        while not (self._stopping.is_set() and not self._in_flight):
            try:
                if not self._turn() and self._rests():
                    return
            except Exception as error:  # noqa: BLE001 -- a pool whose thread has died would do nothing, unseen
                self._note_fault(error)
                self._stopping.wait(PATIENCE)

    def _turn(self) -> bool:
        """Record what has been done, and look for what is due. False where nothing came for a while."""
        waits = self._timeout is not None
        results = self._gather()
        if results is None:
            if not waits:
                return False
            results = []
        if self._stopping.is_set():
            self._forget_waiting()
        if results:
            self._recorder.persist(results)
            with self._lock:
                self._in_flight -= len(results)
                self._settled = False  # what waited for these, an event's successor, may be due now
        # Half empty is the moment to refill: late enough for one query to bring many, early enough to stay busy.
        self._timeout = None
        if not self._stopping.is_set() and len(self._jobs) <= self._depth // 2:
            self._refill()
        return True

    def _gather(self) -> list[Result | Failed[Job]] | None:
        """Wait for the first result or a call to wake, and take what else is there. None where nothing came in time."""
        results: list[Result | Failed[Job]] = []
        try:
            first = self._results.get(timeout=LINGER if self._timeout is None else min(self._timeout, LONGEST_SLEEP))
        except queue.Empty:
            return None
        if first is not None and self._jobs:
            self._stopping.wait(GATHERING)
        while True:
            if first is not None:
                results.append(first)
            if len(results) >= MOST_RECORDED_AT_ONCE:
                return results
            try:
                first = self._results.get_nowait()
            except queue.Empty:
                return results

    def _forget_waiting(self) -> None:
        """Drop the jobs that were not begun: they stay due in the store."""
        with self._lock:
            self._in_flight -= len(self._jobs)
            self._jobs.clear()

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if now < self._look_at:
            self._timeout = self._look_at - now
            return
        seconds, self._refilled_at = now - self._refilled_at, now
        self._depth = depth(self._depth, seconds, self._size) if self._backlog else DEPTH * self._size
        room = self._depth - self._in_flight
        if room <= 0:  # what was claimed before it became less is enough
            return
        with self._lock:
            self._settled, self._looking = True, True  # being woken during the look unsettles it again
        jobs = self._look(room)
        self._backlog = len(jobs) == room
        with self._lock:
            self._in_flight += len(jobs)
            self._settled, self._looking = self._settled and not jobs, False
            self._jobs.extend(jobs)
            self._idle.notify_all()
        self._fill()

    def _look(self, room: int) -> Sequence[Job]:
        """Claim what is due. A fault of our own is reported, and the next look then waits for longer and longer."""
        jobs: Sequence[Job] = ()
        self._timeout = None
        try:
            jobs = self._worker.claim(room)
            if len(jobs) < room:
                self._timeout = self._worker.next_due()
        except BridgeError as error:
            self._timeout = PATIENCE
            self._step_failed(error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next look may be spared it
            self._timeout = min(PATIENCE * 2**self._failures, LONGEST_PATIENCE)
            self._look_at = self._clock.monotonic() + self._timeout
            self._note_fault(error)
        else:
            if self._failures:
                self._failed(None)
            self._failures = 0
        return jobs

    def _note_fault(self, error: Exception) -> None:
        """Report a fault of our own; a look that succeeds ends it."""
        self._failures = min(self._failures + 1, 10)
        self._failed(error)
