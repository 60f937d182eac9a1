"""What came of a test event, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.domain.clock import precisely
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from collections.abc import Mapping


_LONG = 100


def is_delivered(made: Mapping[str, Any]) -> bool:
    """Tell whether the receiver took it."""
    return bool(made["outcome"] == "delivered")


def show(made: Mapping[str, Any]) -> None:
    """Print the outcome, and what the receiver answered: a long answer only where it tells why it was not delivered.

    Args:
        made: As ``POST /v1/receivers/NAME/test`` answers.
    """
    to = f" to {made['to']}" if is_delivered(made) and made.get("to") else ""  # a remote bridge may be older
    why = f": {made['why']}" if made["why"] else ""
    wait = made.get("retry_after_seconds")
    again = f"; try again in {precisely(wait)}" if wait else ""
    http = f"HTTP {made['http_status']} " if made["http_status"] else ""
    output.say(f"{made['receiver']}: {made['outcome']}{to}{why}{again} ({http}in {made['seconds']:.2f} s)")
    if made["answer"] and not (is_delivered(made) and len(made["answer"]) > _LONG):
        output.say(f"answer: {squeezed(made['answer'])}")
