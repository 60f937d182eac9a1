"""The running components: a poller, and a dispatcher for each receiver. A new configuration exchanges what it must."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.config.errors import Fault, InvalidConfiguration, Place
from bridge.daemon.components import CANNOT_BE_BUILT, Made, started, why_not_built
from bridge.daemon.factory import Shared, configure_reminders, dispatcher_specs, source_spec, subscriptions
from bridge.daemon.two_phase_change import Change
from bridge.delivery.paces import Paces
from bridge.domain.errors import BridgeError
from bridge.store.facts import NUDGED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from bridge.config.models import Config
    from bridge.daemon.components import Component, ComponentSpec, SourceComponent
    from bridge.daemon.worker_pool import WorkerPool
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.source.api_health import SourceHealth
    from bridge.store.store import Store

STOP_WITHIN = 2.5
"""Seconds that calls in flight get to end when the daemon stops. After that they are queued again."""

_LOOK = 0.5
"""Seconds between looks whether it is time to stop, while waiting for the pools to have nothing left to do."""


class Supervisor:
    """Runs the components that a configuration asks for.

    Args:
        store: Opened as a node.
        clock: Tells the time.
        listener: Hears what happens.
        gather: Let events wait for others to go with; a single pass has nothing to wait for.
    """

    def __init__(self, store: Store, *, clock: Clock, listener: Listener, gather: bool = True) -> None:
        self._shared = Shared(store, clock, listener, Paces(clock), gather)
        self.routes = self._shared.routes
        self.steps = self._shared.steps
        """Notes internal errors of what is done again and again."""
        self._source: SourceComponent | None = None
        self._dispatchers: dict[str, Component] = {}
        self._exchanging = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._nudged: str | None = None
        store.when_queued(self._wake_receivers)
        store.when_dropped(listener.dropped)
        store.node.listen(
            self._wake_receivers, lambda error: listener.step_failed("keeping in touch with other nodes", error)
        )

    def route(self, config: Config) -> Callable[[], None]:
        """Let events from now on go to those who want them by this configuration; returns what takes that back."""
        before = self._shared.routes.subscriptions
        self._shared.routes.subscriptions = subscriptions(config)

        def take_back() -> None:
            self._shared.routes.subscriptions = before

        return take_back

    def prepare(self, config: Config) -> Change:
        """Build what this configuration asks for, ready to begin. Until the commit, nothing of it acts.

        At the commit, a component whose settings have not changed goes on. One that must go finishes first what it has
        in flight, and its successor begins only then: nothing is polled or sent by both. :meth:`settle` waits for it.

        Raises:
            InvalidConfiguration: A component cannot be built.
            BridgeError: The store cannot be read.
        """
        self._shared.redact.learn(config.secrets())  # first: whatever is said of them from here on hides them
        spec, specs = source_spec(config, self._shared), dispatcher_specs(config, self._shared)
        decided: Future[bool] = Future()
        built: list[Component] = []
        exchanges: list[threading.Thread] = []
        faults: list[Fault] = []

        def commit() -> None:
            with self._changed:
                self._exchanging += len(exchanges)
            decided.set_result(True)

        def abandon() -> None:
            decided.set_result(False)
            _side_by_side([partial(component.end, 0.0) for component in built])

        def prepare(
            name: str, old: Made | None, new: ComponentSpec[Made] | None, put: Callable[..., bool | None]
        ) -> None:
            if old is not None and new is not None and old.settings == new.settings:
                return
            try:
                component = started(new, built)
                # A daemon thread: what hangs in a component must not hold up the end of the process.
                arguments = (old, component, decided, put)
                thread = threading.Thread(target=self._exchange, args=arguments, name="exchange", daemon=True)
                thread.start()
                exchanges.append(thread)
            except CANNOT_BE_BUILT as error:
                faults.append(Fault(Place(config.path), f"{name} cannot be prepared: {why_not_built(error)}"))

        try:
            prepare("the source", self._source, spec, self._put_source)
            for name in {**self._dispatchers, **specs}:
                put = partial(self._put_dispatcher, name)
                prepare(name, self._dispatchers.get(name), specs.get(name), put)
        except BaseException:
            abandon()
            raise
        if faults:
            abandon()
            raise InvalidConfiguration(faults)
        return Change(commit, abandon)

    def settle(self, config: Config) -> None:
        """Wait until the components of a committed configuration run, or :meth:`stop` is called."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._exchanging)
        try:
            self._shared.store.node.want(config.receiver_names)
            configure_reminders(config, self._shared)
        except BridgeError as error:  # the node's next sign of life says it
            self._shared.listener.step_failed("keeping in touch with other nodes", error)

    def apply(self, config: Config) -> None:
        """Run what this configuration asks for; return when it is so, or when :meth:`stop` is called.

        Raises:
            InvalidConfiguration: A component cannot be built.
            BridgeError: The store cannot be read.
        """
        prepared = self.prepare(config)
        self.route(config)
        prepared.commit()
        self.settle(config)

    @property
    def source_health(self) -> SourceHealth:
        """How the source does."""
        assert self._source is not None
        return self._source.poller.health

    def wake_poller(self) -> None:
        """Look at once for what is to be polled."""
        if self._source is not None:
            self._source.pool.wake()

    def wake_dispatchers(self) -> None:
        """Look at once for what is to be delivered."""
        for dispatcher in self._all_dispatchers():
            dispatcher.pool.wake()

    def follow_nudges(self) -> None:
        """Look at what is due if a command beside the daemon made something due: it can't wake anybody.

        Raises:
            BridgeError: The store cannot be read.
        """
        for dispatcher in self._all_dispatchers():
            dispatcher.pool.revive()
            if dispatcher.needs_wake():
                dispatcher.pool.wake()
        nudged = self._shared.store.fact(NUDGED)
        if nudged != self._nudged:
            self._nudged = nudged
            self.wake_dispatchers()

    def discover(self) -> None:
        """Read the account's report, if the configuration says so."""
        if self._source is not None and self._source.discovery is not None:
            self.steps.contained("discover", self._source.discovery.sweep)()

    def look_at_numbers(self) -> None:
        """See whether the account's numbers are connected, if the configuration says so."""
        if self._source is not None and self._source.numbers is not None:
            self.steps.contained("numbers", self._source.numbers.look)()

    def drain_poller(self, stop: threading.Event) -> None:
        """Poll until nothing is due, or ``stop`` is set."""
        if self._source is not None:
            _drain([self._source.pool], stop)

    def drain_dispatchers(self, stop: threading.Event) -> None:
        """Deliver until nothing is due, or ``stop`` is set."""
        _drain([dispatcher.pool for dispatcher in self._all_dispatchers()], stop)

    def stop(self, seconds: float) -> None:
        """Stop all components, side by side: what hangs in one receiver must not take the time of the others."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            components = [*self._dispatchers.values(), *([] if self._source is None else [self._source])]
        _side_by_side([partial(component.end, seconds) for component in components])

    def _exchange(
        self,
        old: Made | None,
        new: Made | None,
        decided: Future[bool],
        put: Callable[[Made | None, Made | None], bool | None],
    ) -> None:
        """End a component and begin the next one, once that is decided.

        ``put`` lets the next one be known; it returns whether there is work for it; None once all is stopped.
        """
        if not decided.result():
            return
        try:
            if old is not None:
                old.end(threading.TIMEOUT_MAX)
            has_work = put(old, new)
            if new is not None and has_work is None:
                new.end(0.0)
            elif new is not None and has_work:
                new.pool.wake()
        finally:
            with self._changed:
                self._exchanging -= 1
                self._changed.notify_all()

    def _put_source(self, old: SourceComponent | None, new: SourceComponent | None) -> bool | None:
        assert new is not None
        if old is not None:
            new.poller.succeed(old.poller)  # the source may have changed since it was built
        self._shared.listener.paced(1.0)
        with self._changed:
            if self._stopped:
                return None
            self._source = new
            return True

    def _put_dispatcher(self, name: str, old: Component | None, new: Component | None) -> bool | None:
        del old
        with self._changed:
            if new is None:
                del self._dispatchers[name]
                return False
            if self._stopped:
                return None
            self._dispatchers[name] = new
        return self._is_needed(name)

    def _is_needed(self, receiver: str) -> bool:
        """Tell whether there is anything to do for a receiver: hundreds that have nothing cost a start little."""
        try:
            return self._shared.store.needs_look(receiver)
        except BridgeError:
            return True  # its own look will say what is wrong

    def _all_dispatchers(self) -> list[Component]:
        with self._changed:
            return list(self._dispatchers.values())

    def _wake_receivers(self, receivers: Collection[str] | None) -> None:
        if receivers is None:
            self.wake_dispatchers()
            return
        with self._changed:
            concerned = [self._dispatchers[name] for name in receivers if name in self._dispatchers]
        for dispatcher in concerned:
            dispatcher.pool.wake()


def _drain(pools: Sequence[WorkerPool[Any, Any]], stop: threading.Event) -> None:
    for pool in pools:
        pool.wake()
    for pool in pools:
        while not stop.is_set() and not pool.wait_until_idle(_LOOK):
            pass


@contextmanager
def run_down(supervisor: Supervisor, stop: threading.Event) -> Iterator[None]:
    """Stop everything at the end, however it comes."""
    try:
        yield
    finally:
        stop.set()
        supervisor.stop(STOP_WITHIN)


def _side_by_side(steps: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
