"""Where the pages are. Whatever is read here needs no token of its own; what changes something does."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from bridge.server.problems import on_http_exception
from bridge.server.ui.acknowledging import acknowledging
from bridge.server.ui.adding import adding
from bridge.server.ui.api_reference import api_reference
from bridge.server.ui.forms import Flashes, Forms
from bridge.server.ui.messages import Asked
from bridge.server.ui.muting import muting
from bridge.server.ui.period import Wanted
from bridge.server.ui.render import STATIC, static
from bridge.server.ui.sending_again import sending_again
from bridge.server.ui.trying import trying
from bridge.server.ui.views import View
from bridge.server.ui.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.server.auth import Access
    from bridge.server.context import ServerContext

_READ = ["GET", "HEAD"]
_Views: TypeAlias = "Callable[[Request], View]"


def add_pages(app: FastAPI, context: ServerContext, access: Access, describe: Callable[[], Mapping[str, Any]]) -> None:
    """Let an application answer browsers, too.

    Args:
        app: The application.
        context: The running bridge.
        access: Has the token that sending again asks for.
        describe: Makes the OpenAPI document.
    """
    flashes = Flashes()
    view = partial(View, context, access, flashes)
    forms = Forms(access, flashes, lambda request, error: view(request).broken(error))
    for add in (sending_again, muting, acknowledging, watching, trying):
        add(context, forms)
    for part in (
        adding(context, access, flashes, view),  # first: its path would be that of a message
        _reading(view, context),
        _about_the_api(view, access, describe),
        forms.router,
        _files(),
    ):
        app.include_router(part, include_in_schema=False)

    async def on_missing(request: Request, error: Exception) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return await on_http_exception(request, error)
        return view(request).missing("There is no such page", "Perhaps a letter of its address is missing.")

    app.add_exception_handler(HTTPStatus.NOT_FOUND, on_missing)


def _reading(view: _Views, context: ServerContext) -> APIRouter:
    router = APIRouter()

    @router.api_route("/", methods=_READ)
    def overview(request: Request) -> Response:
        return view(request).overview()

    @router.api_route("/messages", methods=_READ)
    def messages(
        request: Request,
        text: str = "",
        status: str = "",
        tag: str = "",
        reason: str | None = None,
        period: str = "",
        since: str = "",
        until: str = "",
        timezone: str = "",
        order: str = "",
        cursor: str | None = None,
    ) -> Response:
        given = {"text": text, "status": status, "tag": tag, "period": period, "since": since, "until": until}
        asked = Asked.read(context.now(), context.timezone(), reason, timezone=timezone, order=order, **given)
        return view(request).messages(asked, cursor)

    @router.api_route("/messages/{message}", methods=_READ)
    def message(request: Request, message: str) -> Response:
        return view(request).message(message)

    @router.api_route("/incidents", methods=_READ)
    def incidents(request: Request, acknowledged: str = "", cursor: str | None = None) -> Response:
        return view(request).incidents(cursor, acknowledged=acknowledged == "true")

    @router.api_route("/report", methods=_READ)
    def report(
        request: Request, period: str = "", since: str = "", until: str = "", by: str = "", timezone: str = ""
    ) -> Response:
        return view(request).report(Wanted.read(period=period, since=since, until=until, by=by, timezone=timezone))

    @router.api_route("/help", methods=_READ)
    def help_page(request: Request) -> Response:
        return view(request).help()

    @router.api_route("/help/alerts", methods=_READ)
    def alerts(request: Request) -> Response:
        return view(request).alerts()

    @router.api_route("/deliveries", methods=_READ)
    def deliveries(request: Request, state: str = "", receiver: str = "", cursor: str | None = None) -> Response:
        return view(request).deliveries(state, receiver.replace("\0", "") or None, cursor)

    return router


def _about_the_api(view: _Views, access: Access, describe: Callable[[], Mapping[str, Any]]) -> APIRouter:
    router = APIRouter()

    @router.api_route("/docs", methods=_READ)
    def docs(request: Request) -> Response:
        address = access.link("") or str(request.base_url).rstrip("/")
        return view(request).docs(api_reference(describe(), address))

    return router


def _files() -> APIRouter:
    router = APIRouter()

    @router.api_route("/page/{name}", methods=_READ)
    def beside(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(static(name), media_type=STATIC[name], headers=headers)

    return router
