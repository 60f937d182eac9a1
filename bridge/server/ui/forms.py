"""Forms that a page posts: they are read, the token in them is checked, and a page follows that a reload gets again."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs

from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 -- FastAPI reads it

from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastapi import APIRouter
    from starlette.responses import Response

    from bridge.server.auth import Access

REFUSED = "refused"
"""What became of a form whose token is not the bridge's."""

_LARGEST_FORM = 16 * 1024
_MOST_FIELDS = 100  # a page of a list has fifty boxes to tick


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; each may have been given several times."""

    fields: Mapping[str, Sequence[str]]

    def get(self, name: str) -> str:
        """Return the last value of a field; empty where there is none."""
        return self.all(name)[-1]

    def all(self, name: str) -> Sequence[str]:
        """Return all values of a field; a single empty one where there is none."""
        return self.fields.get(name) or ("",)

    def __contains__(self, name: object) -> bool:
        return name in self.fields


Act: TypeAlias = "Callable[[Form], str]"
"""Does what a form asks for. Returns the address of the page that follows, from the first page."""


async def read_form(request: Request) -> Form:
    """Read a form that was posted; of one that is too large, or none, nothing."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return Form({})
    try:
        return Form(parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Form({})


def on_form(
    router: APIRouter,
    path: str,
    access: Access,
    act: Act,
    refuse: Act,
    broken: Callable[[Request, BridgeError], Response],
) -> None:
    """Add a route for a form.

    Args:
        router: Gets the route.
        path: Where the form is sent: two steps from the first page.
        access: Has the token that the form must hold.
        act: Does it.
        refuse: Says which page follows where the token is not the bridge's.
        broken: Answers where the database can't be used.
    """

    @router.post(path)
    async def take(request: Request) -> Response:
        form = await read_form(request)
        may = access.takes_form(form.get("token"))
        try:
            page = await run_in_threadpool(act, form) if may else refuse(form)
        except BridgeError as error:
            return broken(request, error)
        return RedirectResponse(f"../{page}", HTTPStatus.SEE_OTHER)
