"""Problem details (RFC 9457): how every error is told over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


def problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Tell what is wrong: the status in words, and where there is more to say, the detail."""
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail is not None:
        body["detail"] = detail
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Tell of a path that there is not, or a method that it does not take."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = f"there is no {request.scope['path']}"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            detail = f"{request.scope['path']} takes no {request.method} (allowed: {allowed})"
        case _:
            detail = error.detail
    return problem(error.status_code, detail, error.headers)
