"""What an attempt to deliver came to: delivered, to be tried again, or refused for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The receiver did not take it, and a later attempt may succeed.

    ``after`` is the wait that the receiver itself asked for (``Retry-After``), unbounded as it came; it then holds for
    everything that goes to this receiver. ``quick`` says whether trying again within seconds makes sense (a server
    error, a cut connection) or not (a refusal). ``about_event`` says that the answer speaks of what was sent (400,
    422), and tells little about what others would come to; else it is the receiver that fails.
    """

    why: str
    after: timedelta | None = None
    quick: bool = False
    about_event: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """The receiver will never take it: no retry makes sense.

    ``about_event`` says that this is for the event's own sake, and tells little about what others would come to.
    """

    why: str
    about_event: bool = False


Outcome = Delivered | Retry | Dead
OutcomeName = Literal["delivered", "failed", "refused"]


def name_of(outcome: Outcome) -> OutcomeName:
    """Name an outcome, wherever it is recorded, counted or shown. ``failed`` is tried again, ``refused`` is not."""
    match outcome:
        case Delivered():
            return "delivered"
        case Retry():
            return "failed"
        case Dead():
            return "refused"
        case _:
            assert_never(outcome)


def why_of(outcome: Outcome) -> str | None:
    """Say why it was not delivered; None where it was."""
    return None if isinstance(outcome, Delivered) else outcome.why
