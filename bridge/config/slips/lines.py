"""One line of YAML, looked at by itself: indentation, key, quotes and brackets. Pure, and takes any text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What libyaml takes for the end of a line."""

CLOSER = {"[": "]", "{": "}"}
QUOTES = "\"'"
_INDENT = re.compile("[\\s\u200b\u2060\ufeff]*")
_DASHES = re.compile(r"(?:- +)*")
_KEY = re.compile(r"""(["']?)([A-Za-z_][\w.-]*)\1 *:(?= |$)""")


@dataclass(slots=True)
class Line:
    """A line, with columns from 0.

    ``start`` is where its content begins, behind its indentation and the dashes of a list; ``end`` is where that ends,
    before a comment. ``opened`` are brackets that it leaves open, ``quote`` a quote that it does. ``after`` is where
    text follows a quoted or bracketed value that should be over, ``surplus`` a bracket that closes nothing.
    """

    text: str
    indent: int = 0
    start: int = 0
    end: int = 0
    key: str = ""
    opened: list[int] = field(default_factory=list)
    quote: int | None = None
    after: int | None = None
    surplus: int | None = None

    @property
    def content(self) -> str:
        """What is neither indentation, dash nor comment."""
        return self.text[self.start : self.end]

    @property
    def dashed(self) -> bool:
        """Whether it begins an item of a list."""
        return self.start > self.indent

    @property
    def opens(self) -> bool:
        """Whether its value comes on the lines below: it ends with a colon."""
        return self.content.endswith(":")

    def replaced(self, start: int, end: int, text: str) -> str:
        """Return the line with other text between two columns."""
        return f"{self.text[:start]}{text}{self.text[end:]}"


@lru_cache(maxsize=2048)
def read_line(text: str) -> Line:
    """Look at a line as if it began outside of quotes and brackets. What is returned must not be changed."""
    indent = _end(_INDENT, text, 0)
    start = _end(_DASHES, text, indent)
    line = Line(text, indent, start)
    key = _KEY.match(text, start)
    line.key = key[2] if key else ""
    _Scan(line).run()
    return line


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


class _Scan:
    """Goes through a line once, and notes in it what is left open or too much."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._fresh = True  # a value may begin here
        self._over = False  # the value before was quoted or in brackets: nothing but punctuation may follow

    def run(self) -> None:
        line, text = self._line, self._line.text
        at = line.start
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            if text[at] == "#" and (at == 0 or text[at - 1].isspace()):
                break
            at = self._step(at)
            line.end = at
        line.end = max(line.start, line.end)

    def _step(self, at: int) -> int:
        """Take what is at a column, and return the column behind it."""
        line, char = self._line, self._line.text[at]
        if char in QUOTES and self._fresh:
            return self._quoted(at)
        if char in CLOSER and self._fresh:
            line.opened.append(at)
        elif char in "]}" and (line.opened or self._over):
            self._close(at)
        elif (char == "," and line.opened) or (char == ":" and self._ends_key(at)):
            self._fresh, self._over = True, False
        else:
            if self._over and line.after is None:
                line.after = at
            self._fresh = self._over = False
        return at + 1

    def _ends_key(self, at: int) -> bool:
        return self._over or self._line.text[at + 1 : at + 2] in {"", " ", "\t"}

    def _quoted(self, at: int) -> int:
        text = self._line.text
        closed = _closing_quote(text, at)
        self._fresh, self._over = False, True
        if closed is None:
            self._line.quote = at
            return len(text.rstrip())
        return closed + 1

    def _close(self, at: int) -> None:
        line = self._line
        if line.opened and CLOSER[line.text[line.opened[-1]]] == line.text[at]:
            line.opened.pop()
        elif line.surplus is None:
            line.surplus = at
        self._fresh, self._over = False, True


def _closing_quote(text: str, at: int) -> int | None:
    """Find the quote that closes the one at a column."""
    quote, at = text[at], at + 1
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 1
        elif text[at] == quote:
            if quote == '"' or text[at + 1 : at + 2] != "'":
                return at
            at += 1
        at += 1
    return None
