"""Deliveries, their attempts, and what is sent again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, model_validator

from bridge.domain.model import DeliveryState, EventType, Resent
from bridge.domain.outcome import OutcomeName
from bridge.server.api.schemas.events import EventOut
from bridge.server.api.schemas.fields import MOST_IN_A_REQUEST, GivenMoment, In, MessageId, Moment, Name, Out, left_out


class AttemptOut(Out):
    """An attempt of a delivery. ``answer`` is the beginning of the receiver's response.

    ``probe`` says that it failed while the receiver was down, and was made to find out whether it takes anything again.
    """

    at: Moment
    seconds: float
    outcome: OutcomeName
    http_status: int | None
    why: str | None
    answer: str
    probe: bool


class DeliveryOut(Out):
    """One event queued for one receiver.

    ``attempts`` counts the rounds of its present schedule, ``probes`` the calls that failed while its receiver was
    down: they use up no step of the schedule. ``reminder`` numbers the reminders of an event, from 1; 0 for others.
    ``held`` says which mute or quiet hours it waits for, if any, and ``waits`` what else an event that is due waits for
    before its first attempt: the receiver, or the next digest.
    """

    id: int
    receiver: str
    state: DeliveryState
    attempts: int
    probes: int
    resent: Resent | None
    reminder: int
    created_at: Moment
    due_at: Moment | None
    finished_at: Moment | None
    reason: str | None
    held: str | None
    waits: str | None
    event: EventOut


class TriedOut(DeliveryOut):
    """A delivery with its attempts, oldest first. Of failed probes, only the first and the last are kept."""

    tries: list[AttemptOut]


class ListedOut(DeliveryOut):
    """A delivery in a list, with its attempts if requested."""

    tries: list[AttemptOut] | None = None


class StoryEventOut(EventOut):
    """An event with its deliveries."""

    deliveries: list[TriedOut]


class Choice(In):
    """Which dead letters to send again. At least one filter is required; filters are combined with AND."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [{"receiver": "crm"}]})

    ids: Annotated[
        list[MessageId], Field(min_length=1, max_length=MOST_IN_A_REQUEST, description="Only these deliveries.")
    ] = Field(default_factory=left_out)
    receiver: Annotated[Name, Field(min_length=1, description="Only dead letters to this receiver.")] = Field(
        default_factory=left_out
    )
    since: GivenMoment = Field(default_factory=left_out, description="Only dead letters given up since then.")
    all: Annotated[Literal[True], Field(description="All dead letters.")] = Field(default_factory=left_out)

    @model_validator(mode="after")
    def _says_which(self) -> Choice:
        if not self.model_fields_set:
            raise ValueError("at least one of ids, receiver, since and all is required")
        return self


class Retried(Out):
    """The number of dead letters that are sent again."""

    retried: int


class ResendIn(In):
    """Which events to send again or, with ``backfill``, which earlier events to send to a new receiver."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("event_ids", "receiver", "since")],
            "if": {"properties": {"backfill": {"const": True}}, "required": ["backfill"]},
            "then": {"required": ["receiver"], "not": {"required": ["event_ids"]}},
            "examples": [{"receiver": "crm", "since": "2026-12-24T09:00:00Z"}],
        }
    )

    event_ids: Annotated[
        list[Annotated[str, Field(pattern=r"^evt_[a-z2-7]{24}$", examples=["evt_2pgyxq3i5f6n7e4kd2ab5cqx"])]],
        Field(min_length=1, max_length=MOST_IN_A_REQUEST, description="Only these events."),
    ] = Field(default_factory=left_out)
    receiver: Annotated[
        Name, Field(min_length=1, description="Only to this receiver. Default: all that got the event.")
    ] = Field(default_factory=left_out)
    type: Annotated[list[EventType], Field(min_length=1, description="Only events of these types.")] = Field(
        default_factory=left_out
    )
    since: GivenMoment = Field(default_factory=left_out, description="Only events from this time on.")
    until: GivenMoment = Field(default_factory=left_out, description="Only events before this time.")
    backfill: Annotated[
        StrictBool, Field(description="Send the receiver the earlier events that it subscribes to.")
    ] = False
    new_id: Annotated[StrictBool, Field(description="Use new ids, for receivers that drop duplicates.")] = False
    dry_run: Annotated[StrictBool, Field(description="Only count, without sending.")] = False

    @model_validator(mode="after")
    def _says_which(self) -> ResendIn:
        if not self.model_fields_set & {"event_ids", "receiver", "since"}:
            raise ValueError("at least one of event_ids, receiver and since is required")
        if self.backfill and (self.receiver is None or self.event_ids is not None):
            raise ValueError("backfill needs a receiver and takes no event_ids")
        return self


class ResentOut(Out):
    """The number of deliveries that were queued or, with ``dry_run``, would be."""

    resent: int
