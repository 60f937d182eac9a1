"""How things are at the moment somebody asks, from the store's summary; and lines of the log that were not written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.daemon import logs
from bridge.domain import failure_rate, numbers
from bridge.domain.events import SOURCE
from bridge.domain.health import REPORT
from bridge.domain.model import DeliveryState, Status
from bridge.domain.mute import Mute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import Metric

    from bridge.daemon.metrics.cached_summary import CachedSummary
    from bridge.domain.clock import Clock
    from bridge.domain.summary import Summary

NOT_SEEN = "not_seen"
"""The label of messages that no poll has brought a status of yet."""


class Gauges(Collector):
    """Gauges of what the store knows; only that it cannot be read, where it cannot."""

    def __init__(
        self,
        glance: CachedSummary,
        clock: Clock,
        receivers: Callable[[], Sequence[str]],
        pages: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._glance = glance
        self._clock = clock
        self._receivers = receivers
        self._pages = pages

    def describe(self) -> Iterable[Metric]:
        """Say nothing before being asked: a registry would else read the store to learn the names."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Measure."""
        pages = self._pages()
        yield _gauges("page_info", "Where browsers see the page; always 1.", "url", {pages: 1} if pages else {})
        summary = self._glance()
        usable = summary is not None and not summary.write_fault
        yield _gauge("store_up", "Whether the database can be read and written.", usable)
        if summary is not None:
            yield _gauge("database_size_bytes", "How much room the database takes.", summary.size)
            owner = json.loads(summary.facts.get("account", "{}"))
            of = {str(owner["client_id"]): 1} if "client_id" in owner else {}
            yield _gauges("account_info", "The WbizTool account, by its client id; always 1.", "account", of)
            yield from _messages(summary, self._clock.now())
            yield from _deliveries(summary, self._receivers(), self._clock.now())


class LogLines(Collector):
    """What the log's writer knows of itself: it can't say it in the log."""

    def collect(self) -> Iterable[Metric]:
        """Measure."""
        lost = "Lines that could not be written to the log."
        yield CounterMetricFamily("wbiz_bridge_log_lines_lost", lost, value=logs.lost_lines())
        yield _gauge("log_lines_waiting", "Lines that wait to be written to the log.", logs.waiting_lines())


def _messages(summary: Summary, now: datetime) -> Iterable[Metric]:
    counts = {NOT_SEEN: summary.statuses.get(None, 0)}
    counts |= {str(status): summary.statuses.get(status, 0) for status in Status if not status.terminal}
    yield _gauges("messages", "Messages that are not finished, by status.", "status", counts)
    yield _gauge("messages_polled", "Messages that are polled.", summary.polled)
    lag = _seconds_since(summary.oldest_due, now)
    yield _gauge("poll_lag_seconds", "How long the poll that is due the longest has been due.", lag)
    failing = len(failure_rate.read(summary.facts.get(failure_rate.FAILING)))
    yield _gauge("failing_groups", "Groups of messages that fail too often, as the alerts say.", failing)
    incidents = {"open": summary.open_incidents, "acknowledged": summary.acknowledged_incidents}
    yield _gauges("incidents", "What is wrong now, and whether somebody has acknowledged it.", "state", incidents)
    yield _gauge("source_up", "Whether WbizTool's status API answers as it should.", _is_well(summary, SOURCE))
    yield _gauge(
        "report_up", "Whether the account's report can be read, if it is asked for.", _is_well(summary, REPORT)
    )
    known = numbers.read(summary.facts.get(numbers.NUMBERS)).values()
    connected = {each.number.shown: each.number.connected for each in known}
    yield _gauges("number_connected", "Whether a WhatsApp number of the account is connected.", "number", connected)


def _deliveries(summary: Summary, receivers: Sequence[str], now: datetime) -> Iterable[Metric]:
    def counts(state: DeliveryState) -> dict[str, int]:
        return {name: summary.deliveries.get(name, {}).get(state, 0) for name in receivers}

    down = {breaker.receiver for breaker in summary.breakers if breaker.is_open}
    up = {name: name not in down for name in receivers}
    yield _gauges("receiver_up", "Whether a receiver takes events now: its circuit breaker is closed.", "receiver", up)
    held = {name: summary.held_by(name, now) for name in receivers}
    muted = {name: isinstance(by, Mute) or (by is not None and by.mute is not None) for name, by in held.items()}
    quiet = {name: by is not None and not muted[name] for name, by in held.items()}
    yield _gauges("receiver_muted", "Whether somebody has muted a receiver.", "receiver", muted)
    yield _gauges("receiver_quiet", "Whether a receiver is in its quiet hours, and not muted.", "receiver", quiet)
    yield _gauges("deliveries_queued", "Deliveries still to be made.", "receiver", counts(DeliveryState.QUEUED))
    yield _gauges("deliveries_dead", "Dead letters that are kept.", "receiver", counts(DeliveryState.DEAD))
    orphaned = sum(
        states.get(DeliveryState.QUEUED, 0) for name, states in summary.deliveries.items() if name not in receivers
    )
    yield _gauge("deliveries_orphaned", "Deliveries queued for receivers that left the configuration.", orphaned)
    oldest = _seconds_since(summary.oldest_queued, now)
    yield _gauge("oldest_queued_seconds", "How long the oldest delivery has been due; what is held is not.", oldest)


def _is_well(summary: Summary, fact: str) -> bool:
    """Tell whether a fact says that nothing is wrong."""
    return summary.facts.get(fact) in {None, "", "{}"}


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"wbiz_bridge_{name}", what, value=value)


def _gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"wbiz_bridge_{name}", what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
