"""What comes of asking for a message's status: an observation, or one of four failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.model import Observation

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Malformed:
    """The answer states no status. It may be a passing fault (a proxy's page), so the call is tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """WbizTool refuses the credentials: it will answer so for every message, until they are fixed."""

    why: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """WbizTool wants fewer calls. ``after`` is the wait that it asks for, if it says."""

    why: str
    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """WbizTool, or the way to it, fails at the moment."""

    why: str


Failure = Malformed | Refused | Throttled | Unavailable
Answer = Observation | Failure
