"""``/v1/incidents``: what is wrong now, and acknowledging it."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from starlette.requests import Request

from bridge.domain.incidents import Acknowledged, Incident, message_subject
from bridge.domain.json_views import incident_json
from bridge.domain.redaction import clean_line
from bridge.receivers.wording import cause_of
from bridge.server.api.params import Limit, cursor, page, problems
from bridge.server.api.schemas.fields import PageOut
from bridge.server.api.schemas.incidents import AcknowledgedOut, AcknowledgeIn, IncidentOut
from bridge.server.auth import Access
from bridge.server.context import ServerContext
from bridge.store.acknowledging import INCIDENT_CURSOR

_All = Annotated[bool, Query(description="Include those that somebody has acknowledged.")]
_Cursor = Annotated[str | None, cursor(INCIDENT_CURSOR)]


def router(context: ServerContext, access: Access) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/incidents", tags=["incidents"])

    @routes.get("", response_model=PageOut[IncidentOut], responses=problems())
    def list_incidents(
        request: Request,
        acknowledged: _All = False,
        cursor: _Cursor = None,
        limit: Limit = 50,
    ) -> JSONResponse:
        """List what is wrong now, newest first."""
        found = context.store.incidents.listed(acknowledged=acknowledged, cursor=cursor, most=limit)
        return page(found, _shown, request, access)

    @routes.post("/acknowledge", response_model=AcknowledgedOut, responses=problems())
    def acknowledge_incidents(wanted: AcknowledgeIn) -> JSONResponse:
        """Acknowledge incidents: reminders of them stop, and what `hold` holds back is not sent.

        Of what somebody has acknowledged before, `note` replaces the note, and `by` who wrote it; without a note,
        nothing changes. A later failure of the same subject is a new incident.
        """
        subjects = [*map(message_subject, wanted.ids or ()), *(wanted.subjects or ())]
        return JSONResponse(acknowledge(context, subjects, wanted.by, wanted.note))

    return routes


def _shown(incident: Incident) -> dict[str, Any]:
    return incident_json(incident, cause_of(incident.event))


def acknowledge(context: ServerContext, subjects: list[str], by: str, note: str) -> dict[str, list[str]]:
    """Acknowledge incidents for the API and the page, and log it. Returns what became of each subject."""
    how = Acknowledged(context.now(), clean_line(by), clean_line(note))
    found = context.store.incidents.acknowledge(subjects, how)
    if changed := [*found.acknowledged, *found.updated]:
        structlog.get_logger().info("acknowledged", subjects=changed, by=how.by, note=how.note)
        context.wake_dispatchers()
    return found.as_json()
