"""The first line of a list in CSV: what separates its cells, and what its columns are. Pure."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.domain.message_details import read_tag_name
from bridge.domain.spreadsheet.writer import DETAILS, FOUND_OUT, TAG
from bridge.domain.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

DELIMITERS: Final = ",;\t"

_ALLOWED = "id, label, expected_at, tags.NAME"
_NAMELESS = "the first line must name the columns, for example `id,label`; a list of ids alone has one on each line"
_SHOWN = 64  # characters of a name that is wrong
_OTHER_TAG = re.compile(r"tags?\W*_?(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, ``id`` or whatever is said of a message, and for a tag that one's name.

    One that only tells what a bridge has found out is not ``read``.
    """

    name: str
    tag: str = ""
    read: bool = True


def find_delimiter(line: str) -> str:
    """Find what separates the cells of a list with this first line: what makes the most columns of it."""
    return max(DELIMITERS, key=lambda delimiter: _columns_in(line, delimiter))


def find_columns(cells: Sequence[str]) -> tuple[dict[int, Column], list[tuple[int, str, str]]]:
    """Find the columns by their numbers, and what is wrong with the first line: each cell's number, text and fault.

    A column whose name is wrong is there, and not read.
    """
    if cells[0].strip().isdigit():
        return {}, [(0, "", _NAMELESS)]
    columns: dict[int, Column] = {}
    faults: list[tuple[int, str, str]] = []
    first: dict[str, int] = {}
    for at, cell in enumerate(cells):
        if not (name := cell.strip()):
            continue  # spreadsheets save columns that were emptied
        columns[at] = Column(name, read=False)
        try:
            column = _column(name)
        except ValueError as error:
            faults.append((at, name[:_SHOWN], str(error)))
            continue
        if column.name in first:
            what = f"this column appears twice (first as column {first[column.name] + 1}); keep one"
            faults.append((at, name[:_SHOWN], what))
            continue
        first[column.name] = at
        columns[at] = column
    if "id" not in first:
        faults.append((0, "", f"there is no column `id` (allowed: {_ALLOWED})"))
    return columns, faults


def _column(name: str) -> Column:
    """Read the name of a column, however it is capitalized.

    Raises:
        ValueError: There is no such column.
    """
    word = _word(name)
    if word in DETAILS:
        return Column(word)
    if word in FOUND_OUT:
        return Column(word, read=False)
    if word.startswith(TAG):
        tag = read_tag_name(name[len(TAG) :].strip())
        return Column(f"{TAG}{tag}", tag)
    raise ValueError(f"unknown column ({_hint(name)})")


def _hint(name: str) -> str:
    if _word(name).endswith("_id"):
        return "did you mean `id`?"
    as_tag = _OTHER_TAG.fullmatch(name)
    near = nearest(name, [*DETAILS, *([f"{TAG}{as_tag[1]}"] if as_tag else ())])
    return f"allowed: {_ALLOWED}" if near is None else f"did you mean `{near}`?"


def _word(name: str) -> str:
    return name.lower().replace(" ", "_")


def _columns_in(line: str, delimiter: str) -> tuple[int, int]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return 0, 0
    words = [_word(cell.strip()) for cell in cells]
    return sum(word in {*DETAILS, *FOUND_OUT} or word.startswith(TAG) for word in words), len(cells)
