"""The line of a file that is wrong, with a caret under the place, and without what may be a secret. Pure.

The file may be broken, so that nobody can tell keys from values for sure. Only what follows a key that is known to be
harmless is shown.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import TYPE_CHECKING

from bridge.config.files import is_plain_name
from bridge.config.slips.keys import CONTAINERS, FILES, HARMLESS, KNOWN
from bridge.config.slips.lines import Line, read_line
from bridge.domain.model import EventType, Status
from bridge.domain.redaction import MASK
from bridge.domain.sanitization import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST = 100
_BEFORE_CARET = 60
_ABOVE = 300
_LONGEST_LINE = 2000
_TOKEN = 12  # characters: a longer word of letters and digits is rather a secret than a name
_LONGEST_ID = 16  # digits
_MARKS = " \t,[]{}\"'“”„‘’"
_SIGNS = "-–—•·*#&!|>@`%.:：;=<?/\\"
_WORDS = KNOWN | {*Status, *EventType, *(type_.removeprefix("message.") for type_ in EventType)} | {"on", "off"}
_KEY = re.compile(r"([A-Za-z_][\w-]*)[\"']?\s*[:=：]")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}")
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/+")
_WORD = re.compile(rf"(?:(?!\$\{{\w+\}})(?:\$\{{[^\s}}]*\}}?|[^{re.escape(_MARKS)}\s]))+")
_SECRET_WORD = re.compile(
    r"auth|token|key|secret|sign|pass|cookie|credential|slack|hook|apprise|proxy|url", re.IGNORECASE
)
_LOOKS_SECRET = re.compile(
    rf"(?=.*[0-9])(?=.*[A-Za-z]).{{{_TOKEN},}}|.{{40,}}|(?:whsec|whsk|xox\w)[_-].*", re.IGNORECASE
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+")


def excerpt(lines: Sequence[str], line: int, column: int) -> tuple[str, ...]:
    """Show a line and a caret under a column, both counted from 1; nothing where there is no such line."""
    if not 0 < line <= len(lines) or len(lines[line - 1]) > _LONGEST_LINE:
        return ()
    shown, caret = _masked(lines, line - 1, column - 1)
    if not shown.strip():
        return ()
    cut = max(0, caret - _BEFORE_CARET) if len(shown) > _WIDEST else 0
    before, rest = shown[cut:caret], shown[caret : cut + _WIDEST]
    begin, end = "…" if cut else "", "…" if len(shown) > cut + _WIDEST else ""
    margin = " " * len(str(line))
    return f"  {line} | {begin}{before}{rest}{end}", f"  {margin} | {' ' * (_width(begin) + _width(before))}^"


def _masked(lines: Sequence[str], i: int, column: int) -> tuple[str, int]:
    """Return a line as it can be shown, and where in that a column is."""
    line = read_line(lines[i])
    show = _Show.SURE if line.key or _within_shown(lines, i) else _Show.NOTHING
    hidden = _Reading(line, show, locked=_locked(lines, i)).hidden
    shown, caret, at = "", None, 0
    while at < max(line.end, line.indent):
        end = hidden.get(at, at + 1)
        if caret is None and column < end:
            caret = len(shown)
        shown += MASK if at in hidden else _visible(line.text[at])
        at = end
    return shown, len(shown) if caret is None else caret


def _locked(lines: Sequence[str], i: int) -> bool:
    """Tell whether a line is indented below a key that is not known to be harmless."""
    column = read_line(lines[i]).start
    for j in range(i - 1, max(-1, i - _ABOVE), -1):
        above = read_line(lines[j])
        if above.key and above.start < column:
            column = above.start
            if above.key not in HARMLESS:
                return True
    return False


def _within_shown(lines: Sequence[str], i: int) -> bool:
    """Tell whether the last key above a line is a harmless one, so that what has no key may go on with its value."""
    for j in range(i - 1, max(-1, i - _ABOVE), -1):
        above = _Reading(read_line(lines[j]), _Show.SURE, locked=False)
        if above.keyed:
            return above.show is not _Show.NOTHING
    return True


class _Show(enum.Enum):
    """What is shown: all that does not look like a secret, names of files, words that are surely none, or nothing."""

    MUCH = enum.auto()
    FILES = enum.auto()
    SURE = enum.auto()
    NOTHING = enum.auto()


class _Reading:
    """One reading of a line: what is to be masked in it.

    Args:
        line: The line.
        show: What is shown of it as long as no key comes.
        locked: Whether nothing is shown but keys.
    """

    def __init__(self, line: Line, show: _Show, *, locked: bool) -> None:
        self.hidden: dict[int, int] = {}
        self.keyed = False
        self.show = _Show.NOTHING if locked else show
        self._locked = locked
        self._text = line.text[: line.end]
        self._key_here = True
        at = line.start
        while at < line.end:
            at = self._step(at)

    def _step(self, at: int) -> int:
        """Take a piece of the line, and return the column behind it."""
        char = self._text[at]
        if variable := _VARIABLE.match(self._text, at):
            return variable.end()
        if char in _MARKS or char.isspace() or (char in _SIGNS and self.show is not _Show.NOTHING):
            self._key_here = self._key_here or char in "{,"
            return at + 1
        key_here, self._key_here = self._key_here, False
        if key_here and (end := self._key(at)):
            return end
        word = _WORD.match(self._text, at)
        end = word.end() if word else at + 1
        self._word(at, end)
        return end

    def _key(self, at: int) -> int | None:
        """Take a key and its colon, and decide what is shown of its value."""
        key = _KEY.match(self._text, at)
        if key is None or _ADDRESS.match(self._text, at):
            return None
        if self.show is _Show.NOTHING and key[1] not in KNOWN:
            return None
        self.keyed = True
        self.show = _Show.NOTHING if self._locked else _shown_of(key[1])
        if _LOOKS_SECRET.fullmatch(key[1]):
            self.hidden[at] = key.end(1)
        return key.end()

    def _word(self, at: int, end: int) -> None:
        """Decide whether a word is shown."""
        word = self._text[at:end]
        address = _ADDRESS.match(word)
        if self.show is _Show.FILES:
            self.show = _Show.NOTHING  # a name is one word
            if not is_plain_name(word):
                self.hidden[at] = end
        elif self.show is _Show.NOTHING or (self.show is _Show.SURE and not _sure(word)):
            self.hidden[at] = end
        elif address:
            if address.end() < len(word):
                self.hidden[at + address.end()] = end
        elif _LOOKS_SECRET.fullmatch(word) and not _MOMENT.fullmatch(word):
            self.hidden[at] = end
        elif _SECRET_WORD.search(word) and word not in _WORDS:
            self.show = _Show.NOTHING
            if not word.rstrip(":").replace("-", "").isidentifier():
                self.hidden[at] = end


def _shown_of(key: str) -> _Show:
    """Decide what is shown of a key's value."""
    if key in HARMLESS:
        return _Show.SURE if key in CONTAINERS else _Show.MUCH
    return _Show.FILES if key in FILES else _Show.NOTHING


def _sure(word: str) -> bool:
    """Tell whether a word is a number or a name of the bridge's own."""
    return word in _WORDS or (word.isdigit() and len(word) <= _LONGEST_ID)


def _visible(char: str) -> str:
    """Show a tab as an arrow, an unusual space as a dot, and what can't be seen as an escape."""
    if char == "\t":
        return "→"
    return "·" if char.isspace() and char != " " else one_line(char)


def _width(text: str) -> int:
    """Count the columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)
