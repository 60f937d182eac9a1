"""Where the bridge's page shows what events are about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.model import EventType, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Event


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and the words that lead there."""

    address: str
    words: str


def link_to(pages: str, events: Sequence[Event]) -> Link:
    """Lead to the page of the message, to the list of several, else to the first page.

    Args:
        pages: Where people see the bridge, without a slash at the end.
        events: What it is about. Tests are about nothing that a page shows.
    """
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
