"""What can be asked over HTTP, and what it answers."""

from __future__ import annotations

from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.domain.errors import BridgeError
from bridge.domain.spreadsheet.handover import InvalidCsvError
from bridge.server import openapi, wbiztool_hook
from bridge.server.api import bridge, deliveries, events, exports, incidents, messages, report
from bridge.server.api.query_check import check_query
from bridge.server.auth import Access, Prefix, refuse_other_sites, refuse_without_token
from bridge.server.csv_request import on_invalid_csv
from bridge.server.middleware import BodyLimit, BrowserHeaders, FaultGuard, Guard, refuse_other_hosts
from bridge.server.problems import on_bridge_error, on_http_exception, on_invalid
from bridge.server.ui.routes import add_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.domain.health import Health
    from bridge.server.context import ServerContext

_READ = ["GET", "HEAD"]  # monitors ask with HEAD, too
_NO_ACCESS = Access()


def make_app(
    health: Callable[[], Health],
    metrics: Callable[[str], tuple[bytes, str]],
    *,
    ready: Callable[[], bool] = lambda: True,
    access: Access = _NO_ACCESS,
    context: ServerContext | None = None,
) -> FastAPI:
    """Put together what the server answers.

    Args:
        health: Says how the bridge does. Called from threads of the server, like ``metrics``.
        metrics: Given a request's ``Accept``, returns the metrics and their content type.
        ready: Tells whether the bridge can serve. Anybody may ask, so it must not read the database.
        access: Says who may ask for what.
        context: The running bridge, for the API and the page; None for health and metrics alone.
    """
    app = FastAPI(
        title="WbizTool bridge",
        version=__version__,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,  # a function's name is the id of its operation
    )
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(BridgeError, on_bridge_error)
    app.add_exception_handler(InvalidCsvError, on_invalid_csv)

    # The last one added is the first that a request meets.
    app.add_middleware(BodyLimit)
    app.add_middleware(Guard, refuse=partial(refuse_other_sites, access))
    app.add_middleware(Guard, refuse=partial(refuse_without_token, access))
    if access.external is not None and access.external.prefix:
        app.add_middleware(Prefix, prefix=access.external.prefix)
    app.add_middleware(Guard, refuse=partial(refuse_other_hosts, access))
    app.state.answered = _unheard if context is None else context.answered
    failed = _unheard if context is None else context.failed
    app.add_middleware(FaultGuard, answered=app.state.answered, failed=failed)
    app.add_middleware(BrowserHeaders)
    app.include_router(_for_monitors(health, ready, metrics))
    if context is not None:
        describe = cache(lambda: openapi.describe(app, access))
        app.include_router(_for_programs(context, access, describe))
        add_pages(app, context, access, describe)
    return app


def _unheard(*_: object) -> None:
    """Tell nobody."""


def _for_monitors(
    health: Callable[[], Health], ready: Callable[[], bool], metrics: Callable[[str], tuple[bytes, str]]
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=_READ)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @router.api_route("/readyz", methods=_READ)
    async def readyz() -> PlainTextResponse:
        return PlainTextResponse(*(("ready\n",) if ready() else ("not ready\n", HTTPStatus.SERVICE_UNAVAILABLE)))

    @router.api_route("/health", methods=_READ)
    def show_health() -> JSONResponse:
        found = health()
        return JSONResponse(found.as_json(), HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE)

    @router.api_route("/metrics", methods=_READ)
    def show_metrics(accept: Annotated[str, Header()] = "") -> Response:
        body, content_type = metrics(accept)
        return Response(body, headers={"Content-Type": content_type})

    return router


def _for_programs(context: ServerContext, access: Access, describe: Callable[[], dict[str, Any]]) -> APIRouter:
    router = APIRouter()
    for part in (messages, events, deliveries, incidents):
        router.include_router(part.router(context, access), prefix="/v1", dependencies=[Depends(check_query)])
    for whole in (bridge, exports, report):
        router.include_router(whole.router(context), prefix="/v1", dependencies=[Depends(check_query)])
    router.include_router(wbiztool_hook.router(context, access))

    @router.get("/openapi.json", include_in_schema=False)
    def show_description() -> JSONResponse:
        return JSONResponse(describe())

    return router
