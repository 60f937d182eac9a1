"""Forms that a page posts: they are read, the token in them is checked, and a page follows that a reload gets again.

What became of a form is said once, on that page.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 -- FastAPI reads it

from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.responses import Response

    from bridge.server.auth import Access

SAID: Final = "said"
"""The parameter of an address that has the word for what is said there."""

_MOST_KEPT: Final = 100
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

    def without(self, name: str) -> Form:
        """Return the same without a field."""
        return Form({each: values for each, values in self.fields.items() if each != name})

    def __contains__(self, name: object) -> bool:
        return name in self.fields


@dataclass(frozen=True, slots=True)
class Notice:
    """Words, and whether they are ``good`` or ``bad`` news. A moment and more words may follow them."""

    tone: Literal["good", "bad"]
    text: str
    until: datetime | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A notice, and the form if it came to nothing: what a person wrote there is shown again."""

    notice: Notice
    form: Form | None = None


class Flashes:
    """Remembers what became of the latest forms until it is shown. Safe to use from several threads.

    An address that held the words themselves could be made by anybody, to say anything, as often as it is opened.
    """

    def __init__(self) -> None:
        self._known: dict[str, Said] = {}
        self._lock = threading.Lock()

    def keep(self, page: str, notice: Notice, form: Form | None = None) -> str:
        """Remember it; returns the address of the page that says it. Of the form, the token is left out."""
        word = secrets.token_urlsafe(9)
        with self._lock:
            self._known[word] = Said(notice, None if form is None or notice.tone == "good" else form.without("token"))
            while len(self._known) > _MOST_KEPT:
                del self._known[next(iter(self._known))]
        return f"{page}{'&' if '?' in page else '?'}{SAID}={word}"

    def take(self, word: str | None) -> Said | None:
        """Return what is to be said, by the word in an address, and forget it; None where nothing is, or no longer."""
        with self._lock:
            return None if word is None else self._known.pop(word, None)


Act: TypeAlias = "Callable[[Form], Notice]"
"""Does what a form asks for. Returns what came of it."""


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


class Forms:
    """Makes the routes to which forms are sent.

    Args:
        access: Has the token that each form must hold.
        flashes: Remembers what became of them.
        broken: Answers where the database can't be used.
    """

    def __init__(self, access: Access, flashes: Flashes, broken: Callable[[Request, BridgeError], Response]) -> None:
        self.router = APIRouter()
        self._access, self._flashes, self._broken = access, flashes, broken

    def on(self, path: str, act: Act, back: Callable[[Form], str], refused: str) -> None:
        """Add a route for a form.

        Args:
            path: Where the form is sent: two steps from the first page.
            act: Does it.
            back: Returns the address of the page that follows, from the first page.
            refused: What was not done where the token is not the bridge's: ``Nothing was changed``.
        """

        @self.router.post(path)
        async def take(request: Request) -> Response:
            form = await read_form(request)
            notice = Notice("bad", f"{refused}: that is not the bridge's token.")
            if self._access.takes_form(form.get("token")):
                try:
                    notice = await run_in_threadpool(act, form)
                except BridgeError as error:
                    return self._broken(request, error)
            return RedirectResponse(f"../{self._flashes.keep(back(form), notice, form)}", HTTPStatus.SEE_OTHER)
