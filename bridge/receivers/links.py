"""Where the bridge's page shows what events are about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bridge.domain.event_data import SummaryData
from bridge.domain.model import EventType, Status
from bridge.domain.settings.calendar import time_zone
from bridge.receivers.summary_words import span_of
from bridge.receivers.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Event


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and the words that lead there."""

    address: str
    words: str


def link_to(pages: str, events: Sequence[Event]) -> Link:
    """Lead to the page of the message, to the list of several, of a summary to the report; else to the first page.

    Args:
        pages: Where people see the bridge, without a slash at the end.
        events: What it is about. Tests are about nothing that a page shows.
    """
    summary = events[0].data
    if len(events) == 1 and isinstance(summary, SummaryData) and (span := span_of(summary)) and not events[0].test:
        return Link(f"{pages}/report{_period(*span, one_line(summary.timezone))}", "Open the report")
    real = [event for event in events if not event.test and event.message_id is not None]
    if not real or len(real) < len(events):
        return Link(f"{pages}/", "Open the bridge")
    if len(events) == 1:
        return Link(f"{pages}/messages/{real[0].message_id}", "Open message")
    (type_, *others) = {event.type for event in real}
    status = next((each for each in Status if type_ is EventType.of_status(each)), None)
    return Link(
        f"{pages}/messages" if others or status is None else f"{pages}/messages?status={status}", "Open the list"
    )


def _period(since: datetime, until: datetime, zone_name: str) -> str:
    """Ask for the report of a time; for the usual one, where its zone has no name."""
    try:
        time_zone(zone_name)
    except ValueError:
        return ""
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for moment in (since, until))
    return f"?{urlencode({'since': first, 'until': last, 'timezone': zone_name}, safe=':')}"
