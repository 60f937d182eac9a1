"""An event in a line of plain text, for templates: ``Message 12346 failed · Invoice 88 · Invalid phone number``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.receivers.text import fit
from bridge.receivers.wording import duration_of, error_of, label_of, name_of, said_of

if TYPE_CHECKING:
    from bridge.domain.model import Event

_NAME: Final = 80  # all of these in the units of slack_text.size; together less than any service's limit
_LABEL: Final = 200
_ERROR: Final = 500


def summary_of(event: Event) -> str:
    """Say what happened, to what, and why."""
    label, error = fit(label_of(event), _LABEL), fit(error_of(event), _ERROR)
    return " · ".join(filter(None, [said_of(event, fit(name_of(event), _NAME)), label, duration_of(event), error]))
