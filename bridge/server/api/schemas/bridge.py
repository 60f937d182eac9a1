"""The bridge as a whole: its status, and tests of receivers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from bridge.domain.model import DeliveryState, EventType
from bridge.domain.outcome import OutcomeName
from bridge.server.api.schemas.events import EventIn
from bridge.server.api.schemas.fields import In, Moment, Out, left_out


class TestIn(In):
    """What a receiver is tried with."""

    type: EventType = EventType.MESSAGE_FAILED


class TestOut(Out):
    """What came of a test event. ``subscribed`` says whether other events of its type reach the receiver, too."""

    receiver: str
    subscribed: bool
    outcome: OutcomeName
    why: str | None
    http_status: int | None
    seconds: float
    answer: str


class PreviewIn(In):
    """An event: one that happened, one that is given as webhooks get it, or a sample of a type. Just one of them."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "maxProperties": 1, "examples": [{"type": "message.failed"}]}
    )

    event_id: Annotated[str, Field(max_length=64, description="One that happened.")] = Field(default_factory=left_out)
    event: EventIn = Field(default_factory=left_out)
    type: EventType = Field(default_factory=left_out, description="A sample of this type.")

    @model_validator(mode="after")
    def _says_which(self) -> PreviewIn:
        if len(self.model_fields_set) != 1:
            raise ValueError("say which: event_id, event, or type")
        return self


class PreviewOut(Out):
    """What a receiver would be sent, without secrets; which keys there are depends on its kind."""

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
    """How one part does."""

    ok: bool
    why: str | None
    since: Moment | None


class StatusOut(Out):
    """How the bridge does. Some keys are missing where the database can't be read; more may come."""

    ok: bool
    faults: list[str]
    checks: dict[str, CheckOut]
    version: str
    configuration: str
    database: str
    warnings: list[str]
    daemon: dict[str, Any]
    messages: dict[str, Any]
    oldest_due: Moment | None
    oldest_queued: Moment | None
    receivers: dict[str, dict[DeliveryState, int]]
    breakers: dict[str, dict[str, Any]]
    internal_errors: list[dict[str, Any]]
    nodes: list[dict[str, Any]]
