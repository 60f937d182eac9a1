"""What came of sending again, said on the page that follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bridge.domain.check import counted
from bridge.server.ui.messages import id_in

WRONG_TOKEN = "no"  # noqa: S105 -- no password
"""What is in the address instead of a count where the token was wrong."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Words, and whether they are ``good`` or ``bad`` news."""

    tone: str
    text: str

    @classmethod
    def read(cls, retried: str) -> Self | None:
        """Read it from the address of a page: how many deliveries were queued again, if that was tried."""
        if retried == WRONG_TOKEN:
            return cls("bad", "Nothing was sent again: that is not the bridge's token.")
        if retried == "0":
            return cls("bad", "Nothing was sent again: what you chose is queued, or gone.")
        count = id_in(retried)
        if count is None:
            return None
        return cls("good", f"{counted(count, 'delivery is', 'deliveries are')} on the way again.")
