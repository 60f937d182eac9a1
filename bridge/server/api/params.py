"""What is asked for, and how pages and problems are described: the same for all of the API, pages and tables alike."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Path, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, WithJsonSchema

from bridge.domain.model import LARGEST_ID, UNSEEN, EventType, Status
from bridge.domain.redaction import clean_text
from bridge.domain.suggest import suggestion
from bridge.server.api.schemas.fields import GivenMoment
from bridge.store.history import EventQuery
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from bridge.server.auth import Access
    from bridge.store.paging import Page

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[12345])]
Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of items per page.")]
Since = Annotated[GivenMoment | None, Query(description="From this time on (with a time zone).")]
Until = Annotated[GivenMoment | None, Query(description="Before this time (with a time zone).")]
OfMessage = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only items about this message.")]
Name = Annotated[
    str | None, Query(max_length=64, description="Only deliveries to this receiver."), AfterValidator(clean_text)
]


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


def cursor(pattern: str) -> Any:
    """Describe the parameter that leads to the page after one."""
    return Query(max_length=60, pattern=pattern, description="`next` of the previous page.")


_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def problems(*more: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe what a call may be refused with."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in (*_ALWAYS, *more)}


def page(
    found: Page[Any], render: Callable[[Any], Mapping[str, Any]], request: Request, access: Access
) -> JSONResponse:
    """Render a page, with a link to the one after it (RFC 8288)."""
    headers = {}
    if found.next is not None:
        after = request.url.include_query_params(cursor=found.next)
        headers["Link"] = f'<{access.link(after.path)}?{after.query}>; rel="next"'
    return JSONResponse({"items": [render(item) for item in found.items], "next": found.next}, headers=headers)
