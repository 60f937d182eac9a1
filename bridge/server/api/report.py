"""``/v1/report``: what became of messages in a period, in numbers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator
from starlette.exceptions import HTTPException

from bridge.domain.activity_report import BY, ask, read_by
from bridge.domain.errors import UsageError
from bridge.domain.model import LONGEST_TAG_NAME
from bridge.domain.redaction import clean_text
from bridge.domain.settings.calendar import time_zone
from bridge.server.api.params import Since, Until, problems
from bridge.server.api.schemas.report import ReportOut
from bridge.server.context import ServerContext

_By = Annotated[
    str | None,
    Query(
        max_length=LONGEST_TAG_NAME + len("tags."),
        pattern=BY,
        description="Sums for each reason, day, hour, number, or value of a tag: `tag.NAME`.",
        examples=["tag.team"],
    ),
    AfterValidator(clean_text),
]
_Zone = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Where days and hours begin, for example `Asia/Kolkata`. Default: the configured time zone.",
    ),
]


def router(context: ServerContext) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["report"])

    @routes.get("/report", response_model=ReportOut, responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
    def get_report(since: Since = None, until: Until = None, by: _By = None, timezone: _Zone = None) -> JSONResponse:
        """Add up what became of messages in a period. Default: the last seven days.

        Periods begin and end with a quarter of an hour. A message that fails and is sent later counts as both.
        """
        try:
            zone = context.timezone() if timezone is None else time_zone(timezone)
            query = ask(context.now(), zone, since=since, until=until, by=by and read_by(by))
        except ValueError as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
        try:
            return JSONResponse(context.store.activity.report(query))
        except UsageError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None

    return routes
