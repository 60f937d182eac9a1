"""How the pages write things: times, counts, names of statuses, addresses. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from markupsafe import Markup, escape

from bridge.domain.local_time import in_zone, zone_of
from bridge.domain.model import UNSEEN
from bridge.receivers.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

_BRIEF = 160
"""How many characters of an error or a label a list shows."""

_STATUSES = {UNSEEN: "Not seen yet"}
_STATES = {"queued": "Queued", "delivered": "Delivered", "dead": "Dead letter", "dropped": "Not sent"}


def moment_in(moment: datetime, zone: tzinfo) -> str:
    """Write a moment for people: ``24 Nov 2026, 01:41:12 IST``."""
    local = in_zone(moment, zone)
    return f"{local:%-d %b %Y, %H:%M:%S} {zone_of(local)}"


def number(count: int) -> str:
    """Write a count: ``12,345``."""
    return f"{count:,}"


def short(count: int) -> str:
    """Write a round count in little room: ``20k``."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:g}{unit}"
    return str(count)


def seconds(duration: float) -> str:
    """Write how long something took: ``45 ms``, ``1.2 s``."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"


def code(text: str) -> Markup:
    """Set what is between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped within


def brief(text: str) -> str:
    """Write text from outside on one line of a list: not all of what is long, and nothing that turns words around."""
    line = one_line(text)
    return line if len(line) <= _BRIEF else f"{line[:_BRIEF].rstrip()}…"


def upper_first(text: str) -> str:
    """Begin with a capital letter, as headings do."""
    return text[:1].upper() + text[1:]


def status_name(name: str) -> str:
    """Name a status, or ``unseen`` for a message that was not seen yet."""
    return _STATUSES.get(name, name.capitalize())


def state_name(name: str) -> str:
    """Name a delivery's state."""
    return _STATES.get(name, name.capitalize())


def address_of(page: str, asked: Mapping[str, object]) -> str:
    """Write the address of a page, from the first page, with what is asked for; what is None is left out."""
    query = urlencode({name: str(value) for name, value in asked.items() if value is not None})
    return f"{page}?{query}" if query else page
