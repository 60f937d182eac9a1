"""What came of a test event, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_delivered(made: Mapping[str, Any]) -> bool:
    """Tell whether the receiver took it."""
    return bool(made["outcome"] == "delivered")


def show(made: Mapping[str, Any]) -> None:
    """Print the outcome, and what the receiver answered.

    Args:
        made: As ``POST /v1/receivers/NAME/test`` answers.
    """
    why = f": {made['why']}" if made["why"] else ""
    http = f"HTTP {made['http_status']} " if made["http_status"] else ""
    output.say(f"{made['receiver']}: {made['outcome']}{why} ({http}in {made['seconds']:.2f} s)")
    if made["answer"]:
        output.say(f"answer: {squeezed(made['answer'])}")
