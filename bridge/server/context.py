"""What the handlers have of the bridge: its store, the time, and ways to make it look at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta, tzinfo

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Event, EventType
    from bridge.domain.routing import Subscription
    from bridge.domain.waits import Waits
    from bridge.server.event_stream import Streams
    from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The running bridge.

    ``wake_poller`` and ``wake_dispatchers`` let it look at once for what is due, ``step_failed`` tells what goes
    wrong where nobody waits for an answer. ``answered`` gets the status of each answer, and ``failed`` of each
    fault of our own. ``receivers`` names those in the configuration, ``gathers`` says how long after a post the next
    digest goes to those that get digests, and ``quiet_until`` when quiet hours of one end in which a moment lies.
    ``next_summaries`` says when whose next summary is due, given the store's facts and the time. ``status`` says how
    the bridge does, with all counts. ``try_receiver`` sends a test event of a type to a receiver, and ``preview`` shows
    what it would be sent of an event; both return None where there is no such receiver. ``subscriptions`` says what
    each asked for.
    ``timezone`` is that of the people who read, and ``timezone_name`` is as the configuration names it.
    ``hook_watch`` says whether WbizTool's calls may have messages watched.
    """

    store: Store
    now: Callable[[], datetime]
    wake_poller: Callable[[], None]
    wake_dispatchers: Callable[[], None]
    step_failed: Callable[[str, BridgeError], None]
    streams: Streams
    receivers: Callable[[], Sequence[str]] = tuple
    gathers: Callable[[], Mapping[str, timedelta]] = dict
    quiet_until: Callable[[str, datetime], datetime | None] = lambda *_: None
    next_summaries: Callable[[Mapping[str, str], datetime], Mapping[str, datetime]] = lambda *_: {}
    timezone: Callable[[], tzinfo] = lambda: UTC
    timezone_name: Callable[[], str | None] = lambda: None
    status: Callable[[], Mapping[str, Any]] = dict
    try_receiver: Callable[[str, EventType], dict[str, Any] | None] = lambda *_: None
    preview: Callable[[str, Event], dict[str, Any] | None] = lambda *_: None
    subscriptions: Callable[[], Sequence[Subscription]] = tuple
    hook_watch: bool = False

    def waits(self) -> Waits:
        """Read what holds up deliveries now."""
        return self.store.history.waits(self.now(), self.timezone(), self.gathers())

    answered: Callable[[int], None] = lambda _: None
    failed: Callable[[str, BaseException], None] = lambda *_: None
