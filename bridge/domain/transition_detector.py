"""Is this a transition? The rules that turn an observation into a message's new state. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.model import EventType, Message, Observation, State, Status, Unread

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an observation makes of a message.

    ``state`` and ``unknown_since`` are the message's from now on; ``event`` is the type of the event that tells of the
    transition, or of what the message's age makes of it, None where there is neither. ``stuck`` says that the state has
    been reported to be stuck. ``unread`` is set where the answer could not be read.
    """

    state: State | None
    unknown_since: datetime | None
    event: EventType | None
    stuck: bool = False
    unread: Unread | None = None


def judge(message: Message, seen: Observation, unknown_after: timedelta) -> Verdict:
    """Compare what one poll answered with what was known.

    The first observation counts. ``unknown`` counts only when it has lasted for ``unknown_after``: an id may be unknown
    for a moment after its message was sent. Until then the known state holds.
    """
    known = message.state
    if seen.status is Status.UNKNOWN:
        since = message.unknown_since or seen.at
        lasting = seen.at - since >= unknown_after
        if (known is not None and known.status is Status.UNKNOWN) or not lasting:
            return Verdict(known, since, None)
        return Verdict(State(Status.UNKNOWN, since), since, EventType.MESSAGE_UNKNOWN)
    if known is not None and known.status is seen.status:
        return Verdict(known, None, None)
    return Verdict(State(seen.status, seen.at, seen.error), None, EventType.of_status(seen.status))
