"""The bridge as a whole: its status, and tests of receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bridge.domain.model import LONGEST_PERSON, DeliveryState, EventType
from bridge.domain.mute import LONGEST_REASON, end_of
from bridge.domain.outcome import OutcomeName
from bridge.domain.settings.units import DURATION, parse_duration
from bridge.server.api.schemas.events import EventIn
from bridge.server.api.schemas.fields import GivenMoment, In, Moment, Out, left_out

if TYPE_CHECKING:
    from datetime import datetime


def _duration(text: str) -> str:
    parse_duration(text)
    return text


_DURATION = {"type": "string", "maxLength": 20, "pattern": f"^{DURATION}$"}
_Duration = Annotated[str, Field(max_length=20), AfterValidator(_duration), WithJsonSchema(_DURATION)]


class TimezoneOut(Out):
    """The configured time zone; null if none is."""

    timezone: Annotated[str | None, Field(examples=["Asia/Kolkata"])]


class TestIn(In):
    """The test event to send."""

    type: EventType = EventType.MESSAGE_FAILED


class TestOut(Out):
    """The result of a test. ``subscribed``: whether real events of this type reach the receiver.

    ``to`` is the host or the channel that it was sent to, and ``retry_after_seconds`` the wait that the receiver asks
    for, where known.
    """

    receiver: str
    subscribed: bool
    to: str | None
    outcome: OutcomeName
    why: str | None
    retry_after_seconds: float | None
    http_status: int | None
    seconds: float
    answer: str


class PreviewIn(In):
    """An event, as exactly one of: the id of a past event, an event as webhooks get it, or a type for a sample."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "maxProperties": 1, "examples": [{"type": "message.failed"}]}
    )

    event_id: Annotated[str, Field(max_length=64, description="The id of a past event.")] = Field(
        default_factory=left_out
    )
    event: EventIn = Field(default_factory=left_out)
    type: EventType = Field(default_factory=left_out, description="A sample of this type.")

    @model_validator(mode="after")
    def _says_which(self) -> PreviewIn:
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one of event_id, event and type is required")
        return self


class PreviewOut(Out):
    """What a receiver would be sent, without secrets. The keys depend on the kind of receiver."""

    receiver: str
    url: str | None = None
    method: str | None = None
    headers: dict[str, str] | None = None
    body: str | None = None
    command: list[str] | None = None
    environment: dict[str, str] | None = None
    input: str | None = None
    title: str | None = None
    kind: str | None = None


class CheckOut(Out):
    """The status of one part."""

    ok: bool
    why: str | None
    since: Moment | None


class MuteIn(In):
    """How long to mute a receiver: exactly one of ``for`` and ``until``, at most 30 days."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["for"]}, {"required": ["until"]}],
            "examples": [{"for": "2h", "reason": "maintenance", "by": "anna"}],
        }
    )

    lasting: Annotated[_Duration, Field(alias="for", description="A duration.", examples=["2h"])] = Field(
        default_factory=left_out
    )
    until: Annotated[GivenMoment, Field(description="When it ends.")] = Field(default_factory=left_out)
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    by: Annotated[str, Field(max_length=LONGEST_PERSON, description="Who mutes it.")] = ""
    drop: Annotated[bool, Field(description="Never send what happens meanwhile; otherwise it is held.")] = False

    @model_validator(mode="after")
    def _says_how_long(self) -> MuteIn:
        if len(self.model_fields_set & {"lasting", "until"}) != 1:
            raise ValueError("give either for or until")
        return self

    def end(self, now: datetime) -> datetime:
        """Return when it ends, if it begins now.

        Raises:
            ValueError: That is not in the future, or too far in it.
        """
        return end_of(now, lasting=parse_duration(self.lasting) if self.lasting else None, until=self.until)


class MuteOut(Out):
    """A mute. ``dropped`` counts what is not sent because of it."""

    receiver: str
    since: Moment
    until: Moment
    reason: str | None
    by: str | None
    drop: bool
    dropped: int


class MutedOut(MuteOut):
    """A mute that was made. ``quiet_until`` is when quiet hours end, if they go on after it, else null."""

    quiet_until: Moment | None


class UnmutedOut(Out):
    """The mute that has ended, or null if there was none; ``held`` counts the deliveries that are released.

    They are sent now or, in quiet hours, at ``quiet_until``. ``running`` is false if that takes a daemon that is not
    running, and ``configured`` if the receiver has to be in the configuration again.
    """

    mute: MuteOut | None
    held: int
    quiet_until: Moment | None
    running: bool
    configured: bool


class HeldOut(Out):
    """A receiver that is muted or in its quiet hours, and how many deliveries wait for the end."""

    why: str
    until: Moment
    count: int


class SummaryOut(Out):
    """When a receiver's next summary is due."""

    next_due: Moment


class StatusOut(Out):
    """The bridge's status. Some keys are missing if the database can't be read; keys may be added."""

    ok: bool
    faults: list[str]
    checks: dict[str, CheckOut]
    version: str
    configuration: str
    database: str
    warnings: list[str]
    daemon: dict[str, Any]
    messages: dict[str, Any] = Field(default_factory=left_out)
    incidents: dict[str, int] = Field(default_factory=left_out)
    oldest_due: Moment | None = None
    oldest_queued: Moment | None = None
    receivers: dict[str, dict[DeliveryState, int]] = Field(default_factory=left_out)
    breakers: dict[str, dict[str, Any]] = Field(default_factory=left_out)
    mutes: dict[str, MuteOut] = Field(default_factory=left_out)
    held: dict[str, HeldOut] = Field(default_factory=left_out)
    summaries: dict[str, SummaryOut] = Field(default_factory=left_out)
    internal_errors: list[dict[str, Any]] = Field(default_factory=left_out)
    nodes: list[dict[str, Any]] = Field(default_factory=left_out)
