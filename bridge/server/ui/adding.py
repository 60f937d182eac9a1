"""The page that adds messages: ids, a list that is pasted, or a file; all of it or nothing."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from bridge.domain.check import counted
from bridge.domain.errors import BridgeError
from bridge.domain.spreadsheet.handover import LARGEST_CSV, TOO_LARGE, InvalidCsvError, read_list, read_typed
from bridge.server.api.messages import watch
from bridge.server.auth import ADD_FORM
from bridge.server.ui.add_fields import AddPage, Written, Wrong, merged
from bridge.server.ui.forms import Notice
from bridge.server.ui.multipart import TooLargeError, read_multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.domain.model import Details
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Flashes
    from bridge.server.ui.views import View

LARGEST_FORM: Final = LARGEST_CSV + 64 * 1024
"""In bytes: the longest list, the token, and what is around them."""

_LONGEST_LINK = 2000  # characters of ids that a link may fill in
_AT_ONCE = 4  # forms; a form's token is in it, so that it is read before it is known who sends it
_REFUSED = Notice("bad", "Nothing was added: that is not the bridge's token.")
_NONE = Notice("bad", "Nothing was added: enter ids, paste a list, or choose a file.")
_SEVERAL = Notice("bad", "Nothing was added: enter ids, paste a list or choose a file, not more than one of these.")
_LARGE = Notice("bad", f"Nothing was added: {TOO_LARGE}.")
_PLACES: Final = ("ids", "list", "file")
"""Where messages may be in the form."""


def came_of(new: int, old: int) -> Notice:
    """Say what came of the form: how many messages are new, and how many were watched already."""
    watched = f"{counted(new, 'message is', 'messages are')} watched from now on" if new else "No message is new"
    again = f"; {counted(old, 'was', 'were')} watched already" if old else ""
    return Notice("good", f"{watched}{again}.")


def adding(
    context: ServerContext,
    access: Access,
    flashes: Flashes,
    view: Callable[[Request], View],
) -> APIRouter:
    """Make the page and the route to which its form is sent.

    Args:
        context: The running bridge.
        access: Has the token that the form asks for.
        flashes: Remembers what came of the form.
        view: Answers a request.
    """
    router = APIRouter()
    room = asyncio.Semaphore(_AT_ONCE)

    @router.api_route(ADD_FORM, methods=["GET", "HEAD"])
    def add_page(request: Request, ids: str = "") -> Response:
        return view(request).adding(AddPage(written=Written(ids=ids.replace("\0", "")[:_LONGEST_LINK])))

    @router.post(ADD_FORM)
    async def add_form(request: Request) -> Response:
        async with room:
            try:
                form = await read_multipart(request, LARGEST_FORM)
            except TooLargeError as error:
                page, status = AddPage(_LARGE), HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                answer = await run_in_threadpool(view(request).adding, page, status)
                if error.rest:
                    answer.headers["Connection"] = "close"
                return answer
            return await run_in_threadpool(_add, request, form)

    def _add(request: Request, form: Mapping[str, bytes]) -> Response:
        written = Written.read(form)
        refused = _refusal(access, form)
        if refused is not None:
            notice, status = refused
            return view(request).adding(AddPage(notice, written), status)
        try:
            described = _read(form, written)
        except _WrongError as error:
            wrong = AddPage(None, written, error.faults, error.count, error.place)
            return view(request).adding(wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            found = watch(context, described)
        except BridgeError as error:
            return view(request).broken(error)
        came = came_of(len(found["watched"]), len(found["already_watched"]))
        return RedirectResponse(flashes.keep("add", came), HTTPStatus.SEE_OTHER)

    return router


class _WrongError(Exception):
    """Something in the form is wrong: the first faults, how many there are, and in which of _PLACES."""

    def __init__(self, faults: tuple[Wrong, ...], count: int, place: str = "") -> None:
        self.faults, self.count, self.place = faults, count, place
        super().__init__(faults[0].what)


def _read(form: Mapping[str, bytes], written: Written) -> dict[int, Details]:
    """Read the messages, and what is said of them.

    Raises:
        _WrongError: Something in it is wrong.
    """
    of_all, faults = written.details()
    (place,) = _given(form)
    try:
        found = read_typed(written.ids) if place == "ids" else read_list(form[place])
    except InvalidCsvError as error:
        listed = tuple(Wrong(f"Line {fault.line:,}", fault.words) for fault in error.faults)
        raise _WrongError(faults + listed, len(faults) + error.count, "" if faults else place) from None
    if faults:
        raise _WrongError(faults, len(faults))
    try:
        return {each.id: merged(each.details, of_all) for each in found}
    except ValueError as error:
        raise _WrongError((Wrong("Tags", str(error)),), 1) from None


def _given(form: Mapping[str, bytes]) -> list[str]:
    return [name for name in _PLACES if form.get(name, b"").strip()]


def _refusal(access: Access, form: Mapping[str, bytes]) -> tuple[Notice, int] | None:
    if not access.takes_form(form.get("token", b"").decode("utf-8", "replace")):
        return _REFUSED, HTTPStatus.FORBIDDEN
    given = _given(form)
    if len(given) != 1:
        return (_SEVERAL if given else _NONE), HTTPStatus.UNPROCESSABLE_ENTITY
    return None
