"""What messages and events are asked for: the same filters for pages and for tables."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, WithJsonSchema

from bridge.domain.model import LARGEST_ID, UNSEEN, EventType, Status
from bridge.domain.redaction import clean_text
from bridge.domain.suggest import suggestion
from bridge.server.api.params import OfMessage, Since, Until
from bridge.store.history import EventQuery
from bridge.store.search import MessageQuery


def _status(text: str) -> str:
    if text not in _ALLOWED:
        raise ValueError(f"unknown value ({suggestion(text[:_LONGEST_STATUS], _ALLOWED)})")
    return text


_ALLOWED = [*map(str, Status), UNSEEN]
_LONGEST_STATUS = 64
_Status = Annotated[str, AfterValidator(_status), WithJsonSchema({"type": "string", "enum": _ALLOWED})]
_Statuses = Annotated[
    list[_Status],
    Query(description="Only messages with one of these statuses. `unseen`: not polled yet.", examples=[["failed"]]),
]
_Ids = Annotated[
    list[Annotated[int, Query(ge=1, le=LARGEST_ID)]],
    Query(max_length=100, description="Only messages with one of these ids."),
]
_Tags = Annotated[
    list[Annotated[str, Query(max_length=300, pattern="^[^=]+=.*$")]],
    Query(
        max_length=20,
        description="Only messages with this tag, `KEY=VALUE`. Repeat it to require several tags.",
        examples=[["team=billing"]],
    ),
]
_Words = Annotated[
    str | None,
    Query(max_length=200, description="Only messages whose label or error contains this text."),
    AfterValidator(clean_text),
]

_Reason = Annotated[
    str | None,
    Query(max_length=300, description="Only messages that failed for this reason, a `reason` of `GET /v1/report`."),
    AfterValidator(clean_text),
]
_Watched = Annotated[bool | None, Query(description="Only messages that are watched (true) or not watched (false).")]
Types = Annotated[list[EventType], Query(description="Only events of these types.", examples=[["message.failed"]])]


def _message_query(
    id: _Ids = [],  # noqa: A002 -- the parameter's name
    status: _Statuses = [],
    tag: _Tags = [],
    text: _Words = None,
    reason: _Reason = None,
    since: Since = None,
    until: Until = None,
    watched: _Watched = None,
) -> MessageQuery:
    return MessageQuery(
        ids=tuple(id) or None,
        statuses=[None if each == UNSEEN else Status(each) for each in status] or None,
        tags=dict(_pair(each) for each in tag),
        text=text,
        since=since,
        until=until,
        watched=watched,
        reason=reason,
    )


def _event_query(
    type: Types = [],  # noqa: A002 -- as above
    message_id: OfMessage = None,
    since: Since = None,
    until: Until = None,
) -> EventQuery:
    return EventQuery(message_id, tuple(type) or None, since, until)


def _pair(text: str) -> tuple[str, str]:
    key, _, value = clean_text(text).partition("=")
    return key, value


ChosenMessageQuery = Annotated[MessageQuery, Depends(_message_query)]
ChosenEventQuery = Annotated[EventQuery, Depends(_event_query)]
"""What the query of a request asks for."""
