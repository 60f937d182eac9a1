"""What belongs together in a chat: what replies in which thread, who must see it, and what ends an incident. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.domain.incidents import OPENS, OPPOSITES, latest_of_each
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from bridge.domain.model import Delivery, Event, Post


MOST_THREADS_AT_ONCE: Final = 20
"""Threads that one look serves. At a post a second, hundreds of messages that are sent after all would take minutes."""

_REMINDERS: Final = "reminders"
"""Where reminders go that belong in several threads."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The post under which what follows about a subject is written.

    ``parent`` is the event that it is about; None where it is about several, or the event is forgotten. ``digest`` are
    all of those several events, once nothing of it is wrong any more.
    """

    post: Post
    parent: Event | None = None
    digest: tuple[Event, ...] = ()

    @property
    def shown(self) -> tuple[Event, ...]:
        """What the post shows, as far as it may be over."""
        return self.digest if self.parent is None else (self.parent,)


def answers(delivery: Delivery, thread: Thread) -> bool:
    """Tell whether a delivery goes into the thread of its subject.

    All about one message does. Of other subjects, what opens a new incident begins a new post: nobody would look
    for it under one that is over; nor does anybody look for a summary under the one before. A reminder, or the same
    event sent again, belongs to the post about it.
    """
    event = delivery.event
    begins = event.type in OPENS or event.type is EventType.SUMMARY
    if delivery.reminder or not begins or event.subject.startswith(MESSAGE_SUBJECT):
        return True
    return thread.parent is not None and thread.parent.id == event.id


def is_bad_news(events: Iterable[Event]) -> bool:
    """Tell whether a reply must be seen by those who don't follow the thread: something is wrong by the end of it."""
    return any(event.type in OPENS for event in latest_of_each(events))


def resolved_after(event: Event, parent: Event) -> timedelta | None:
    """Return how long what ``parent`` reported had lasted when ``event`` ended it; None if it is not its end."""
    sent = event.type is EventType.MESSAGE_SENT and parent.type in OPENS
    return event.at - parent.at if sent or OPPOSITES.get(event.type) is parent.type else None


def resolution(events: Iterable[Event], thread: Thread) -> timedelta | None:
    """Return how long what a thread's post shows had lasted when these events ended it; None if they don't."""
    latest = {event.subject: event for event in latest_of_each(events)}
    ended = [
        latest[first.subject].at
        for first in thread.shown
        if first.subject in latest and resolved_after(latest[first.subject], first) is not None
    ]
    return max(ended) - min(each.at for each in thread.shown if each.type in OPENS) if ended else None


def by_thread(
    deliveries: Sequence[Delivery], threads: Mapping[str, Thread]
) -> list[tuple[tuple[Delivery, ...], Thread | None]]:
    """Divide what would go in one post: a part for each thread, and one, without a thread, for what starts a new one.

    Reminders that belong in several threads are one part, without a thread: each reply would be shown in the channel.

    Args:
        deliveries: In order.
        threads: The threads that there are, by subject.

    Returns:
        Bad news first, and then in order. Parts go side by side, and so a subject is in one part only: what belongs
        elsewhere than its first delivery is left for the next look. At most :data:`MOST_THREADS_AT_ONCE` parts: the
        rest is left, too; the next look may find worse.
    """
    reminded = _reminded_together(deliveries, threads)
    chosen: dict[str, Post | str | None] = {}
    left: set[str] = set()
    parts: dict[Post | str | None, tuple[list[Delivery], Thread | None]] = {}
    for delivery in deliveries:
        subject = delivery.event.subject
        found = threads.get(subject)
        thread = found if found is not None and answers(delivery, found) else None
        place: Post | str | None = None if thread is None else thread.post
        if delivery.reminder and subject in reminded:
            place, thread = _REMINDERS, None
        first = chosen.setdefault(subject, place)
        if subject in left or (first is not None and place != first):
            left.add(subject)
        else:  # in a new post, all stays together that follows
            parts.setdefault(first, ([], thread))[0].append(delivery)
    urgent = sorted(parts.values(), key=lambda part: not is_bad_news(delivery.event for delivery in part[0]))
    return [(tuple(part), thread) for part, thread in urgent[:MOST_THREADS_AT_ONCE]]


def _reminded_together(deliveries: Sequence[Delivery], threads: Mapping[str, Thread]) -> set[str]:
    """Find the subjects whose reminders go together because they belong in different threads; none if in one."""
    heads: dict[str, Delivery] = {}
    for delivery in deliveries:
        heads.setdefault(delivery.event.subject, delivery)
    found = {subject for subject, head in heads.items() if head.reminder and subject in threads}
    return found if len({threads[subject].post for subject in found}) > 1 else set()
