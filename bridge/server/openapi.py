"""``/openapi.json``: the API described for programs (OpenAPI 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from bridge.server.api.schemas.problems import Problem
from bridge.server.openapi_webhooks import components, webhooks

if TYPE_CHECKING:
    from fastapi import FastAPI

    from bridge.server.auth import Access

_ABOUT = """\
Hand over message ids the moment WbizTool gives them to you, and read what became of them.

Errors are problem details (RFC 9457). Lists come in pages: hand `next` back as `cursor`. Times are UTC, as
`2026-11-23T20:11:12.345Z`; where you give one, it needs a time zone.

Webhooks are what a receiver of the kind `webhook` is sent: one event in each POST.
"""


def describe(app: FastAPI, access: Access) -> dict[str, Any]:
    """Describe what an application answers."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=app.routes,
        servers=[{"url": access.link("") or "/"}],
    )
    parts = found.setdefault("components", {})
    shape = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    found["webhooks"], sent = webhooks(), components()
    parts.setdefault("schemas", {}).update({**shape.pop("$defs", {}), "Problem": shape, **sent["schemas"]})
    parts["parameters"] = sent["parameters"]
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "`http.token`"}}
    for path, calls in found["paths"].items():
        for method, call in calls.items():
            call["summary"] = call["operationId"].replace("_", " ").capitalize()
            for parameter in call.get("parameters", ()):
                parameter["schema"] = _without_null(parameter["schema"])
            if access.needs_token(method.upper(), path):
                call["security"] = [{"token": []}]
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter that may be left out: in a URL, there is no null."""
    given, *null = schema.get("anyOf", [{}])
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**given, **rest} if null == [{"type": "null"}] else schema
