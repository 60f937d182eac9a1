"""A slip, and what the line may have been meant to be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bridge.config.slips.keys import KNOWN
from bridge.config.slips.lines import read_line

LONGEST_LINE = 2000
"""Characters; a longer line was written by a program, and is not looked at."""

_FAR = 30


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong, in words, and where: line and column from 1."""

    line: int
    column: int
    what: str


@dataclass(frozen=True, slots=True)
class Repair:
    """What may be wrong at a line and column, from 0, and the line's text without that.

    ``at`` is the line that is repaired, where it is another one.
    """

    line: int
    column: int
    what: str
    text: str
    at: int | None = None

    @property
    def slip(self) -> Slip:
        """What to say of it."""
        return Slip(self.line + 1, self.column + 1, self.what)


Rule = Callable[[Sequence[str], int], Iterator[Repair]]
"""Looks at one line of several, and offers repairs."""


def example(key: str) -> str:
    """Show how a key is written. One that is not known may be a secret whose key is missing, and is not shown."""
    return f"`{key}: …`" if key in KNOWN else "`key: value`"


def content_above(lines: Sequence[str], i: int) -> int | None:
    """Find the nearest line above that is neither empty nor a comment."""
    return next((j for j in range(i - 1, max(-1, i - _FAR), -1) if read_line(lines[j]).content), None)
