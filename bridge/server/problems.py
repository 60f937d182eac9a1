"""Problem details (RFC 9457): how every error is reported over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.domain.suggest import nearest
from bridge.server.fault_words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from starlette.requests import Request

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_MOST_FAULTS = 20
_LONGEST_KEY = 64
_FORMS = ("one", "many")  # how a body may be written; its tag takes pydantic's place, and in no body


def problem(
    status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Tell what is wrong: the status in words, and where there is more to say, the detail."""
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail is not None:
        body["detail"] = detail
    return JSONResponse(body | more, status, headers, media_type="application/problem+json")


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Tell of a path that there is not, or a method that it does not take."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case HTTPStatus.NOT_FOUND if error.detail == HTTPStatus.NOT_FOUND.phrase:
            detail = f"there is no {_shown(request)}"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = _allowed(request)
            detail = f"{_shown(request)} takes no {request.method} (allowed: {allowed})"
            return problem(error.status_code, detail, {"Allow": allowed})
        case _:
            detail = error.detail
    return problem(error.status_code, detail, error.headers)


def _allowed(request: Request) -> str:
    """List the methods that a path takes; Starlette tells of the first route only that has it."""
    routes = request.app.router.routes
    tried = ({**request.scope, "method": method} for method in _METHODS)
    return ", ".join(each["method"] for each in tried if any(route.matches(each)[0] is Match.FULL for route in routes))


async def on_bridge_error(_: Request, error: Exception) -> JSONResponse:
    """Tell of what the bridge could not do: most often the database is locked, or gone for a while."""
    assert isinstance(error, BridgeError)
    match error:
        case UsageError():
            return problem(HTTPStatus.BAD_REQUEST, str(error))
        case NotNowError():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "2"})
        case _:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Tell of each thing that is wrong in a request, with its place; never with what was sent."""
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if faults and faults[0]["type"] == "json_invalid":
        return problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {faults[0]['ctx']['error']}")
    errors = [_fault_json(fault, request) for fault in faults[:_MOST_FAULTS]]
    first = errors[0] if errors else {"detail": "is wrong"}
    place = (
        first.get("pointer", "").removeprefix("#").removeprefix("/") or first.get("parameter") or first.get("header")
    )
    detail = f"{place}: {first['detail']}" if place else first["detail"]
    if detail.startswith(("is ", "must ")):
        detail = f"the body {detail}"
    if len(faults) > 1:
        detail += f" (and {len(faults) - 1} more)"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _fault_json(fault: Mapping[str, Any], request: Request) -> dict[str, str]:
    where, *steps = fault["loc"]
    words = _unknown_key(str(steps[-1]), request) if fault["type"] == "extra_forbidden" else words_of(fault)
    if where == "body":
        return {"detail": words, "pointer": _pointer(steps)}
    name = "parameter" if where in {"query", "path"} else str(where)
    return {"detail": words, name: str(steps[0]) if steps else ""}


def _unknown_key(key: str, request: Request) -> str:
    """Point to the key of the call's body that was most likely meant."""
    body = getattr(request.scope.get("route"), "body_field", None)
    known = set() if body is None else set(_keys(TypeAdapter(body.field_info.annotation).json_schema()))
    near = nearest(key[:_LONGEST_KEY], known)
    return "unknown key" if near is None else f"unknown key (did you mean {near}?)"


def _keys(schema: object) -> Iterator[str]:
    """List the keys of all objects that a schema describes."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _keys(each)


def _shown(request: Request) -> str:
    """The path that was asked for; without what follows the hook's, which is a token."""
    path: str = request.scope["path"]
    head, hook, token = path.partition("/hooks/wbiztool/")
    return f"{head}{hook}…" if token else path


def _pointer(steps: Sequence[str | int]) -> str:
    """Name a place in a body: JSON Pointer (RFC 6901) as a fragment."""
    if steps and steps[0] in _FORMS:
        steps = steps[1:]
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
