"""The bridge as a whole: its status, and tests of receivers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from bridge.domain.model import DeliveryState, EventType
from bridge.domain.outcome import OutcomeName
from bridge.server.api.schemas.events import EventIn
from bridge.server.api.schemas.fields import In, Moment, Out, left_out


class TestIn(In):
    """The test event to send."""

    type: EventType = EventType.MESSAGE_FAILED


class TestOut(Out):
    """The result of a test. ``subscribed``: whether real events of this type reach the receiver."""

    receiver: str
    subscribed: bool
    outcome: OutcomeName
    why: str | None
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
    oldest_due: Moment | None = None
    oldest_queued: Moment | None = None
    receivers: dict[str, dict[DeliveryState, int]] = Field(default_factory=left_out)
    breakers: dict[str, dict[str, Any]] = Field(default_factory=left_out)
    internal_errors: list[dict[str, Any]] = Field(default_factory=left_out)
    nodes: list[dict[str, Any]] = Field(default_factory=left_out)
