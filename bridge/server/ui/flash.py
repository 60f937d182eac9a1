"""What became of a form, said once on the page that follows."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.server.ui.form_fields import Form

_MOST_KEPT: Final = 100
SAID: Final = "said"
"""The parameter of an address that has the word for what is said there."""


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
