"""Why a message failed, in people's words: WbizTool's error texts, sorted into classes. Pure.

WbizTool documents one text, "Invalid phone number" (docs/wbiztool-api.md). The other classes are found by words that
any sender of WhatsApp messages would use for them; a text that fits none is quoted, and is a class of its own together
with those that differ from it only in a number or a name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_READ: Final = 300  # characters
_GAP: Final = "…"


@dataclass(frozen=True, slots=True)
class Reason:
    """A class of error texts.

    ``key`` is the same for all texts of the class, and empty where no reason was given. ``one`` and ``many`` are its
    words behind a count.
    """

    key: str
    one: str
    many: str

    @property
    def known(self) -> bool:
        """Whether the words are the bridge's own, not quoted."""
        return self in _KNOWN or self == NONE_GIVEN

    def words(self, count: int) -> str:
        """Return the words for that count: ``invalid number``, ``invalid numbers``."""
        return self.one if count == 1 else self.many


NONE_GIVEN: Final = Reason("", "without a reason", "without a reason")
INVALID_NUMBER: Final = Reason("invalid_number", "invalid number", "invalid numbers")
NOT_ON_WHATSAPP: Final = Reason("not_on_whatsapp", "not on WhatsApp", "not on WhatsApp")
SENDER_BANNED: Final = Reason("sender_banned", "from a banned number", "from a banned number")
SENDER_DISCONNECTED: Final = Reason("sender_disconnected", "from a disconnected number", "from a disconnected number")
BLOCKED: Final = Reason("blocked", "blocked number", "blocked numbers")
OVER_A_LIMIT: Final = Reason("over_a_limit", "over a limit", "over a limit")
UNUSABLE_FILE: Final = Reason("unusable_file", "unusable file", "unusable files")
TIMED_OUT: Final = Reason("timed_out", "timed out", "timed out")
OTHERS: Final = Reason("…", "another reason", "other reasons")
"""Where more classes were found than are told apart. A text that is nothing but a number is of it, too."""

_PHONE = r"(?:phone|mobile|contact|recipient|number|msisdn)"
_FILE = r"(?:file|media|image|video|document|attachment)"
_QUOTA = r"(?:limit|quota|credits?|balance)"
_NOT = r"(?:\b(?:not|no)|n['\u2019]t)\b"
_WRONG = r"(?:invalid|incorrect|wrong|malformed|corrupt\w*|not valid|unsupported|not supported)"


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_KNOWN: Final[Mapping[Reason, re.Pattern[str]]] = {
    NOT_ON_WHATSAPP: _any_of(
        rf"{_NOT}.{{0,40}}\b(?:on|in|with|use|using|have|has|an?) (?:a )?whatsapp\b",
        rf"{_NOT} (?:a )?(?:(?:registered|valid) )?whatsapp\b",
        rf"\b{_PHONE}\b.{{0,30}}\bnot registered\b",
    ),
    SENDER_BANNED: _any_of(r"\bbanned\b"),
    SENDER_DISCONNECTED: _any_of(
        r"\b(?:disconnected|logged out|not connected|not logged in|scan the qr)\b",
        r"\bsession (?:is |was |has )?(?:closed|expired|lost)\b",
    ),
    BLOCKED: _any_of(rf"\b{_PHONE}\b.{{0,40}}\bblocked\b", rf"\bblocked\b.{{0,40}}\b{_PHONE}\b"),
    UNUSABLE_FILE: _any_of(
        rf"\b{_FILE}\b.{{0,60}}\b(?:too (?:large|big)|not found|could not|fail\w*|{_WRONG})\b",
        rf"\b{_WRONG}\b.{{0,30}}\b{_FILE}\b",
    ),
    INVALID_NUMBER: _any_of(rf"\b{_WRONG}\b.{{0,40}}\b{_PHONE}\b", rf"\b{_PHONE}\b.{{0,40}}\b(?:{_WRONG}|not exist)\b"),
    OVER_A_LIMIT: _any_of(
        rf"\b{_QUOTA}\b.{{0,40}}\b(?:exceeded|reached|exhausted|used up|insufficient|too low)\b",
        rf"\b(?:exceed\w*|reached|insufficient|no|out of)\b.{{0,40}}\b{_QUOTA}\b",
    ),
    TIMED_OUT: _any_of(r"\btime[d-]?[ -]?out\b"),
}
"""The classes that are known, each with what its texts hold. The first that fits counts."""

_BY_KEY: Final = {reason.key: reason for reason in (*_KNOWN, NONE_GIVEN, OTHERS)}
_NUMBERS = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{7,}\b|\+?\d(?:[\d\s().-]*\d)?", re.IGNORECASE)
_ADDRESSES = re.compile(r"\bhttps?://\S+|\S+@\S+")
_QUOTED = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)")
_NAMES = re.compile(r"(?<=\b(?:to|of)\s)(?!Whats|Wbiz)[^\W\d_a-z]\w+(?:\s[^\W\d_a-z]\w*){0,3}")

_NO_REASON, _ANY_OTHER = "none_given", "other"
LABELS: Final = (*(reason.key for reason in _KNOWN), _ANY_OTHER, _NO_REASON)
"""What metrics call the classes: a bounded number."""


@lru_cache(maxsize=1024)
def reason_of(error: str) -> Reason:
    """Find the class of an error text.

    Args:
        error: On one line; empty where none was given.
    """
    text = error[:_MOST_READ].strip()
    if not text:
        return NONE_GIVEN
    for reason, pattern in _KNOWN.items():
        if pattern.search(text):
            return reason
    for varying in (_ADDRESSES, _QUOTED, _NUMBERS, _NAMES):
        text = varying.sub(_GAP, text)
    return _quoted(text)


def label_of(error: str) -> str:
    """Name the class of an error text for a metric: one of :data:`LABELS`."""
    reason = reason_of(error)
    return _NO_REASON if reason == NONE_GIVEN else reason.key if reason.known else _ANY_OTHER


def written(reason: Reason) -> str:
    """Write a class down, in as few words as :func:`read` needs."""
    return reason.key if reason.known or reason == OTHERS else reason.one[1:-1]


def read(text: str) -> Reason:
    """Read a class that :func:`written` wrote, or its key."""
    return _BY_KEY.get(text) or _quoted(text)


def count_reasons(errors: Iterable[str]) -> list[tuple[Reason, int]]:
    """Count error texts by their class, the most frequent first.

    What is quoted is quoted in full where all texts of its class are the same: a code, say, is then not left out.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for error in errors:
        found[reason_of(error).key][error] += 1
    ranked = sorted(found.items(), key=lambda item: -item[1].total())
    return [(_worded(key, texts), texts.total()) for key, texts in ranked]


def _worded(key: str, texts: Counter[str]) -> Reason:
    first, *others = texts
    reason = reason_of(first)
    return reason if others or reason.known else replace(_quoted(first.strip()), key=key)


def _quoted(text: str) -> Reason:
    text = text.rstrip(".") or text
    if text == OTHERS.key:
        return OTHERS
    return Reason(text.casefold(), f"“{text}”", f"“{text}”")
