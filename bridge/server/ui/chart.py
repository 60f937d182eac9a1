"""A chart of columns, each of two parts: where they are, in percent of a drawing of any size. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_TOP, _FLOOR = 10.0, 88.0
"""Between these are the bars; below are the names, above is room for the scale's highest number."""

_LEFT = 6.0
"""How much the scale's numbers take."""

_FILLED = 0.68
"""How much of its room a bar takes."""

_SEEN = 2.4
"""The least height: one failure beside a thousand that were sent must be seen."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is drawn at one place, ``high`` on top of ``low``, and said of it.

    ``name`` and ``cells`` are its row in the table, ``title`` is for whoever points at it, ``mark`` is written below.
    The ``start`` is given where the viewer's own clock is to name it.
    """

    name: str
    low: float
    high: float
    cells: tuple[str, str]
    title: str
    mark: str | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a column is."""

    column: Column
    left: float
    room: float
    x: float
    width: float
    low_y: float
    low_height: float
    high_y: float
    high_height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale."""

    text: str
    y: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A name that is written below."""

    text: str
    x: float
    start: datetime | None


@dataclass(frozen=True, slots=True)
class Words:
    """What is written about a chart: its name, how columns and their parts are called, and what it shows, in words.

    ``kinds`` name the parts in the style sheet.
    """

    name: str
    heads: tuple[str, str, str]
    kinds: tuple[str, str]
    says: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    words: Words
    floor: float = _FLOOR


def draw(columns: Sequence[Column], words: Words, top: float, written: Callable[[float], str]) -> Chart:
    """Draw some columns.

    Args:
        columns: From left to right.
        words: What is written about them.
        top: Where the scale ends.
        written: Writes a value of the scale.
    """
    room = (100 - _LEFT) / max(1, len(columns))
    bars = tuple(_bar(column, _LEFT + at * room, room, top) for at, column in enumerate(columns))
    lines = tuple(Line(written(value), _round(_FLOOR - (_FLOOR - _TOP) * value / top)) for value in (0, top / 2, top))
    marks = (Mark(bar.column.mark, _round(bar.left + room / 2), bar.column.start) for bar in bars if bar.column.mark)
    return Chart(bars, lines, tuple(marks), words)


def _bar(column: Column, left: float, room: float, top: float) -> Bar:
    low, high = _height(column.low, top), _height(column.high, top)
    if (excess := low + high - (_FLOOR - _TOP)) > 0:  # the lesser one was raised so that it is seen
        low, high = (low - excess, high) if low > high else (low, high - excess)
    return Bar(
        column,
        left=_round(left),
        room=_round(room),
        x=_round(left + room * (1 - _FILLED) / 2),
        width=_round(room * _FILLED),
        low_y=_round(_FLOOR - low),
        low_height=_round(low),
        high_y=_round(_FLOOR - low - high),
        high_height=_round(high),
    )


def _height(value: float, top: float) -> float:
    return max(_SEEN, (_FLOOR - _TOP) * value / top) if value else 0.0


def _round(number: float) -> float:
    return round(number, 2)
