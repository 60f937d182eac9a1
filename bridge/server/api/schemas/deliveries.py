"""Deliveries, their attempts, and what is sent again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, model_validator

from bridge.domain.model import DeliveryState, EventType, Resent
from bridge.domain.outcome import OutcomeName
from bridge.server.api.schemas.events import EventOut
from bridge.server.api.schemas.fields import MOST_AT_ONCE, GivenMoment, In, MessageId, Moment, Name, Out, left_out


class AttemptOut(Out):
    """One try of a delivery. ``answer`` is the beginning of what the receiver answered.

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
    down: they use up no step of the schedule.
    """

    id: int
    receiver: str
    state: DeliveryState
    attempts: int
    probes: int
    resent: Resent | None
    created_at: Moment
    due_at: Moment | None
    finished_at: Moment | None
    reason: str | None
    event: EventOut


class TriedOut(DeliveryOut):
    """A delivery with its attempts, oldest first; of failed probes, only the first and the last."""

    tries: list[AttemptOut]


class ListedOut(DeliveryOut):
    """A delivery in a list, with its attempts where they were asked for."""

    tries: list[AttemptOut] | None = None


class ToldOut(EventOut):
    """An event with what became of its deliveries."""

    deliveries: list[TriedOut]


class Choice(In):
    """Which dead letters to send again; what is given must all be true of them, and something must be."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [{"receiver": "crm"}]})

    ids: Annotated[
        list[MessageId], Field(min_length=1, max_length=MOST_AT_ONCE, description="Those with one of these ids.")
    ] = Field(default_factory=left_out)
    receiver: Annotated[Name, Field(min_length=1, description="Those to this receiver.")] = Field(
        default_factory=left_out
    )
    since: GivenMoment = Field(default_factory=left_out, description="Those given up since then.")
    all: Annotated[Literal[True], Field(description="All of them.")] = Field(default_factory=left_out)

    @model_validator(mode="after")
    def _says_which(self) -> Choice:
        if not self.model_fields_set:
            raise ValueError("say which: ids, receiver, since, or all")
        return self


class Retried(Out):
    """How many dead letters are sent again."""

    retried: int


class ResendIn(In):
    """What to send again of what was delivered, or, with ``backfill``, of what happened before a receiver was there."""

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
        Field(min_length=1, max_length=MOST_AT_ONCE, description="These events."),
    ] = Field(default_factory=left_out)
    receiver: Annotated[Name, Field(min_length=1, description="To this receiver; left out, to whoever had it.")] = (
        Field(default_factory=left_out)
    )
    type: Annotated[list[EventType], Field(min_length=1, description="Only events of these types.")] = Field(
        default_factory=left_out
    )
    since: GivenMoment = Field(default_factory=left_out, description="Only what happened from then on.")
    until: GivenMoment = Field(default_factory=left_out, description="Only what happened before then.")
    backfill: Annotated[StrictBool, Field(description="What the receiver asked for and never had.")] = False
    new_id: Annotated[StrictBool, Field(description="With new ids, for receivers that drop what they had before.")] = (
        False
    )
    dry_run: Annotated[StrictBool, Field(description="Only count.")] = False

    @model_validator(mode="after")
    def _says_which(self) -> ResendIn:
        if not self.model_fields_set & {"event_ids", "receiver", "since"}:
            raise ValueError("say what: event_ids, receiver, or since")
        if self.backfill and (self.receiver is None or self.event_ids is not None):
            raise ValueError("backfill needs a receiver, and takes no event_ids")
        return self


class ResentOut(Out):
    """How many deliveries are queued; where it was only counted, would be."""

    resent: int
