"""How the rate is used: less of it while the API is in trouble, and when it binds, new messages go first."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.daemon.factory import Shared, pool_for
from bridge.daemon.metrics.cached_summary import CachedSummary
from bridge.daemon.metrics.gauges import Gauges
from bridge.delivery.paces import Paces
from bridge.domain import aimd
from bridge.domain.clock import SystemClock
from bridge.domain.observer import Listener
from bridge.domain.poll_schedule import Interval, Schedule
from bridge.domain.routing import Routes
from bridge.simulator.faults import Fault
from bridge.source.api import WbizTool
from bridge.source.poller import Poller
from bridge.transport.client import HttpClient
from bridge.transport.rate_limiter import RateLimiter
from tests.world.records import statements
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.daemon.worker_pool import WorkerPool
    from bridge.simulator.api import Simulator
    from bridge.store.store import Store

OLD, NEW = range(1, 201), range(1001, 1006)
RATE = 100


class Heard(Listener):
    """Remembers what part of the rate was used."""

    def __init__(self) -> None:
        self.used: list[float] = []

    def paced(self, used: float) -> None:
        self.used.append(used)


@contextmanager
def polling(
    store: Store, simulator: Simulator, per_second: float, every: timedelta, heard: Heard
) -> Iterator[tuple[Poller, WorkerPool[Any, Any]]]:
    """Poll what the store has, with two calls in flight."""
    clock, stop = SystemClock(), threading.Event()
    with ExitStack() as stack:
        channel = HttpClient(simulator.base_url, timeout=timedelta(seconds=5), connections=2)
        stack.callback(channel.close)
        source = WbizTool(
            channel,
            client_id=simulator.client_id,
            api_key=simulator.api_key,
            attempts=1,
            pace=RateLimiter(per_second, clock, changed=heard.paced),
            clock=clock,
            stop=stop,
        )
        poller = Poller(
            store,
            source,
            schedule=Schedule((Interval(every),)),
            jitter=lambda: 0.5,
            routes=Routes(),
            clock=clock,
            listener=heard,
        )
        pool: WorkerPool[Any, Any] = pool_for("poll", "polling", 2, poller, Shared(store, clock, heard, Paces(clock)))
        pool.start()
        stack.callback(pool.stop, 5)
        stack.callback(stop.set)
        pool.wake()
        yield poller, pool


@pytest.mark.slow
def test_where_the_limit_binds_new_messages_do_not_wait_for_the_old_nor_these_for_ever_and_the_lag_is_seen(
    store: Store, simulator: Simulator
) -> None:
    """Old messages, due all the time, take two seconds a round. New ones have three polls before that."""
    clock = SystemClock()
    for id_ in (*OLD, *NEW):
        simulator.account.put(id_)
    store.messages.watch(OLD, clock.now())
    statements(store, "UPDATE messages SET seen = 3")
    with polling(store, simulator, RATE, timedelta(milliseconds=250), Heard()) as (_, pool):
        until(lambda: simulator.polls.total() > RATE // 4)
        store.messages.watch(NEW, clock.now())
        pool.wake()
        until(lambda: all(simulator.polls[id_] for id_ in NEW))
        assert sum(simulator.polls[id_] > 0 for id_ in OLD) < len(OLD) // 2, "before half of the old had their turn"
        until(lambda: all(simulator.polls[id_] >= 3 for id_ in NEW))
        assert not all(simulator.polls[id_] for id_ in OLD)
        until(lambda: all(simulator.polls[id_] for id_ in OLD))
        assert lag(store) > 1


def lag(store: Store) -> float:
    """What the metric says."""
    clock = SystemClock()
    found = Gauges(CachedSummary(store.summaries.summary, clock, 5), clock, lambda: ()).collect()
    (family,) = (each for each in found if each.name == "wbiz_bridge_poll_lag_seconds")
    return family.samples[0].value


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.SERVER_ERROR])
def test_fewer_calls_are_made_while_the_api_is_in_trouble_and_as_many_as_before_after_it(
    store: Store, simulator: Simulator, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aimd, "HOLDS", 0.05)
    monkeypatch.setattr(aimd, "RECOVERS_IN", 1.0)
    simulator.account.put(1)
    heard = Heard()
    with polling(store, simulator, 200, timedelta(milliseconds=1), heard) as (poller, pool):
        simulator.fault(fault)
        store.messages.watch(range(1, 5), SystemClock().now())
        pool.wake()
        until(lambda: heard.used[-1:] == [aimd.LEAST] or poller.health.down)
        assert heard.used[0] == aimd.CUT
        simulator.fix()
        until(lambda: heard.used[-1] == 1.0)
    lowest = heard.used.index(min(heard.used))
    down, up = heard.used[: lowest + 1], heard.used[lowest:]
    assert (down, up) == (sorted(down, reverse=True), sorted(up))
