"""What people read in a reminder: that it still lasts, and for how long. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.clock import in_words

if TYPE_CHECKING:
    from bridge.domain.model import Event


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
    before, is_, state = said.rpartition(" is ")
    if not is_:
        return f"{said} (reminder {number}, not acknowledged{after})"
    return f"{before} is still {state}{after} (reminder {number})"
