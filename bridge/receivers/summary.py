"""An event on one line: what happened, to what, and why. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.domain.event_data import SummaryData
from bridge.receivers.reminder_words import reminder_of
from bridge.receivers.summary_words import in_short
from bridge.receivers.text import cut, fit, size
from bridge.receivers.wording import duration_of, error_of, label_of, name_of, said_of, sign_of

if TYPE_CHECKING:
    from bridge.domain.model import Event

_HEADLINE: Final = (
    700  # all of these in the units of bridge.receivers.text.size; together less than any service's limit
)
_LABEL: Final = 200
_NAME: Final = 80
_SHORTEST_WHY: Final = 20
_ORDINARY_WORD = re.compile(r"(?!Apprise|Slack)[A-Z][a-z]+(?= [a-z]|$)")


def summary_of(event: Event) -> str:
    """Say it for templates: ``WhatsApp message 12346 failed: invalid phone number · Invoice 88``."""
    more = in_short(event.data) if isinstance(event.data, SummaryData) else [fit(label_of(event), _LABEL)]
    return " · ".join(filter(None, [headline_of(event, _HEADLINE), *more]))


def sentence_of(event: Event) -> str:
    """Say it with the sign of what happened before it."""
    return f"{sign_of([event])} {summary_of(event)}"


def headline_of(event: Event, room: int) -> str:
    """Say what happened to what, and why: ``WhatsApp message 12346 failed: invalid phone number``.

    Args:
        event: Which.
        room: The longest that it may be, in the units of :func:`bridge.receivers.text.size`; at least 145.
    """
    said = said_of(event, fit(name_of(event), _NAME))
    left = room - size(said) - 2
    why = _continued(error_of(event)) or ("" if reminder_of(event) else duration_of(event))
    return f"{said}: {fit(why, left)}" if why and left >= _SHORTEST_WHY else cut(said, room)


def tells_why(headline: str, event: Event) -> bool:
    """Tell whether a headline says all that is known of the reason."""
    return headline.endswith(fit(_continued(error_of(event)), len(headline)))


def _continued(text: str) -> str:
    """Begin in lower case what follows a colon: ``Invalid phone number``, but not ``HTTP 500`` or ``Auth Error``."""
    return text[0].lower() + text[1:] if _ORDINARY_WORD.match(text) else text
