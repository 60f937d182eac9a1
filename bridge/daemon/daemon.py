"""The daemon: APScheduler gives the beat, the store says what is due, the supervisor has it done."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.config.errors import Fault, InvalidConfiguration, Place
from bridge.config.glob_patterns import LISTS, written
from bridge.daemon import systemd
from bridge.daemon.config_checks import check_change, check_credentials, check_lists
from bridge.daemon.control_socket import ControlSocket
from bridge.daemon.failing_steps import threads_are_heard
from bridge.daemon.heartbeat import Heartbeat
from bridge.daemon.housekeeping import Housekeeping
from bridge.daemon.http_app import HttpApps
from bridge.daemon.http_service import Web
from bridge.daemon.metrics.registry import Metrics
from bridge.daemon.rate_watch import RateWatch
from bridge.daemon.reloading import Reloading
from bridge.daemon.scheduler import SteadyScheduler
from bridge.daemon.sign_of_life import SignOfLife
from bridge.daemon.summary_watch import SummaryWatch, summary_rules
from bridge.daemon.supervisor import Supervisor, run_down
from bridge.daemon.two_phase_change import Change
from bridge.daemon.wakers import DamageWatch, Waker
from bridge.domain.errors import BridgeError, InternalError
from bridge.domain.health import NUMBERS, RELOAD, REPORT, Health, look
from bridge.domain.observer import Listener, Listeners
from bridge.transport.message import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.config.models import Config
    from bridge.config.watcher import Reloader
    from bridge.domain.clock import Clock
    from bridge.store.store import Store

BEAT = timedelta(seconds=0.5)
"""The time between looks at what is due. What is committed is sent at once; the beat is for what waits for its time."""

HOUSEKEEPING = timedelta(hours=1)
STATUS_EVERY = timedelta(seconds=10)
WATCH_EVERY = timedelta(seconds=5)
LOOK_FOR_CHANGES = timedelta(seconds=2)
"""How often the configuration's files are looked at. They are read when two looks saw the same."""


class Daemon:
    """Polls and delivers until a signal stops it.

    Args:
        config: What to watch and whom to tell.
        store: Opened as a node.
        clock: Tells the time.
        listener: Hears what happens.
        reloader: Reads the configuration again; None for one that stays as it is.
    """

    def __init__(
        self, config: Config, store: Store, *, clock: Clock, listener: Listener, reloader: Reloader | None = None
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._stop = threading.Event()
        self._why = ""
        self._damage = DamageWatch(self._stop)
        self._metrics = Metrics(store.summaries.summary, clock, self._receivers, pages=lambda: self._config.pages)
        self._listener = Listeners(
            listener,
            self._metrics.listener,
            Waker(self._show, self._say_status_now),
            self._damage,
        )
        self._supervisor = Supervisor(store, clock=clock, listener=self._listener)
        self._rates = RateWatch(store, routes=self._supervisor.routes, clock=clock, listener=self._listener)
        self._summaries = SummaryWatch(store, routes=self._supervisor.routes, clock=clock, listener=self._listener)
        self._housekeeping = Housekeeping(store, clock, self._listener, lambda: self._config)
        self._scheduler = SteadyScheduler(clock.monotonic, died=self._end)
        store.on_write_fault(self._say_status_now)
        self._heartbeat: Heartbeat | None = None
        self._sign_of_life = SignOfLife(store, clock, self._listener, self._receivers, lambda: self._config.zone)
        self._reloading = Reloading(
            *(reloader, store, clock, self._listener),
            current=lambda: self._config,
            adopt=self._adopt,
            done=self._sign_of_life.give,
        )
        steps = self._supervisor.steps
        apps = HttpApps(
            *(self.health, self.ready, self._metrics, self._listener),
            *(store, clock, self._supervisor, lambda: self._config),
        )
        self._web = Web(apps, self._listener, store=store, clock=clock, steps=steps)
        self._control = ControlSocket(config.control, apps, self._listener, steps)

    @property
    def http_address(self) -> str | None:
        """Where the daemon answers over HTTP; None while it does not."""
        return self._web.address

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until :meth:`stop` is called, from a signal or another thread.

        Raises:
            CredentialsError: WbizTool refuses them.
            DamagedError: The database was found damaged.
        """
        check_credentials(self._config, self._clock, self._listener)
        self._plan()
        steps = self._supervisor.steps
        with self._says_stopped(), threads_are_heard(steps), run_down(self._supervisor, self._stop), self._serving():
            self._store.quarantine.try_set_aside_now(self._clock.now())
            self._adopt(self._config, {RELOAD: ""}, starting=True)
            self._control.keep()
            self._scheduler.start()
            self._sign_of_life.give()
            systemd.notify("READY=1")
            ready()
            self._stop.wait()
            why = self._why or str(self._damage.found or "an internal error, which is logged next")
            systemd.notify("STOPPING=1", f"STATUS=stopping: {why}")
            self._listener.stopping(why)
            self._scheduler.shutdown(wait=False)
        self._sign_of_life.take_back()
        if self._damage.found is not None:
            raise self._damage.found

    def stop(self, why: str = "it was asked to") -> None:
        """Tell the daemon to stop, and why, for its log. Safe to call from any thread, and twice."""
        self._why = self._why or why
        self._stop.set()

    def _end(self, error: Exception) -> None:
        """End, because nothing gives the beat any more: a restart is better than a daemon that does nothing."""
        self._listener.internal_error("thread of the scheduler", error)
        fault = InternalError.of(error)
        self._damage.found = InternalError(f"the scheduler was ended by an internal error: {fault}")
        self._stop.set()

    def reload(self) -> None:
        """Tell the daemon to read its configuration again. Safe to call from any thread, before the start too."""
        self._reloading.ask()
        self._scheduler.run_now("reload")

    def health(self) -> Health:
        """Judge how the bridge does."""
        return look(self._store.summaries.summary, self._receivers(), self._clock.now(), self._config.zone)

    def ready(self) -> bool:
        """Tell whether the bridge can serve: its scheduler ran, and could write to the database, a moment ago."""
        return self._sign_of_life.is_fresh()

    @contextmanager
    def _serving(self) -> Iterator[None]:
        """Answer commands, and at the end nobody any more."""
        with closing(self._web), closing(self._control):
            yield

    @contextmanager
    def _says_stopped(self) -> Iterator[None]:
        try:
            yield
        finally:
            queued = None
            with suppress(BridgeError):
                queued, _ = self._store.summaries.queued()
            self._listener.stopped(queued)

    def _receivers(self) -> Sequence[str]:
        return self._config.receiver_names

    def _plan(self) -> None:
        def every(interval: timedelta, job: Callable[[], object], id_: str) -> None:
            self._scheduler.every(interval, self._supervisor.steps.contained(id_, job), id_)

        every(BEAT, self._supervisor.wake_poller, "poll")
        every(BEAT, self._follow_nudges, "deliver")
        every(BEAT, self._follow_clock, "clock")
        every(HOUSEKEEPING, self._housekeeping.keep, "housekeeping")
        every(STATUS_EVERY, self._sign_of_life.give_in_turn, "status")
        every(WATCH_EVERY, lambda: self._rates.look(self._config.rules), "alerts")
        every(WATCH_EVERY, lambda: self._summaries.look(summary_rules(self._config)), "summaries")
        # One job for both: while a change is prepared, nothing else may take an address.
        every(LOOK_FOR_CHANGES, self._look_for_changes, "reload")
        watchdog = systemd.watchdog_seconds()
        if watchdog is not None:
            every(timedelta(seconds=watchdog / 2), lambda: systemd.notify("WATCHDOG=1"), "watchdog")

    def _adopt(self, config: Config, facts: Mapping[str, str], *, starting: bool = False) -> None:
        """Do as a configuration says, from now on: as a whole, or not at all.

        Args:
            config: Which.
            facts: Written to the database in the same transaction as its watch list.
            starting: Nothing runs yet.

        Raises:
            InvalidConfiguration: It can't be done.
            BridgeError: The store failed; the same may succeed later.
        """
        for fact, done in ((REPORT, config.discover.report), (NUMBERS, config.numbers.watch)):
            if not done:  # what is not done any more doesn't fail any more
                facts = {**facts, fact: ""}
        facts = {**facts, LISTS: written(config.sources.patterns)}
        steps = [
            partial(check_change, self._config, config, self._clock, self._listener),
            partial(check_lists, config, self._store, starting=starting),
            partial(self._supervisor.prepare, config),
            partial(self._prepare_heartbeat, config),
            partial(self._web.prepare, config, starting=starting),
        ]
        change = Change.of(steps[1:] if starting else steps)
        reroute: list[Callable[[], None]] = []
        try:
            # The routes change within the transaction: who is new misses nothing of a message that is new.
            switch = lambda: reroute.append(self._supervisor.route(config))  # noqa: E731
            self._store.configure(config.watchlist, self._clock.now(), facts, switch)
        except BaseException:
            for take_back in reroute:
                take_back()
            change.abandon()
            raise
        try:
            self._commit(config, change, starting=starting)
        except Exception as error:  # nothing in it may fail: a restart is better than half a configuration
            self._damage.found = error
            self._stop.set()
            raise
        self._supervisor.settle(config)
        self._housekeeping.clamp()
        self._scheduler.run_now("summaries")  # a time that is configured now counts from now on
        self._supervisor.wake_poller()

    def _commit(self, config: Config, change: Change, *, starting: bool) -> None:
        if not starting:
            self._reloading.applied(config)
        change.commit()
        self._replan("discover", self._supervisor.discover, config.discover.every if config.discover.report else None)
        every = config.numbers.every if config.numbers.watch else None
        self._replan("numbers", self._supervisor.look_at_numbers, every)
        self._config = config

    def _replan(self, id_: str, job: Callable[[], None], every: timedelta | None) -> None:
        """Run a job every ``every``, starting now; None removes it. A job with that interval already is left alone."""
        planned = self._scheduler.get_job(id_)
        if planned is not None and every is not None and planned.trigger.interval == every:
            return
        if planned is not None:
            self._scheduler.remove_job(id_)
        if every is not None:
            self._scheduler.every(every, job, id_, at_once=True)

    def _prepare_heartbeat(self, config: Config) -> Change:
        if self._heartbeat is not None and config.heartbeat == self._config.heartbeat:
            return Change()
        try:
            settings = config.heartbeat
            new = None if settings is None else Heartbeat(settings, health=self.health, listener=self._listener)
        except TransportError as error:
            raise InvalidConfiguration([Fault(Place(config.path, key="heartbeat.url"), str(error))]) from None
        return Change(partial(self._exchange_heartbeat, config, new))

    def _exchange_heartbeat(self, config: Config, new: Heartbeat | None) -> None:
        if self._heartbeat is not None:
            self._scheduler.remove_job("heartbeat")
            self._heartbeat.close()
        self._heartbeat = new
        if new is not None and config.heartbeat is not None:
            beat = self._supervisor.steps.contained("heartbeat", new.beat)
            self._scheduler.every(config.heartbeat.every, beat, "heartbeat")

    def _look_for_changes(self) -> None:
        self._web.try_again()
        self._control.keep()
        self._reloading.look()

    def _follow_nudges(self) -> None:
        try:
            self._supervisor.follow_nudges()
        except BridgeError as error:
            self._listener.step_failed("looking for what commands made due", error)

    def _show(self) -> None:
        self._web.tell()
        self._control.tell()

    def _follow_clock(self) -> None:
        if self._housekeeping.follow_clock():
            self._supervisor.wake_dispatchers()  # each waits for a moment of the old time
            self._sign_of_life.give()  # its latest beat lies in the old time

    def _say_status_now(self) -> None:
        self._sign_of_life.hurry()
        self._scheduler.run_now("status")
