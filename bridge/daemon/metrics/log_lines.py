"""Counts the lines of the log that could not be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.daemon import logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric


class LogLines(Collector):
    """What the log's writer knows of itself: it can't say it in the log."""

    def collect(self) -> Iterable[Metric]:
        """Measure."""
        lost = "Lines that could not be written to the log."
        yield CounterMetricFamily("wbiz_bridge_log_lines_lost", lost, value=logs.lost_lines())
        waiting = "Lines that wait to be written to the log."
        yield GaugeMetricFamily("wbiz_bridge_log_lines_waiting", waiting, value=logs.waiting_lines())
