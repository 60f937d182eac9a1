"""What people read in a reminder: that it still lasts, and for how long. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.domain.clock import in_words

if TYPE_CHECKING:
    from bridge.domain.model import Event

_LASTING = re.compile(r"(.+ (?:is|are)) (.+)")


def reminder_of(event: Event) -> int:
    """Return which reminder of what happened it is, from 1; 0 where it is none."""
    return event.data.reminder or 0


def still(event: Event, said: str) -> str:
    """Turn ``Receiver crm is down`` into ``Receiver crm is still down after 2 h (reminder 2)``.

    A message that failed is ``… failed (reminder 2, not acknowledged after 2 h)``. What is no reminder stays as it is.
    """
    number = reminder_of(event)
    if not number:
        return said
    seconds = event.data.lasting_seconds
    after = "" if seconds is None else f" after {in_words(seconds)}"
    lasting = _LASTING.fullmatch(said)
    if lasting is None:
        return f"{said} (reminder {number}, not acknowledged{after})"
    return f"{lasting[1]} still {lasting[2]}{after} (reminder {number})"
