"""One pass over what is due, in place of the daemon: for cron."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.glob_patterns import LISTS, vanished, written
from bridge.daemon.failing_steps import threads_are_heard
from bridge.daemon.rate_watch import RateWatch
from bridge.daemon.summary_watch import SummaryWatch, summary_rules
from bridge.daemon.supervisor import Supervisor, run_down
from bridge.domain.clock import isoformat
from bridge.domain.errors import REPORT_IT, BridgeError, InternalError, NotNowError
from bridge.domain.observer import Listener, Listeners

if TYPE_CHECKING:
    import threading

    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.source.api_health import SourceHealth
    from bridge.store.store import Store

RAN_ONCE = "ran_once_at"
"""The fact that tells when the latest single pass began."""

PASS_BEARS = 60.0
"""Seconds that a single pass bears with a store that is locked or full; then it leaves the rest to the next one."""


def run_once(config: Config, store: Store, *, clock: Clock, listener: Listener, stop: threading.Event) -> SourceHealth:
    """Poll what is due, deliver what is queued and due, and return how the source does: for cron.

    Raises:
        BridgeError: The store failed, or an internal error set something aside, so that not everything could be done.
    """
    store.set_fact(RAN_ONCE, isoformat(clock.now()))  # a write comes first: what can't be noted down must not be sent
    gone = vanished(config.sources.patterns, store.fact(LISTS))
    if gone:
        raise NotNowError(*map(str, gone))
    store.configure(config.watchlist, clock.now(), {LISTS: written(config.sources.patterns)})
    store.incidents.forget_unwatched(config.receiver_names, numbers_watched=config.numbers.watch)
    troubles = _Troubles(stop, clock)
    supervisor = Supervisor(store, clock=clock, listener=Listeners(listener, troubles), gather=False)
    with threads_are_heard(supervisor.steps), run_down(supervisor, stop):
        supervisor.apply(config)
        supervisor.discover()
        supervisor.look_at_numbers()
        supervisor.drain_poller(stop)
        RateWatch(store, routes=supervisor.routes, clock=clock, listener=listener).look(config.rules)
        SummaryWatch(store, routes=supervisor.routes, clock=clock, listener=listener).look(summary_rules(config))
        # The second round is for what the first one found: that a receiver is down, or up again.
        for _ in range(2):
            supervisor.drain_dispatchers(stop)
        health = supervisor.source_health
    if troubles.latest is not None:
        raise troubles.latest
    return health


class _Troubles(Listener):
    """Remembers the store's latest fault. Ends the pass when waiting does not fix it, or the wait has been long."""

    def __init__(self, stop: threading.Event, clock: Clock) -> None:
        self._stop = stop
        self._clock = clock
        self._until = float("inf")
        self.latest: BridgeError | None = None

    def internal_error(self, where: str, error: BaseException) -> None:
        fault = InternalError.of(error) if not isinstance(error, InternalError) else error
        self.latest = InternalError(f"{where}: {fault}. It is set aside, and tried again later: {REPORT_IT}")

    def step_failed(self, where: str, error: BridgeError) -> None:  # noqa: ARG002 -- the listener's signature
        self.latest = error
        now = self._clock.monotonic()
        self._until = min(self._until, now + PASS_BEARS)
        if not isinstance(error, NotNowError) or now >= self._until:
            self._stop.set()
