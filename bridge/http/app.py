"""What can be asked over HTTP, and what it answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Header
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.http.guard import FaultGuard, HostGuard, TokenGuard
from bridge.http.problems import on_http_exception

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.health import Health

_READ = ["GET", "HEAD"]  # monitors ask with HEAD, too


def make_app(
    readiness: Callable[[], Health],
    metrics: Callable[[str], tuple[bytes, str]],
    *,
    listen_host: str,
    token: str | None = None,
) -> FastAPI:
    """Put together what the server answers.

    Args:
        readiness: Says how the bridge does. Called from threads of the server, like ``metrics``.
        metrics: Given a request's ``Accept``, returns the metrics and their content type.
        listen_host: The host that the server listens at: requests have to name it, or this machine.
        token: What everything but ``/healthz`` asks for.
    """
    app = FastAPI(title="WbizTool bridge", version=__version__, openapi_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, on_http_exception)

    # The last one added is the first that a request meets.
    app.add_middleware(FaultGuard)
    if token is not None:
        app.add_middleware(TokenGuard, token=token)
    app.add_middleware(HostGuard, listen_host=listen_host)
    app.include_router(_for_monitors(readiness, metrics))
    return app


def _for_monitors(readiness: Callable[[], Health], metrics: Callable[[str], tuple[bytes, str]]) -> APIRouter:
    router = APIRouter()

    @router.api_route("/healthz", methods=_READ)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @router.api_route("/readyz", methods=_READ)
    def readyz() -> JSONResponse:
        health = readiness()
        return JSONResponse(health.as_json(), HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE)

    @router.api_route("/metrics", methods=_READ)
    def show_metrics(accept: Annotated[str, Header()] = "") -> Response:
        body, content_type = metrics(accept)
        return Response(body, headers={"Content-Type": content_type})

    return router
