"""Text from outside, made fit for Slack: one line, cut at a safe place, escaped, unable to command anything. Pure.

Two places take text from outside, labels and errors above all:

* ``plain_text`` objects in blocks. Slack reads no formatting, mention or link in them. That is why such text is
  there and nowhere in ``mrkdwn``: zero-width characters between ``*`` and a word do not reliably stop Slack's parser,
  which takes some of them for a boundary of words.
* The message's ``text``, which notifications show, and which is all that services compatible with Slack (Mattermost,
  Rocket.Chat) show. It is always read as formatted, there even as Markdown, so it gets look-alikes: :func:`inert`.

Lengths are counted in the widest way: after escaping, as JSON, in UTF-16 units. What fits by that count fits by any.
Source of the rules: https://docs.slack.dev/messaging/formatting-message-text ("Escaping text", "Date formatting").
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from bridge.domain.local_time import shown
from bridge.domain.redaction import clean_text

if TYPE_CHECKING:
    from datetime import tzinfo

ELLIPSIS: Final = "…"
_MOST_READ = 20_000  # characters; more than any limit of Slack's
_FURTHEST_BACK = 40  # characters; the longest emoji sequences in use have 10

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SIZES: Final = {**{char: len(entity) for char, entity in _ESCAPES.items()}, '"': 2, "\\": 2}
_ESCAPE: Final = str.maketrans(_ESCAPES)

_BEYOND_16_BITS = "\uffff"
_JOINER = "\u200d"
_REGIONAL: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of these letters make a flag
_WORD_JOINER = "\u2060"
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
# Marks that would turn around what comes after the text, too: embeddings, overrides and isolates (UAX #9).
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})

_LOOK_ALIKES: Final = str.maketrans(
    {"*": "\N{ASTERISK OPERATOR}", "~": "\N{TILDE OPERATOR}", "`": "\N{MODIFIER LETTER GRAVE ACCENT}"}
)
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# Mentions and mail addresses; links (https://) and emoji (:x:); channels; links in Markdown; www. without https://;
# bare domains, for which Rocket.Chat takes any words with a full stop between (RocketChat/Rocket.Chat issue 26476).
_TRIGGERS = re.compile(r"@|:(?=\S)|#(?=\S)|\](?=\()|www(?=\.)|(?<=\w)\.(?=[^\W\d_])", re.IGNORECASE)


def one_line(value: object) -> str:
    """Read any value of an event's data as text on one line; empty where there is nothing to see.

    Objects become ``key: value, …``. Control characters, line ends and runs of spaces become one space, and the marks
    that turn the direction of writing are taken out.
    """
    match value:
        case None:
            return ""
        case str():
            text = value
        case Mapping():
            text = ", ".join(f"{one_line(key)}: {_flat(part)}" for key, part in value.items())
        case list() if all(isinstance(part, str) for part in value):
            text = ", ".join(value)
        case _:
            text = _flat(value)
    text = _BIDI_CONTROLS.sub("", clean_text(text[:_MOST_READ]))
    text = " ".join(_CONTROLS.sub(" ", text).split())
    return text if any(unicodedata.category(char) not in _INVISIBLE for char in text) else ""


def escape(text: str) -> str:
    """Replace the three characters that Slack parses, and no others."""
    return text.translate(_ESCAPE)


def size(text: str) -> int:
    """Count what a text takes once it is escaped and written as JSON, in UTF-16 units."""
    return sum(map(_size, text))


def cut(text: str, limit: int) -> str:
    """Return as much of the beginning as fits, with ``…`` where something is missing.

    An emoji of several characters, or a letter with its accents, is left out whole.

    Args:
        text: Not escaped yet, so that no entity can be cut.
        limit: In the units of :func:`size`; at least 1.
    """
    if size(text) <= limit:
        return text
    room = limit - size(ELLIPSIS)
    fitting = sum(1 for total in accumulate(map(_size, text)) if total <= room)
    return text[: _safe_place(text, fitting)].rstrip() + ELLIPSIS


def isolate(text: str) -> str:
    """Keep the right-to-left text of a name or an error from turning around the words beside it. Adds at most 2."""
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"{_ISOLATE}{text}{_END_ISOLATE}"
    return text


def fit(text: str, limit: int) -> str:
    """Cut a text from outside and set it apart from the words beside it; ``limit`` holds for the result."""
    return isolate(cut(text, limit - 2))


def inert(text: str) -> str:
    """Take from a text what would be formatting, a mention, an emoji or a link, with look-alikes and word joiners.

    Only for a message's ``text``: what is copied from there is not the text, letter by letter.
    """
    return _TRIGGERS.sub(
        rf"\g<0>{_WORD_JOINER}", _EDGE_UNDERSCORE.sub("\N{MODIFIER LETTER LOW MACRON}", text.translate(_LOOK_ALIKES))
    )


def date(moment: datetime, zone: tzinfo) -> str:
    """Write a moment for ``mrkdwn``: each reader sees it in the own time zone; the fallback is in ``zone``."""
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{shown(moment, zone)}>"


def moment_of(value: object) -> datetime | None:
    """Read a moment as events hold it in their data; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the first and the last day of all dates, in another zone
        return None


def _flat(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _size(char: str) -> int:
    return _SIZES.get(char) or (2 if char > _BEYOND_16_BITS else 1)


def _safe_place(text: str, at: int) -> int:
    """Go back to the nearest place that does not cut what is seen as one sign; not at all where that is far."""
    for place in range(at, max(at - _FURTHEST_BACK, 0), -1):
        if not _belong_together(text, place):
            return place
    return at if at > _FURTHEST_BACK else 0


def _belong_together(text: str, at: int) -> bool:
    """Tell whether the characters before and after a place make one sign (an approximation of UAX #29)."""
    before, after = text[at - 1], text[at]
    if _JOINER in {before, after} or unicodedata.category(after).startswith("M"):
        return True  # variation selectors and keycaps are marks, too
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True  # skin tones; tags, of which the flags of regions are made
    flags = len(text[:at]) - len(text[:at].rstrip(_REGIONAL))
    return after in _REGIONAL and flags % 2 == 1  # two letters make a flag
