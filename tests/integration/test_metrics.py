"""Prometheus itself reads what a bridge shows after a real mix of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.daemon.metrics.registry import Metrics
from bridge.domain.errors import NotNowError
from bridge.domain.model import DeliveryState, Observation, Status
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.poll_answer import Unavailable
from tests.world import listed
from tests.world.clock import FakeClock
from tests.world.metrics import assert_promtool_accepts, attempt, delivery, value
from tests.world.records import NOW, after, due, fail_some, observe, tried

if TYPE_CHECKING:
    from bridge.store.store import Store


def busy(store: Store) -> Metrics:
    """Metrics of a bridge that watches 1 (failed), 2 (pending), 3 (not seen); ops refused 1, crm waits for 1 and 2."""
    store.messages.watch([3], NOW)
    fail_some(store, [1], NOW, to=("crm", "ops"))
    tried(store, due(store, receiver="ops"), Dead("410 Gone"), after(1))
    store.messages.watch([2], NOW)
    observe(store, 2, Status.PENDING, after(2))
    metrics = Metrics(store.summaries.summary, FakeClock(after(60)), lambda: ["crm", "ops"])
    for answer in (Observation(Status.FAILED, NOW), Unavailable("HTTP 502 Bad Gateway")):
        metrics.listener.polled(1, answer, 0.2)
    for _, event in listed.events(store):
        metrics.listener.event_recorded(event)
    metrics.listener.tried("crm", [delivery(DeliveryState.QUEUED)], [attempt(Retry("HTTP 502"))] * 3)
    metrics.listener.tried("crm", [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())])
    metrics.listener.tried("ops", [delivery(DeliveryState.DEAD, "ops")], [attempt(Dead("410 Gone"))])
    metrics.listener.step_failed("polling", NotNowError("the database is locked by another program"))
    metrics.listener.reloaded(["config.yaml:3:1: wbiztol: unknown key"])
    return metrics


def test_the_gauges_are_what_the_database_holds(store: Store) -> None:
    metrics = busy(store)
    assert value(metrics, "messages", status="pending") == 1
    assert value(metrics, "messages", status="not_seen") == 1
    assert value(metrics, "messages_polled") == 2
    assert value(metrics, "poll_lag_seconds") == 60
    assert value(metrics, "deliveries_queued", receiver="crm") == 2
    assert value(metrics, "deliveries_dead", receiver="ops") == 1
    assert value(metrics, "receiver_up", receiver="ops") == 0
    assert value(metrics, "oldest_queued_seconds") == 60


def test_prometheus_finds_no_fault_with_names_and_types(store: Store) -> None:
    body, _ = busy(store).render()
    assert_promtool_accepts("check", "metrics", text=body)
