"""What listings are asked for, and how pages and problems are described: the same for all of the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator

from bridge.domain.model import LARGEST_ID
from bridge.domain.redaction import clean_text
from bridge.server.api.schemas.fields import GivenMoment

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
