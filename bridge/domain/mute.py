"""Receivers that are sent nothing for a while: somebody has muted them, or it is their quiet hours. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bridge.domain.local_time import shown
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

LONGEST = timedelta(days=30)
"""The longest mute."""

_SHORT = timedelta(minutes=10)

LONGEST_REASON = 200
"""The longest reason, in characters."""

NEVER_HELD = frozenset({EventType.RECEIVER_DOWN, EventType.RECEIVER_UP})
"""Somebody must learn of a receiver that fails, whoever is muted."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Somebody (``by``) wants a receiver to be sent nothing until then.

    What happens meanwhile is held, or, if it ``drops``, not sent at all: ``dropped`` counts it.
    """

    receiver: str
    since: datetime
    until: datetime
    reason: str | None = None
    by: str | None = None
    drops: bool = False
    dropped: int = 0

    @property
    def cause(self) -> str:
        """Say by whom and why: ``muted by Ada: deployment``."""
        return f"muted{self._behind}"

    def state(self, zone: tzinfo) -> str:
        """Say until when, by the clocks of ``zone``, by whom and why, and whether what happens meanwhile is kept."""
        words = f"muted until {shown(self.until, zone, exactness(self.since, self.until))}{self._behind}"
        return f"{words}{self._kept}"

    @property
    def pieces(self) -> tuple[str | datetime, ...]:
        """The same, with its moment among the words, for who reads it by a clock of their own."""
        return "muted until ", self.until, f"{self._behind}{self._kept}"

    @property
    def _kept(self) -> str:
        return "; nothing is kept" if self.drops else ""

    @property
    def _behind(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"{by}: {self.reason}" if self.reason else by


@dataclass(frozen=True, slots=True)
class Hold:
    """A receiver's deliveries are held, since and until then: it is in its quiet hours, or first in a ``mute``."""

    receiver: str
    since: datetime
    until: datetime
    mute: Mute | None = None

    @property
    def cause(self) -> str:
        """Say why."""
        return "quiet hours"

    def state(self, zone: tzinfo) -> str:
        """Say until when, by the clocks of ``zone``."""
        quiet = f"in quiet hours until {shown(self.until, zone, 'minutes')}"
        return quiet if self.mute is None else f"{self.mute.state(zone)}, then {quiet}"

    @property
    def pieces(self) -> tuple[str | datetime, ...]:
        """The same, with its moments among the words."""
        quiet = ("in quiet hours until ", self.until)
        return quiet if self.mute is None else (*self.mute.pieces, ", then ", *quiet)


def exactness(since: datetime, until: datetime) -> str:
    """Tell how exactly people are to be told when a mute ends: of a short one, the seconds count."""
    return "seconds" if until - since < _SHORT else "minutes"


def held_by(mute: Mute | None, hold: Hold | None, now: datetime) -> Mute | Hold | None:
    """Tell what holds a receiver's deliveries longest; None where nothing does."""
    if mute is None or mute.until <= now:
        return None if hold is None or hold.until <= now else hold
    return mute if hold is None or hold.until <= mute.until else replace(hold, mute=mute)


def end_of(now: datetime, *, lasting: timedelta | None = None, until: datetime | None = None) -> datetime:
    """Return when a mute ends, given how long it lasts or until when.

    Raises:
        ValueError: Neither or both are given, or it is not in the future, or too far in it.
    """
    if (lasting is None) == (until is None):
        raise ValueError("give either for or until")
    end = now + lasting if lasting is not None else until
    assert end is not None
    if end <= now:
        raise ValueError("a mute must end in the future" if lasting is None else "a mute must be longer than 0")
    if end - now > LONGEST:
        raise ValueError(f"too long: a mute lasts for {LONGEST.days} days at most")
    return end


def exempt(patterns: Iterable[str] = ()) -> frozenset[EventType]:
    """List the event types that are not held: those that never are, and those that match one of these globs."""
    return NEVER_HELD | {type_ for type_ in EventType for pattern in patterns if fnmatchcase(type_, pattern)}
