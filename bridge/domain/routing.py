"""Who wants this event? Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from bridge.domain import matching
from bridge.domain.event_data import ReceiverData, SummaryData, message_data
from bridge.domain.matching import Match
from bridge.domain.model import Event, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a receiver asked for.

    ``events`` are event types and globs; None is every type except ``message.pending``. ``match`` chooses among
    messages. ``hold`` is how long an incident must last to be sent. ``digests`` is how often single failures are
    sent together while too many messages fail; None if each is sent by itself. ``summary`` says that the receiver gets
    its own summaries, whatever its ``events``.
    """

    receiver: str
    events: tuple[str, ...] | None = None
    match: Match = field(default_factory=Match)
    hold: timedelta = timedelta(0)
    digests: timedelta | None = None
    summary: bool = False


@dataclass(slots=True)
class Routes:
    """Who wants what, at the moment: one list for all who make events, replaced as a whole."""

    subscriptions: tuple[Subscription, ...] = ()


def refusal(subscription: Subscription, event: Event) -> str | None:
    """Say why a receiver does not get an event, in the words of the configuration; None where it gets it.

    ``match`` chooses among messages; an event that is not about a message (``source.down``) always passes it. A
    receiver is never notified about itself: it could not take it when it is down, and knows when it is up.
    """
    if event.type is EventType.SUMMARY:
        if not subscription.summary:
            return "it has no `summary`"
        return None if _is_own(subscription, event) else "it is the summary of another receiver"
    if _is_own(subscription, event):
        return "it is about this receiver itself"
    if not subscribed(subscription, event.type):
        if subscription.events is None:
            return f"events: left out, which is every type but {event.type}"
        return f"events: {event.type} is not among {', '.join(subscription.events) or 'none'}"
    return None if event.message_id is None else matching.refusal(subscription.match, event)


def subscribed(subscription: Subscription, type_: EventType) -> bool:
    """Decide whether a receiver asked for events of a type."""
    return subscription.summary if type_ is EventType.SUMMARY else _asked_for(subscription.events, type_)


def wants(subscription: Subscription, event: Event) -> bool:
    """Decide whether a receiver gets an event."""
    return refusal(subscription, event) is None


def _is_own(subscription: Subscription, event: Event) -> bool:
    if event.message_id is not None:
        return False
    return isinstance(event.data, ReceiverData | SummaryData) and event.data.receiver == subscription.receiver


@cache
def _asked_for(patterns: tuple[str, ...] | None, type_: EventType) -> bool:
    if patterns is None:
        return type_ is not EventType.MESSAGE_PENDING
    return any(fnmatchcase(type_, pattern) for pattern in patterns)


def route(subscriptions: Iterable[Subscription], event: Event) -> tuple[Subscription, ...]:
    """List those who want an event, in their order."""
    return tuple(each for each in _table(tuple(subscriptions)).candidates(event) if wants(each, event))


class _Table:
    """Finds who may want an event without asking everybody: most receivers want the messages of one tag each."""

    def __init__(self, subscriptions: tuple[Subscription, ...]) -> None:
        self.subscriptions = subscriptions
        self._by_type: dict[EventType, tuple[list[int], dict[str, dict[str, list[int]]]]] = {}

    def candidates(self, event: Event) -> Iterable[Subscription]:
        """List everybody who wants an event, and maybe others."""
        anyway, by_tag = self._by_type.get(event.type) or self._sort(event.type)
        if event.message_id is None:
            return self.subscriptions
        found = list(anyway)
        for key, by_value in by_tag.items():
            found += by_value.get(message_data(event.data).tags.get(key, ""), ())
        return [self.subscriptions[index] for index in sorted(found)]

    def _sort(self, type_: EventType) -> tuple[list[int], dict[str, dict[str, list[int]]]]:
        anyway: list[int] = []
        by_tag: dict[str, dict[str, list[int]]] = {}
        for index, each in enumerate(self.subscriptions):
            if not _asked_for(each.events, type_):
                continue
            key, values = next(iter(each.match.every.tags.items()), ("", ()))
            if not key:
                anyway.append(index)
            for value in dict.fromkeys(values):
                by_tag.setdefault(key, {}).setdefault(value, []).append(index)
        return self._by_type.setdefault(type_, (anyway, by_tag))


_latest = _Table(())


def _table(subscriptions: tuple[Subscription, ...]) -> _Table:
    """Return the table of these; the latest is kept, for they change only with the configuration."""
    global _latest  # noqa: PLW0603 -- a cache of one
    table = _latest
    if table.subscriptions is not subscriptions:
        table = _latest = _Table(subscriptions)
    return table
