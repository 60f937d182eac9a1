"""Where the pages are. Whatever is read here needs no token of its own; what changes something does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from bridge.domain.errors import BridgeError, UsageError
from bridge.server.problems import on_http_exception
from bridge.server.ui.acknowledging import acknowledging
from bridge.server.ui.adding import AddPage, adding
from bridge.server.ui.api_reference import api_reference
from bridge.server.ui.deliveries import state_in
from bridge.server.ui.forms import SAID, Flashes, Forms, Said
from bridge.server.ui.messages import Asked, id_in
from bridge.server.ui.muting import muting
from bridge.server.ui.period import Wanted
from bridge.server.ui.render import STATIC, static
from bridge.server.ui.sending_again import sending_again
from bridge.server.ui.trying import trying
from bridge.server.ui.views import Views, Written
from bridge.server.ui.watching import watching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bridge.server.auth import Access
    from bridge.server.context import ServerContext

_READ = ["GET", "HEAD"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # no-referrer would let the browser send "Origin: null" with our own form
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Sent with every page: nothing from elsewhere is loaded, nothing within is run, and nobody shows it in a frame."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What answers browsers, and how it answers where there is nothing."""

    router: APIRouter
    on_missing: Callable[[Request, Exception], Awaitable[Response]]


def make_pages(context: ServerContext, access: Access, describe: Callable[[], Mapping[str, Any]]) -> Pages:
    """Put together what answers browsers.

    Args:
        context: The running bridge.
        access: Has the token that sending again asks for.
        describe: Makes the OpenAPI document.
    """
    desk = Views(context, can_change=access.token is not None, trusted=access.trusted)
    flashes = Flashes()
    router = APIRouter(include_in_schema=False)

    def show_adding(request: Request, page: AddPage, status: int) -> Response:
        return _page(desk, request, lambda path: desk.adding(path, page), status)

    broken = partial(_broken, desk)
    forms = Forms(access, flashes, broken)
    for add in (sending_again, muting, acknowledging, watching, trying):
        add(context, forms)
    for part in (
        adding(context, access, flashes, show_adding, broken),
        _reading(desk, context, flashes),
        _about_the_api(desk, access, describe),
        forms.router,
        _files(),
    ):
        router.include_router(part)

    async def on_missing(request: Request, error: Exception) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return await on_http_exception(request, error)
        path = request.url.path
        html = desk.missing(path, title="There is no such page", text="Perhaps a letter of its address is missing.")
        return answer(html, HTTPStatus.NOT_FOUND)

    return Pages(router, on_missing)


def _reading(desk: Views, context: ServerContext, flashes: Flashes) -> APIRouter:
    router = APIRouter()

    def said(request: Request) -> Said | None:
        return flashes.take(request.query_params.get(SAID)) if request.method == "GET" else None

    @router.api_route("/", methods=_READ)
    def overview(request: Request) -> Response:
        return _page(desk, request, lambda path: desk.overview(path, said(request)))

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
        return _page(desk, request, lambda path: desk.messages(path, asked, cursor, said(request)))

    @router.api_route("/messages/{message}", methods=_READ)
    def message(request: Request, message: str) -> Response:
        id_ = id_in(message)
        return _page(desk, request, lambda path: desk.message(path, id_, said(request)) if id_ else None)

    @router.api_route("/incidents", methods=_READ)
    def incidents(request: Request, acknowledged: str = "", cursor: str | None = None) -> Response:
        shown, every = said(request), acknowledged == "true"
        return _page(desk, request, lambda path: desk.incidents(path, cursor, shown, acknowledged=every))

    @router.api_route("/report", methods=_READ)
    def report(
        request: Request, period: str = "", since: str = "", until: str = "", by: str = "", timezone: str = ""
    ) -> Response:
        wanted = Wanted.read(period=period, since=since, until=until, by=by, timezone=timezone)
        return _page(desk, request, lambda path: desk.report(path, wanted))

    @router.api_route("/help", methods=_READ)
    def help_page(request: Request) -> Response:
        return _page(desk, request, desk.help)

    @router.api_route("/help/alerts", methods=_READ)
    def alerts(request: Request) -> Response:
        return _page(desk, request, desk.alerts)

    @router.api_route("/deliveries", methods=_READ)
    def deliveries(
        request: Request,
        state: str | None = None,
        receiver: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        named = (receiver or "").replace("\0", "") or None
        shown = said(request)
        return _page(desk, request, lambda path: desk.deliveries(path, state_in(state or ""), named, cursor, shown))

    return router


def _about_the_api(desk: Views, access: Access, describe: Callable[[], Mapping[str, Any]]) -> APIRouter:
    router = APIRouter()

    @router.api_route("/docs", methods=_READ)
    def docs(request: Request) -> Response:
        address = access.link("") or str(request.base_url).rstrip("/")
        return _page(desk, request, lambda path: desk.docs(path, api_reference(describe(), address)))

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


def answer(html: str, status: int = HTTPStatus.OK) -> Response:
    """Answer with a page."""
    # Halves of characters, which events may hold, cannot be written.
    return HTMLResponse(html.encode("utf-8", "replace"), status, HEADERS)


def _page(
    desk: Views, request: Request, write: Callable[[str], Written | str | None], status: int = HTTPStatus.OK
) -> Response:
    path = request.url.path
    try:
        html = write(path)
    except UsageError as error:  # a link that somebody cut
        return answer(desk.missing(path, title="There is no such page", text=str(error)), HTTPStatus.BAD_REQUEST)
    except BridgeError as error:
        return _broken(desk, request, error)
    if html is None:
        message_id = id_in(path.rpartition("/")[2])
        title = "There is no such message" if message_id is None else f"Message {message_id} is not known here"
        return answer(desk.missing(path, title=title, message_id=message_id), HTTPStatus.NOT_FOUND)
    if isinstance(html, Written):
        return answer(html.html, HTTPStatus.BAD_REQUEST if html.wrong else HTTPStatus.OK)
    return answer(html, status)


def _broken(desk: Views, request: Request, error: BridgeError) -> Response:
    html = desk.missing(request.url.path, title="The database can't be used now", text=str(error))
    return answer(html, HTTPStatus.SERVICE_UNAVAILABLE)
