"""How one part of the bridge is doing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import in_words, isoformat

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is doing.

    ``why`` says what is wrong or, if nothing is, what is worth knowing; ``since`` is when that began. Where ``why``
    names moments, ``pieces`` are its words with the moments among them, for whoever has a clock of their own.
    """

    ok: bool = True
    why: str | None = None
    since: datetime | None = None
    pieces: tuple[str | datetime, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Arrange it for programs."""
        return {"ok": self.ok, "why": self.why, "since": None if self.since is None else isoformat(self.since)}


def lasting(since: datetime, now: datetime) -> str:
    """Say for how long something has been so."""
    return in_words(max(0.0, (now - since).total_seconds()))


def counted(count: int, one: str, several: str) -> str:
    """Write how many: ``1 attempt``, ``2 attempts``."""
    return f"{count:,} {one if count == 1 else several}"
