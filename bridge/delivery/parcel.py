"""What goes in one POST, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.outcome import Retry
from bridge.domain.retry import pause

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.model import Attempt, Delivery
    from bridge.domain.threads import Thread


@dataclass(frozen=True, slots=True)
class Parcel:
    """Deliveries that go in one POST. ``claim`` counts the looks at what is due that found them.

    ``probe`` says that they find out whether the receiver takes anything again: by one call, without quick tries.
    ``thread`` is where they belong; None if they start a new one, or the receiver has no threads.
    """

    deliveries: tuple[Delivery, ...]
    claim: int
    probe: bool = False
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel after its round: every try that was made, none if it was recalled, or the bridge was stopped."""

    parcel: Parcel
    attempts: tuple[Attempt, ...]
    at: datetime


def undivided(pack: tuple[Delivery, ...]) -> list[tuple[tuple[Delivery, ...], None]]:
    """Send a pack as it is: the receiver has no threads."""
    return [(pack, None)]


def asks_to_wait(made: Attempt) -> bool:
    """Tell whether the receiver asked to be left alone for a while."""
    return isinstance(made.outcome, Retry) and made.outcome.after is not None


def worth_a_quick_try(made: Attempt | None) -> bool:
    """Tell whether the same may succeed within a second."""
    return made is not None and isinstance(made.outcome, Retry) and made.outcome.quick


def asked_until(sent: Sent) -> datetime | None:
    """Return until when the receiver asked to be left alone; None where it did not."""
    outcome = sent.attempts[-1].outcome
    return sent.at + pause(outcome.after) if isinstance(outcome, Retry) and outcome.after is not None else None
