"""Events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from bridge.domain.model import EventType, Status
from bridge.server.api.schemas.fields import MessageId, Moment, Out, left_out


class EventOut(Out):
    """An event, as webhooks get it."""

    id: str
    type: EventType
    timestamp: Moment
    data: dict[str, Any]


class _Open(BaseModel):
    """Other keys are allowed."""

    model_config = ConfigDict(extra="allow", frozen=True)


class StateIn(_Open):
    """The status of a message in an event."""

    status: Status = Field(default_factory=left_out)
    error: StrictStr | None = None


class EventDataIn(_Open):
    """The parts of an event that are checked. Other keys are accepted as they are."""

    message_id: MessageId | None = None
    label: StrictStr | None = None
    tags: dict[str, StrictStr] | None = None
    receiver: StrictStr | None = None
    previous: StateIn | None = None
    current: StateIn | None = None


class EventIn(_Open):
    """An event, as webhooks get it (`format: standard`). One about a message names it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "if": {"properties": {"type": {"pattern": r"^message\."}}},
            "then": {
                "properties": {
                    "data": {"required": ["message_id"], "properties": {"message_id": {"not": {"type": "null"}}}}
                }
            },
        },
    )

    id: StrictStr | None = None
    type: EventType
    data: EventDataIn

    @model_validator(mode="after")
    def _names_its_message(self) -> EventIn:
        if self.type.startswith("message.") and self.data.message_id is None:
            raise ValueError("data.message_id: must be given")
        return self
