"""Who wants this event? Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bridge.model import Event, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a receiver asked for.

    ``events`` are event types and globs; None is every type except ``message.pending``. ``tags`` must all stand on the
    message. ``wait`` is how long its deliveries are held back, to be grouped with those that follow.
    """

    receiver: str
    events: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    wait: timedelta = timedelta(0)


@dataclass(slots=True)
class Routes:
    """Who wants what, at the moment: one list for all who make events, replaced as a whole."""

    subscriptions: tuple[Subscription, ...] = ()


def wants(subscription: Subscription, event: Event) -> bool:
    """Decide whether a receiver gets an event.

    Tags choose among messages; an event that is not about a message (``source.down``) is not held back by them. A
    receiver is never told about itself: it could not take it when it is down, and knows when it is up.
    """
    if event.data.get("receiver") == subscription.receiver:
        return False
    if subscription.events is None:
        chosen = event.type is not EventType.MESSAGE_PENDING
    else:
        chosen = any(fnmatchcase(event.type, pattern) for pattern in subscription.events)
    if not chosen or event.message_id is None:
        return chosen
    tags = event.data.get("tags", {})
    return all(tags.get(key) == value for key, value in subscription.tags.items())


def route(subscriptions: Iterable[Subscription], event: Event) -> tuple[Subscription, ...]:
    """List those who want an event."""
    return tuple(subscription for subscription in subscriptions if wants(subscription, event))
