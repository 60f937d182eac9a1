"""The daemon: APScheduler gives the beat, the store says what is due, pumps do it."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bridge import systemd
from bridge.assembly import Parts, assemble
from bridge.clock import isoformat
from bridge.errors import BridgeError, NotNowError
from bridge.listener import Listener, Listeners
from bridge.retry import LONGEST_WAIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.clock import Clock
    from bridge.config import Config
    from bridge.model import Event
    from bridge.pump import Pump
    from bridge.source.health import SourceHealth
    from bridge.store import Store

BEAT = 0.5
"""Seconds between looks at what is due. What is committed is sent at once; the beat is for what waits for its time."""

HOUSEKEEPING = timedelta(hours=1)
STATUS_EVERY = timedelta(seconds=10)
ALIVE = "alive_at"
"""The fact by which other processes see that a daemon runs: when it last said so. It is taken back at a clean end."""

ALIVE_FOR = timedelta(seconds=30)
SMALLEST_STEP = timedelta(seconds=2)
"""Less than that is the ordinary unevenness between two clocks."""

STOP_WITHIN = 2.5
"""Seconds that calls in flight get to end when the daemon is told to stop. After that they are owed again."""


class Daemon:
    """Polls and delivers until it is told to stop.

    Args:
        config: What to watch and whom to tell.
        store: Opened exclusively.
        clock: Tells the time.
        listener: Hears what happens.
    """

    def __init__(self, config: Config, store: Store, *, clock: Clock, listener: Listener) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._stop = threading.Event()
        self._listener = Listeners(listener, _Waker(self._deliver))
        self._parts: Parts | None = None

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until :meth:`stop` is called, from a signal or another thread.

        Raises:
            BaseException: A thread of the bridge died of a fault of its own; the service manager should start it anew.
        """
        self._store.messages.sync(self._config.watchlist, self._clock.now())
        self._clamp()
        parts = assemble(self._config, self._store, clock=self._clock, listener=self._listener, stop=self._stop)
        self._parts = parts
        scheduler = self._scheduler()
        with _threads_live_on(self._stop), _run_down(parts, self._stop):
            for pump in _pumps(parts):
                pump.start()
            scheduler.start()
            self._beat()
            self._say_status()
            systemd.notify("READY=1")
            ready()
            self._stop.wait()
            systemd.notify("STOPPING=1")
            scheduler.shutdown(wait=False)
        with suppress(BridgeError):
            self._store.set_fact(ALIVE, "")

    def stop(self) -> None:
        """Tell the daemon to stop. Safe to call from a signal handler, and twice."""
        self._stop.set()

    def _scheduler(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",  # its triggers then know no daylight saving
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        beat = min(BEAT, self._config.poll.every.total_seconds())
        scheduler.add_job(self._poll, "interval", seconds=beat, id="poll")
        scheduler.add_job(self._deliver, "interval", seconds=BEAT, id="deliver")
        scheduler.add_job(self._follow_clock, "interval", seconds=BEAT, id="clock")
        scheduler.add_job(self._keep_house, "interval", seconds=HOUSEKEEPING.total_seconds(), id="housekeeping")
        scheduler.add_job(self._say_status, "interval", seconds=STATUS_EVERY.total_seconds(), id="status")
        watchdog = systemd.watchdog_seconds()
        if watchdog is not None:
            scheduler.add_job(systemd.notify, "interval", ["WATCHDOG=1"], seconds=watchdog / 2, id="watchdog")
        return scheduler

    def _beat(self) -> None:
        self._poll()
        self._deliver()

    def _poll(self) -> None:
        if self._parts is not None:
            self._parts.poller.pump.wake()

    def _deliver(self) -> None:
        if self._parts is not None:
            for outbox in self._parts.outboxes:
                outbox.pump.wake()

    def _follow_clock(self) -> None:
        try:
            if follow_clock(self._clock, self._store):
                self._clamp()  # what was in flight meanwhile was scheduled by the old time
        except BridgeError as error:
            self._listener.trouble("following the clock", error)

    def _clamp(self) -> None:
        now = self._clock.now()
        self._store.clamp_time(now + self._config.poll.every, now + LONGEST_WAIT)

    def _keep_house(self) -> None:
        try:
            self._clamp()
            self._store.prune(self._clock.now() - self._config.retention)
        except BridgeError as error:
            self._listener.trouble("housekeeping", error)

    def _say_status(self) -> None:
        try:
            summary = self._store.listing.summary()
            owed, _ = self._store.listing.owed()
            self._store.set_fact(ALIVE, isoformat(self._clock.now()))
        except BridgeError as error:
            self._listener.trouble("counting", error)
            return
        systemd.notify(f"STATUS=watching {summary.polled} messages, {owed} deliveries owed")


def follow_clock(clock: Clock, store: Store) -> bool:
    """Follow a wall clock that was set, moving what is scheduled by as much. True if it was set.

    The order keeps everything from being due in between: a clock set forward may be read only when the schedule has
    moved, one set back must be read before it does.
    """
    step = clock.stepped()
    if abs(step) < SMALLEST_STEP:
        return False
    if step > timedelta(0):
        store.shift_time(step)
        clock.follow(step)
    else:
        clock.follow(step)
        try:
            store.shift_time(step)
        except BridgeError:
            clock.follow(-step)  # both or neither: the next beat tries again
            raise
    return True


def run_once(config: Config, store: Store, *, clock: Clock, listener: Listener, stop: threading.Event) -> SourceHealth:
    """Poll what is due, deliver what is owed and due, and return how the source does: for cron.

    Raises:
        NotNowError: The store failed, so that not everything could be done.
    """
    store.messages.sync(config.watchlist, clock.now())
    troubles = _Troubles()
    heard = Listeners(listener, troubles)
    parts = assemble(config, store, clock=clock, listener=heard, stop=stop, hold_back=False)
    with _threads_live_on(stop), _run_down(parts, stop):
        for pump in _pumps(parts):
            pump.start()
        _drain([parts.poller.pump], stop)
        # The second round is for what the first one told: that a receiver is down, or up again.
        for _ in range(2):
            _drain([outbox.pump for outbox in parts.outboxes], stop)
    if troubles.latest is not None:
        raise NotNowError(str(troubles.latest))
    return parts.poller.health


class _Waker(Listener):
    """Wakes the outboxes as soon as there is something to deliver."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def told(self, event: Event) -> None:  # noqa: ARG002 -- the listener's signature
        self._wake()


class _Troubles(Listener):
    """Remembers the latest fault of the store."""

    def __init__(self) -> None:
        self.latest: BridgeError | None = None

    def trouble(self, where: str, error: BridgeError) -> None:  # noqa: ARG002 -- the listener's signature
        self.latest = error


def _pumps(parts: Parts) -> list[Pump[Any, Any]]:
    return [parts.poller.pump, *(outbox.pump for outbox in parts.outboxes)]


def _drain(pumps: Sequence[Pump[Any, Any]], stop: threading.Event) -> None:
    for pump in pumps:
        pump.wake()
    for pump in pumps:
        while not stop.is_set() and not pump.wait_until_idle(BEAT):
            pass


@contextmanager
def _threads_live_on(stop: threading.Event) -> Iterator[None]:
    """Stop when a thread dies of a fault of its own, and raise that fault at the end.

    A daemon that has lost a thread would look alive and do nothing; its service manager starts a new one.
    """
    faults: list[BaseException] = []

    def died(args: threading.ExceptHookArgs) -> None:
        faults.append(args.exc_value or RuntimeError(f"the thread {args.thread} died"))
        stop.set()

    before, threading.excepthook = threading.excepthook, died
    try:
        yield
    finally:
        threading.excepthook = before
    if faults:
        raise faults[0]


@contextmanager
def _run_down(parts: Parts, stop: threading.Event) -> Iterator[None]:
    """Stop everything at the end, side by side: what hangs in one receiver must not take the time of the others."""
    try:
        yield
    finally:
        stop.set()
        stopping = [threading.Thread(target=pump.stop, args=(STOP_WITHIN,)) for pump in _pumps(parts)]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        for channel in parts.channels:
            channel.close()
