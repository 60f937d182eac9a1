"""The scheduler runs each job in a thread of its own."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from bridge.daemon.scheduler import MOST_JOBS, SteadyScheduler

SOON = 10.0  # seconds after which a test that hangs fails; none waits for that long
HOUR = timedelta(hours=1)


def test_job_waits_for_no_other_however_many_hang() -> None:
    """Where the database hangs, ten jobs may: systemd's watchdog must still hear that the daemon lives."""
    go_on, ran = threading.Event(), threading.Event()
    scheduler = SteadyScheduler(time.monotonic)
    for number in range(MOST_JOBS - 1):
        scheduler.every(HOUR, lambda: go_on.wait(SOON), f"hangs-{number}", at_once=True)
    scheduler.every(HOUR, ran.set, "watchdog", at_once=True)
    scheduler.start()
    try:
        assert ran.wait(SOON / 2)
    finally:
        go_on.set()
        scheduler.shutdown()


def test_more_jobs_than_threads_are_refused() -> None:
    scheduler = SteadyScheduler(time.monotonic)
    for number in range(MOST_JOBS):
        scheduler.every(HOUR, lambda: None, str(number))
    with pytest.raises(AssertionError):
        scheduler.every(HOUR, lambda: None, "one too many")
