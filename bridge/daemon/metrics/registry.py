"""Metrics for Prometheus: what has happened is counted as it happens, how things are is read when they are asked for.

Names and meanings are a contract with dashboards and alerts: ``docs/operate.md`` lists them all.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client.exposition import choose_encoder

from bridge import __version__
from bridge.daemon.metrics.cached_summary import PATIENCE, CachedSummary
from bridge.daemon.metrics.counters import Counters
from bridge.daemon.metrics.gauges import Gauges, LogLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.domain.summary import Summary

# When each series began would be a series of its own, and nobody asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one running bridge, in a registry of their own.

    Args:
        summary: Reads the store's summary; it may take long, or fail with a BridgeError.
        clock: Tells the time.
        receivers: Lists the names of those in the configuration. Others have no series.
        pages: Tells where browsers see the page, if that is configured.
        patience: How many seconds a scrape waits for the summary. Without it there are no gauges, but all counters.
    """

    def __init__(
        self,
        summary: Callable[[], Summary],
        clock: Clock,
        receivers: Callable[[], Sequence[str]],
        *,
        pages: Callable[[], str | None] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        self._receivers = receivers
        self._counts = Counters(self._registry, clock)
        self._registry.register(Gauges(CachedSummary(summary, clock, patience), clock, receivers, pages))
        self._registry.register(LogLines())
        prometheus_client.ProcessCollector(registry=self._registry)
        build = prometheus_client.Info("wbiz_bridge_build", "The version that runs.", registry=self._registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._counts.reloaded(())

    @property
    def listener(self) -> Listener:
        """Counts what it hears; it hears of reloads too."""
        return self._counts

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics, and name the content type.

        Args:
            accept: The request's header of that name; without it, in the text format 0.0.4.
        """
        self._counts.keep(self._receivers())
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
