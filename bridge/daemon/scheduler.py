"""APScheduler with a steady clock: its beat goes on evenly when the wall clock is set.

APScheduler 3 plans and waits by the wall clock. Set back by an hour, it would wait for an hour; set forward by a day,
it would run everything at once, and count each run that was missed. Here its plan moves with the clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = 0.5
"""Seconds between looks whether the wall clock was set."""

MOST_JOBS = 16
"""How many jobs there may be: each has a thread. The daemon has twelve where all that is optional is on."""

_SMALLEST_STEP = 0.1


class SteadyScheduler(BackgroundScheduler):  # type: ignore[misc]  # it has no type hints
    """Runs jobs at intervals, each in a thread of its own, so that none waits for another.

    Args:
        monotonic: Seconds by a clock that nobody sets, a machine's sleep included.
        wall: Seconds by the clock that people set, since the epoch.
        died: Called with what the scheduler's own thread died of: it runs no job any more.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        wall: Callable[[], float] = time.time,
        died: Callable[[Exception], None] | None = None,
    ) -> None:
        super().__init__(
            timezone="UTC",  # its triggers then know no daylight saving
            executors={"default": ThreadPoolExecutor(MOST_JOBS)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        self._monotonic = monotonic
        self._wall = wall
        self._died = died
        self._offset = wall() - monotonic()

    def every(self, interval: timedelta, job: Callable[[], object], id_: str, *, at_once: bool = False) -> None:
        """Run a job every so often, the first time after that interval or at once."""
        first = {"next_run_time": datetime.now(UTC)} if at_once else {}
        self.add_job(job, "interval", seconds=interval.total_seconds(), id=id_, **first)
        assert len(self.get_jobs()) <= MOST_JOBS

    def run_now(self, id_: str) -> None:
        """Run a job at once, unless there is none of that name."""
        try:
            self.modify_job(id_, next_run_time=datetime.now(UTC))
        except JobLookupError:
            return

    def _main_loop(self) -> None:
        try:
            self._run_jobs()
        except Exception as error:
            if self._died is None:
                raise
            self._died(error)

    def _run_jobs(self) -> None:
        wait: float | None = LOOK
        while self.state != STATE_STOPPED:
            self._event.wait(LOOK if wait is None else min(wait, LOOK))
            self._event.clear()
            self._follow_wall_clock()
            wait = self._process_jobs()

    def _follow_wall_clock(self) -> None:
        """Move the plan by as much as the wall clock was set since the last look.

        A job that was added between the two is planned by the new time already: so that it does not wait for an hour,
        none is ever further away than its interval.
        """
        offset = self._wall() - self._monotonic()
        step = offset - self._offset
        if abs(step) < _SMALLEST_STEP:
            return
        self._offset = offset
        now = datetime.now(UTC)
        for job in self.get_jobs():
            moved = job.next_run_time + timedelta(seconds=step)
            self._move(job.id, min(moved, now + job.trigger.interval))

    def _move(self, id_: str, to: datetime) -> None:
        try:
            self.modify_job(id_, next_run_time=to)
        except JobLookupError:  # it was removed meanwhile
            return
