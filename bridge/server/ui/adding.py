"""The page that adds messages: a list that is pasted, or a file, all of it or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from bridge.domain.check import counted
from bridge.domain.errors import BridgeError
from bridge.domain.spreadsheet.handover import LARGEST_CSV, TOO_LARGE, InvalidCsvError
from bridge.server.api.messages import watch_csv
from bridge.server.auth import ADD_FORM
from bridge.server.ui.flash import Notice
from bridge.server.ui.messages import id_in
from bridge.server.ui.multipart import TooLargeError, read_multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.domain.spreadsheet.reader import CsvFault
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext

LARGEST_FORM: Final = LARGEST_CSV + 64 * 1024
"""In bytes: the longest list, the token, and what stands around them."""

_AT_ONCE = 4  # forms; a form's token is in it, so that it is read before it is known who sends it
_REFUSED = Notice("bad", "Nothing was added: that is not the bridge's token.")
_NONE = Notice("bad", "Nothing was added: paste a list, or choose a file.")
_BOTH = Notice("bad", "Nothing was added: paste a list or choose a file, not both.")
_LARGE = Notice("bad", f"Nothing was added: {TOO_LARGE}.")


@dataclass(frozen=True, slots=True)
class AddPage:
    """The form as it was sent: what came of it, which rows are wrong, and what was pasted.

    ``count`` is how many faults there are, of which ``faults`` are the first. ``was_file`` says that they are those of
    a file, which its owner has to choose again.
    """

    needs_token: bool
    notice: Notice | None = None
    faults: tuple[CsvFault, ...] = ()
    count: int = 0
    pasted: str = ""
    was_file: bool = False


def came_of(added: str | None, known: str | None) -> Notice | None:
    """Say what came of the form, by the counts in the address of the page that follows."""
    new, old = (None if text == "0" else id_in(text or "") for text in (added, known))
    if new is None and old is None:
        return None
    watched = f"{counted(new, 'message is', 'messages are')} watched from now on" if new else "No message is new"
    again = f"; {counted(old, 'was', 'were')} watched already" if old else ""
    return Notice("good", f"{watched}{again}.")


def adding(
    context: ServerContext,
    access: Access,
    show: Callable[[Request, AddPage, int], Response],
    broken: Callable[[Request, BridgeError], Response],
) -> APIRouter:
    """Make the page and the route to which its form is sent.

    Args:
        context: The running bridge.
        access: Has the token that the form asks for.
        show: Answers with the page and a status.
        broken: Answers that the database can't be used.
    """
    router = APIRouter(include_in_schema=False)
    needs_token = not access.trusted
    room = asyncio.Semaphore(_AT_ONCE)

    @router.api_route(ADD_FORM, methods=["GET", "HEAD"])
    def add_page(request: Request, added: str | None = None, known: str | None = None) -> Response:
        return show(request, AddPage(needs_token, came_of(added, known)), HTTPStatus.OK)

    @router.post(ADD_FORM)
    async def add_form(request: Request) -> Response:
        async with room:
            try:
                form = await read_multipart(request, LARGEST_FORM)
            except TooLargeError as error:
                page = AddPage(needs_token, _LARGE)
                answer = await run_in_threadpool(show, request, page, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                if error.rest:
                    answer.headers["Connection"] = "close"
                return answer
            return await run_in_threadpool(_add, request, form)

    def _add(request: Request, form: Mapping[str, bytes]) -> Response:
        pasted, file = form.get("list", b""), form.get("file", b"")
        text = pasted.decode("utf-8", "replace")
        refused = _refusal(access, form)
        if refused is not None:
            notice, status = refused
            return show(request, AddPage(needs_token, notice, pasted=text), status)
        try:
            found = watch_csv(context, file or pasted)
        except InvalidCsvError as error:
            wrong = AddPage(needs_token, None, error.faults, error.count, text, bool(file))
            return show(request, wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
        except BridgeError as error:
            return broken(request, error)
        counts = f"added={len(found['watched'])}&known={len(found['already_watched'])}"
        return RedirectResponse(f"add?{counts}", HTTPStatus.SEE_OTHER)

    return router


def _refusal(access: Access, form: Mapping[str, bytes]) -> tuple[Notice, int] | None:
    if not access.takes_form(form.get("token", b"").decode("utf-8", "replace")):
        return _REFUSED, HTTPStatus.FORBIDDEN
    has_list, has_file = (bool(form.get(name, b"").strip()) for name in ("list", "file"))
    if has_list == has_file:
        return (_BOTH if has_list else _NONE), HTTPStatus.UNPROCESSABLE_ENTITY
    return None
