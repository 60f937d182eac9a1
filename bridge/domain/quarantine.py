"""What is set aside after an internal error: when it is tried again, and how what carried several is divided. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.domain.model import Delivery

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)

T = TypeVar("T")


class Kind(enum.StrEnum):
    """What an internal error concerned. A step is a job of the daemon, or a part of it that looks for work."""

    MESSAGE = "message"
    DELIVERY = "delivery"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class SetAside:
    """What an internal error concerned, and when it is tried again.

    ``name`` is the message's or the delivery's id, or the step's name. ``count`` is how often it failed in a row.
    """

    kind: Kind
    name: str
    since: datetime
    count: int
    error: str
    retry_at: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def wait_after(count: int) -> timedelta:
    """Say how long something waits that failed for the ``count``-th time in a row."""
    return min(FIRST_WAIT * (1 << min(count - 1, 10)), LONGEST_WAIT)


class Halving:
    """Divides what failed as a whole, until the delivery that is at fault is alone. For one receiver's deliveries.

    What it knows is kept in memory only: after a restart the whole fails, and is divided, once more.
    """

    def __init__(self) -> None:
        self._portions: dict[int, int] = {}

    def failed(self, pack: Sequence[Delivery]) -> bool:
        """Note that a pack failed as a whole. False where it can't be divided: it is a single delivery."""
        if len(pack) == 1:
            self.forget(pack)
            return False
        self._portions.update((delivery.id, (len(pack) + 1) // 2) for delivery in pack)
        return True

    def forget(self, deliveries: Iterable[Delivery]) -> None:
        """Forget what was noted about these: they were sent, or set aside."""
        for delivery in deliveries:
            self._portions.pop(delivery.id, None)

    def divided(self, pack: tuple[Delivery, ...]) -> list[tuple[Delivery, ...]]:
        """Cut a pack into parts that may go together, and side by side.

        So a subject is in one part only; what follows about it in another waits until that one was tried.
        """
        if not self._portions:
            return [pack]  # nearly always
        portion = min(self._portions.get(delivery.id, len(pack)) for delivery in pack)
        part_of: dict[str, int] = {}
        parts: dict[int, list[Delivery]] = {}
        for place, delivery in enumerate(pack):
            if part_of.setdefault(delivery.event.subject, place // portion) == place // portion:
                parts.setdefault(place // portion, []).append(delivery)
        return [tuple(part) for part in parts.values()]
