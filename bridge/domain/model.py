"""What moves through the bridge: frozen values, with no behaviour beyond what their own fields tell.

The terms are those of the documentation: message, status, observation, transition, event, receiver, delivery,
attempt, dead letter. Every time is an aware UTC datetime.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.event_data import read_data

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.domain.event_data import EventData
    from bridge.domain.outcome import Outcome


LARGEST_ID: Final = 2**53 - 1
"""Message ids are from 1 to this, wherever they come from. Up to here JSON's numbers are exact, whoever reads them
(RFC 7493); WbizTool's ids are far below."""

LONGEST_LABEL: Final = 1000
"""Characters of a label, wherever it comes from."""

LONGEST_PERSON: Final = 100
"""Characters of the name of who mutes or acknowledges."""

MOST_TAGS: Final = 20
LONGEST_TAG_NAME: Final = 64
LONGEST_TAG: Final = 200
"""Of one message, wherever they come from: how many, and the characters of a tag's name and value."""


class Status(enum.StrEnum):
    """What a message's state can be. ``unknown`` is WbizTool saying that it has no such message."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        """Whether WbizTool is done with the message, so that there is nothing left to poll for."""
        return self in _TERMINAL


UNSEEN = "unseen"
"""What stands for the status of a message that no poll has seen yet, wherever statuses are asked for."""

_TERMINAL = frozenset({Status.SENT, Status.FAILED, Status.CANCELLED, Status.EXPIRED})

CODES: Mapping[Status, int] = {
    Status.PENDING: 0,
    Status.SENT: 1,
    Status.FAILED: 2,
    Status.CANCELLED: 3,
    Status.EXPIRED: 4,
}
"""The integer by which the Message Status API names a status. ``unknown`` has none: it comes as 0 with words."""


class EventType(enum.StrEnum):
    """Every type of event that the bridge can make."""

    MESSAGE_PENDING = "message.pending"
    MESSAGE_SENT = "message.sent"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_STUCK = "message.stuck"
    MESSAGE_ABANDONED = "message.abandoned"
    SOURCE_DOWN = "source.down"
    SOURCE_UP = "source.up"
    NUMBER_DISCONNECTED = "number.disconnected"
    NUMBER_CONNECTED = "number.connected"
    RECEIVER_DOWN = "receiver.down"
    RECEIVER_UP = "receiver.up"
    ACCOUNT_FAILING = "account.failing"
    ACCOUNT_RECOVERED = "account.recovered"
    SUMMARY = "summary"

    @classmethod
    def of_status(cls, status: Status) -> EventType:
        """Name the transition to ``status``."""
        return cls(f"message.{status}")


@dataclass(frozen=True, slots=True)
class Details:
    """What somebody says of a message that is to be watched: words of his own, and when it is to be sent."""

    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What one poll answered about a message.

    ``error`` is WbizTool's reason, and given only with ``failed``; ``at`` is when the answer arrived.
    """

    status: Status
    at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The status a message is known to have, and since when the bridge has seen it so."""

    status: Status
    since: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """Since when no answer about a message could be read, and why; ``reported``: ``message.stuck`` was sent."""

    since: datetime
    why: str
    reported: bool = False

    @property
    def words(self) -> str:
        """The same, for people."""
        return unreadable_words(self.why)


def unreadable_words(why: str) -> str:
    """Say for people that the answers about a message can't be read."""
    return f"WbizTool's answers can't be read: {why}"


@dataclass(frozen=True, slots=True)
class Message:
    """A watched message.

    ``state`` is None until the first observation counts. ``sequence`` is the number of the message's latest event.
    ``unknown_since`` is set while WbizTool says it has no such message but that has not lasted long enough to count.
    ``watched_since`` is None for a sample only. ``stuck`` says that ``message.stuck`` reported its state.
    ``expected_at`` is when it is to be sent, where somebody said so, and ``hinted_at`` when the account's report last
    showed a change of it; None where the report has not shown it. ``due_at`` is when its poll was due, as it was read:
    a poll asked for meanwhile changes that. ``fault`` names what of it the store can't read: it is not polled then.
    ``unread`` is None unless the latest answers about it could not be read.
    """

    id: int
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    state: State | None = None
    sequence: int = 0
    unknown_since: datetime | None = None
    watched_since: datetime | None = None
    stuck: bool = False
    expected_at: datetime | None = None
    hinted_at: datetime | None = None
    due_at: datetime | None = field(default=None, compare=False)
    fault: str | None = None
    unread: Unread | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """The record of a transition, or of the bridge's own health.

    ``id`` is the same on every attempt to deliver it and has no full stop in it. ``subject`` is what the event is
    about (``message/12345``, ``source``, ``receiver/crm``): order is kept, and ``sequence`` counts, for each subject.
    ``json`` is the object that receivers get as the event's ``data``, as it is stored. ``test`` says that nothing
    happened, and somebody tries a receiver; ``resent`` that the receiver may have had it before, and that somebody had
    it sent again.
    """

    id: str
    type: EventType
    at: datetime
    subject: str
    sequence: int
    json: Mapping[str, Any]
    message_id: int | None = None
    test: bool = False
    resent: bool = False
    _data: EventData | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def data(self) -> EventData:
        """What ``json`` says, with a type: read when somebody first asks, for webhooks never do."""
        data = self._data
        if data is None:
            data = read_data(self.type, self.json)
            object.__setattr__(self, "_data", data)
        return data


class DeliveryState(enum.StrEnum):
    """The state of a delivery.

    ``dead`` is a dead letter: given up, kept, and free to be sent again. ``dropped`` is not sent on purpose: the
    receiver was muted, or what happened was over before its time came. ``reason`` says which.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"
    DROPPED = "dropped"


class Resent(enum.StrEnum):
    """How an event is sent again: as it was, or with a new id, for receivers that drop what they had before."""

    SAME_ID = "same id"
    NEW_ID = "new id"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event queued for one receiver.

    ``attempts`` counts the rounds made so far, ``probes`` those that failed because the receiver was away: they use up
    no step of the schedule. ``due_at`` is when the next one is due (meaningless once it is no longer queued),
    ``first_due_at`` when the first was: the end of its time is counted from it. ``reason`` is why the latest attempt
    failed. ``fault`` names what of it, or of its event, can't be read in the store: it is not sent then. ``resent`` is
    None unless somebody had the event sent again. ``reminder`` numbers the reminders of an event, from 1; 0 for none.
    ``withheld_until`` is until when ``hold`` kept it back, or does.
    """

    id: int
    event: Event
    receiver: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    first_due_at: datetime
    due_at: datetime
    finished_at: datetime | None = None
    reason: str | None = None
    fault: str | None = None
    probes: int = 0
    resent: Resent | None = None
    reminder: int = 0
    withheld_until: datetime | None = None

    @property
    def is_untried(self) -> bool:
        """Whether its receiver can't have got it yet."""
        return not self.attempts and not self.probes


@dataclass(frozen=True, slots=True)
class Expired:
    """A delivery that was given up without an attempt of its own: its receiver had failed for all of its time."""

    id: int
    event_id: str
    message_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Post:
    """A message in a chat: its channel's id, its ``ts`` there, and the channel as the configuration named it then."""

    channel: str
    ts: str
    configured: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to hand one or several events to a receiver, as it is recorded.

    ``duration`` is in seconds. ``http_status`` is None where no answer came. ``answer`` is the beginning of the
    answer's body, at most 500 characters, with secrets taken out. ``probe`` says that it was made to find out whether
    the receiver takes anything again. ``posted`` is the post to which what follows can answer, where there is one.
    """

    at: datetime
    duration: float
    outcome: Outcome
    http_status: int | None = None
    answer: str = ""
    probe: bool = False
    posted: Post | None = None
