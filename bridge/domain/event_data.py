"""What each kind of event says, as values whose fields have names and types. Pure.

JSON is for the border: the database, webhooks, templates and the API. :mod:`bridge.domain.json_object` reads these
classes from it, and writes them. Moments are text here as there, as :func:`bridge.domain.clock.isoformat` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- annotations are read when the bridge runs
from dataclasses import dataclass
from typing import TypeAlias

from bridge.domain.json_object import JsonObject, read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data(JsonObject):
    """The data of an event. Only a reminder has ``reminder``, its number from 1, and ``lasting_seconds``."""

    reminder: int | None = None
    lasting_seconds: int | None = None

    @property
    def why(self) -> str | None:
        """Why it came so, in the words of WbizTool or of the bridge, where there is one reason."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateData(JsonObject):
    """The status of a message, and since when. ``code`` is WbizTool's integer for it; unknown has none."""

    status: str
    code: int | None
    since: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageData(_Data):
    """What became of a message. ``reason`` says why no answer about it can be read, where that is so."""

    message_id: int
    label: str | None
    tags: Mapping[str, str]
    sequence: int
    previous: StateData | None
    current: StateData
    reason: str | None = None
    pending_seconds: int | None = None
    unreadable_seconds: int | None = None
    watched_seconds: int | None = None
    disconnected_numbers: tuple[str, ...] | None = None

    @property
    def why(self) -> str | None:
        """WbizTool's error; else why no answer can be read."""
        return self.current.error or self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthData(_Data):
    """The data of an event that is not about a message. The store gives it its ``sequence``."""

    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageData(HealthData):
    """Since when something fails, and why; or since when it works again, and since when it had failed."""

    since: str
    reason: str | None
    down_since: str | None = None

    @property
    def why(self) -> str | None:
        """The reason."""
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceData(OutageData):
    """How the Message Status API is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverData(OutageData):
    """How a receiver is."""

    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberData(HealthData):
    """Whether a WhatsApp number is connected. ``number`` may be empty."""

    number: str
    whatsapp_client_id: int
    since: str
    disconnected_seconds: int | None = None

    @property
    def name(self) -> str:
        """The number, or its id where WbizTool does not say the number; empty where neither can be read."""
        return self.number or str(self.whatsapp_client_id or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount(JsonObject):
    """How many messages failed for a reason."""

    reason: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateData(HealthData):
    """How many of the messages of a group failed. ``by`` and ``group`` name it; both are None for all."""

    by: str | None
    group: str | None
    failed: int
    of: int
    share: float | None  # None where it can't be read
    within_seconds: int
    since: str
    reasons: tuple[ReasonCount, ...]
    failing_since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsData(JsonObject):
    """How many messages came to have a status, and how many in percent failed or expired."""

    sent: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    failure_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowMessage(JsonObject):
    """A message that was sent, and how long it was seen waiting before."""

    message_id: int
    label: str | None
    waited_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSeen(JsonObject):
    """A number that was disconnected, and whether it is connected now."""

    number: str
    connected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryData(HealthData):
    """What became of messages since the last summary. ``before`` are the sums of as long a time before."""

    receiver: str
    period: str
    since: str
    until: str
    due: str
    late: bool
    timezone: str
    sent: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    failure_share: float | None
    before: SumsData | None
    waiting: int
    reasons: tuple[ReasonCount, ...]
    median_wait_seconds: int | None
    p95_wait_seconds: int | None
    slowest: tuple[SlowMessage, ...]
    numbers: tuple[NumberSeen, ...]
    dead_letters: int


EventData: TypeAlias = MessageData | HealthData

_KINDS: Mapping[str, type[EventData]] = {
    "message": MessageData,
    "source": SourceData,
    "receiver": ReceiverData,
    "number": NumberData,
    "account": RateData,
    "summary": SummaryData,
}
"""Each by what its types' names begin with."""


def read_data(type_: str, json: object) -> EventData:
    """Read the data of an event of a type."""
    return read(_KINDS[type_.partition(".")[0]], json)


def message_data(data: EventData) -> MessageData:
    """Return what an event says of a message: nothing, if it is about something else."""
    return data if isinstance(data, MessageData) else _NO_MESSAGE


_NO_MESSAGE = read(MessageData, {})
