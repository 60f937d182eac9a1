"""Is the Message Status API down? Said once when it goes and once when it comes back, not for each message. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bridge.domain.model import EventType, Observation
from bridge.domain.poll_answer import Refused

if TYPE_CHECKING:
    from bridge.domain.poll_answer import Answer

PATIENCE = timedelta(minutes=1)
"""How long every poll must have failed before the source counts as down. Refused credentials count at once."""

PROBE_EVERY = timedelta(seconds=15)
PROBE_REFUSED_EVERY = timedelta(minutes=1)
"""How often one poll is tried while the source is down, to see whether it is back."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How the source does.

    ``failing_since`` is the first of the failures since the last success, ``reason`` the latest one. ``down`` says that
    the receivers were notified; then one poll at a time is made, the next at ``probe_at``.
    """

    failing_since: datetime | None = None
    reason: str | None = None
    refused: bool = False
    down: bool = False
    probe_at: datetime | None = None

    def shifted(self, step: timedelta) -> SourceHealth:
        """The same by a clock that was set: no patience is over early or late."""
        since = None if self.failing_since is None else self.failing_since + step
        probe_at = None if self.probe_at is None else self.probe_at + step
        return replace(self, failing_since=since, probe_at=probe_at)

    def admits(self, now: datetime, in_flight: int, room: int) -> int:
        """Say how many more polls may start now, at most ``room``."""
        if not self.down:
            return room
        # A probe that is further away than probes ever are was scheduled before the clock was set back.
        due = self.probe_at is None or not timedelta(0) < self.probe_at - now <= PROBE_REFUSED_EVERY
        return min(room, 1) if due and not in_flight else 0


def after(health: SourceHealth, answer: Answer, at: datetime) -> tuple[SourceHealth, EventType | None]:
    """Fold the answer of one poll, which came at ``at``, into the source's health.

    The second value is ``source.down`` or ``source.up`` when that is to be reported.
    """
    if isinstance(answer, Observation):
        return SourceHealth(), EventType.SOURCE_UP if health.down else None
    refused = isinstance(answer, Refused)
    since = health.failing_since or at
    down = health.down or refused or at - since >= PATIENCE
    probe_at = at + (PROBE_REFUSED_EVERY if refused else PROBE_EVERY) if down else None
    failing = SourceHealth(since, answer.why, refused, down, probe_at)
    return failing, EventType.SOURCE_DOWN if down and not health.down else None
