"""Incidents, and acknowledging them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bridge.domain.incidents import ALLOWED, LONGEST_NOTE, SUBJECT, read_subject
from bridge.domain.model import LONGEST_PERSON, EventType
from bridge.server.api.schemas.fields import MOST_IN_A_REQUEST, In, MessageId, Moment, Out, left_out


class AcknowledgementOut(Out):
    """Who has acknowledged an incident, and when."""

    at: Moment
    by: str | None
    note: str | None


class IncidentOut(Out):
    """What is wrong with a subject. ``acknowledged`` is null while nobody has acknowledged it.

    ``label`` is the message's, or the phone number. ``reason`` says why; of a failure rate, how many failed, too.
    """

    subject: str
    message_id: int | None
    label: str | None
    type: EventType
    since: Moment
    reason: str | None
    event_id: str
    acknowledged: AcknowledgementOut | None


def _subject(text: str) -> str:
    try:
        return read_subject(text)
    except ValueError:
        raise ValueError(f"unknown subject ({ALLOWED})") from None


_SUBJECT = {"type": "string", "maxLength": 600, "pattern": SUBJECT, "examples": ["source"]}
_Subject = Annotated[str, Field(max_length=600), AfterValidator(_subject), WithJsonSchema(_SUBJECT)]


class AcknowledgeIn(In):
    """What to acknowledge: message ids, subjects as in the list of incidents, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["ids"]}, {"required": ["subjects"]}],
            "examples": [{"ids": [12345], "note": "told the customer", "by": "anna"}],
        }
    )

    ids: Annotated[list[MessageId], Field(min_length=1, max_length=MOST_IN_A_REQUEST)] = Field(default_factory=left_out)
    subjects: Annotated[list[_Subject], Field(min_length=1, max_length=MOST_IN_A_REQUEST)] = Field(
        default_factory=left_out
    )
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""
    by: Annotated[str, Field(max_length=LONGEST_PERSON, description="Who acknowledges it.")] = ""

    @model_validator(mode="after")
    def _says_which(self) -> AcknowledgeIn:
        if not self.model_fields_set & {"ids", "subjects"}:
            raise ValueError("ids or subjects is required")
        return self


class AcknowledgedOut(Out):
    """What became of each subject. ``updated`` had been acknowledged before, and have the new note now."""

    acknowledged: list[str]
    updated: list[str]
    already_acknowledged: list[str]
    not_open: list[str]
