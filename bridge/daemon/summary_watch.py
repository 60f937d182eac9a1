"""Makes receivers' summaries when they are due, as the configuration says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.domain import summary_marks
from bridge.domain.summary_marks import SUMMARIES
from bridge.domain.summary_schedule import SummaryRule, adopt, done, due_summary, next_due

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.domain.routing import Routes
    from bridge.store.store import Store


def summary_rules(config: Config) -> dict[str, SummaryRule]:
    """Say when whose summary is due, by receiver: in the configuration's time zone where it names none."""
    return {
        each.name: SummaryRule(
            each.summary.at, each.summary.timezone or config.zone, frozenset().union(*each.summary.days)
        )
        for each in config.receivers
        if each.summary is not None
    }


def next_summaries(config: Config, facts: Mapping[str, str], now: datetime) -> dict[str, datetime]:
    """Tell when the next summary is due, by receiver.

    Args:
        config: Has the rules.
        facts: The store's own.
        now: When it is.
    """
    marks = summary_marks.read(facts.get(SUMMARIES))
    return {name: next_due(name, marks.get(name), rule, now) for name, rule in summary_rules(config).items()}


class SummaryWatch:
    """Looks whether a summary is due. What was last summed up is in the store.

    Args:
        store: Adds up, and has the events.
        routes: Who wants which events.
        clock: Tells the time.
        listener: Hears of events.
    """

    def __init__(self, store: Store, *, routes: Routes, clock: Clock, listener: Listener) -> None:
        self._store = store
        self._routes = routes
        self._clock = clock
        self._listener = listener
        self._looking = threading.Lock()

    def look(self, rules: Mapping[str, SummaryRule]) -> None:
        """Look once. Of several nodes, one does.

        Raises:
            BridgeError: The store failed.
        """
        with self._looking:
            if not self._store.node.leads:
                return
            now, summaries = self._clock.now(), self._store.summary_events
            marks = summaries.marks()
            # Since when is counted makes no difference to a mark that there is.
            if marks != adopt(marks, rules, now, None):
                marks = summaries.adopt(lambda known, counted: adopt(known, rules, now, counted))
            for name, rule in rules.items():
                due = due_summary(name, marks[name], rule, now)
                if due is None:
                    continue
                event = summaries.record(due, done(due, rule), rule.zone, now, self._routes.subscriptions)
                if event is not None:
                    self._listener.event_recorded(event)
