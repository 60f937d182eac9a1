"""Reads lists of messages from CSV, as spreadsheets save it: a line that names the columns, then a message a row. Pure.

Plain ids, one on each line and nothing else, are such a list too. Every fault is noted with its place, and reading goes
on as far as that makes sense.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.domain.ids import like_a_phone, read_id
from bridge.domain.message_details import TOO_MANY_TAGS, read_text
from bridge.domain.model import LONGEST_LABEL, LONGEST_TAG, MOST_TAGS, Details
from bridge.domain.settings.units import parse_moment
from bridge.domain.spreadsheet.encoding import encoding_of
from bridge.domain.spreadsheet.header import Column, find_columns, find_delimiter
from bridge.domain.spreadsheet.writer import unguarded
from bridge.domain.text_format import EncodingError

if TYPE_CHECKING:
    from datetime import datetime

NO_ID: Final = "no id"
"""The kind of the faults of ids, each of which may have words of its own."""

_QUOTE = 'a quote (") opens here and is not closed in its cell; a quote inside a cell is written twice ("")'
_EMPTY = "it is empty: the first line names the columns, for example `id,label`"
_TOO_LONG = f"this cell is too long (allowed: up to {LONGEST_LABEL} characters)"
_LONGEST_CELL = 128 * 1024  # where the module csv gives up: a quote that is never closed swallows no more
_PLACED = 1000  # faults whose column is found: for that, the row is gone through letter by letter
_OPENS_PLAIN = frozenset("0123456789+#")
_CHOSEN = re.compile(r"sep=(.)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CsvFault:
    """What is wrong at a line and a column (of characters, both from 1), and in which column of the table.

    Faults of one ``kind`` say the same, each in its own words.
    """

    line: int
    column: int
    name: str
    what: str
    kind: str | None = None

    @property
    def words(self) -> str:
        """What is wrong, and in which column."""
        return f"{self.name}{': ' if self.name else ''}{self.what}"

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.words}"


@dataclass(frozen=True, slots=True)
class CsvMessage:
    """A message of the list, and the line where it begins. ``like_a_phone``: its id has a plus before it."""

    id: int
    details: Details
    line: int
    like_a_phone: bool = False


Note = Callable[[CsvFault], None]


def read_messages(content: bytes, note: Note) -> Iterator[CsvMessage]:
    """Read a list, row by row; what is wrong is noted, and left out.

    Args:
        content: UTF-8, or UTF-16 with a byte order mark.
        note: Called with each fault, in the order of their lines.
    """
    try:
        encoding = encoding_of(content)
    except EncodingError as error:
        note(CsvFault(error.line, error.column, "", str(error)))
        return
    # Line by line: a list may have a hundred megabytes.
    yield from _Reader(io.TextIOWrapper(io.BytesIO(content), encoding, newline=""), note).messages()


class _Lines:
    """Hands lines to the module csv, and keeps those of the row that it is reading."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: str | None = None
        self.number = 0
        self.row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self._again = self._again or next(self._text), None
        self.number += 1
        self.row.append(line)
        return line

    def put_back(self) -> None:
        """Give the latest line once more."""
        self._again = self.row.pop()
        self.number -= 1

    def place(self, cell: int, delimiter: str) -> tuple[int, int]:
        """Tell at which line and column a cell of the row begins."""
        text = "".join(self.row)
        start = cell_starts(text, delimiter)[cell] if cell else 0
        first = self.number - len(self.row) + 1
        return first + text.count("\n", 0, start), start - text.rfind("\n", 0, start)


class _Reader:
    def __init__(self, text: io.TextIOWrapper, note: Note) -> None:
        self._lines = _Lines(text)
        self._note = note
        self._noted = 0
        self._delimiter = ","
        self._columns: dict[int, Column] = {}

    def messages(self) -> Iterator[CsvMessage]:
        if self._is_plain():
            yield from self._plain()
            return
        rows = self._rows()
        header = next(rows, None)
        if header is None:
            if not self._noted:
                self._note(CsvFault(1, 1, "", _EMPTY))
            return
        self._columns, faults = find_columns(header)
        for at, name, what in faults:
            self._fault(at, name, what)
        if any(column.name == "id" and column.read for column in self._columns.values()):
            yield from filter(None, map(self._message, rows))

    def _is_plain(self) -> bool:
        """Look at the first line with something in it: is it an id and nothing else? A table's delimiter is found."""
        for line in self._lines:
            chosen = _CHOSEN.fullmatch(line)  # Excel's: it can be told the delimiter so
            if chosen:
                self._delimiter = chosen[1]
                return False
            if line.strip():
                self._delimiter = find_delimiter(line)
                self._lines.put_back()
                return line.lstrip()[0] in _OPENS_PLAIN and self._delimiter not in line.partition("#")[0]
        return False

    def _plain(self) -> Iterator[CsvMessage]:
        """Read ids as they are in a list in plain text, with their comments."""
        for line in self._lines:
            self._lines.row = [line]
            text = line.partition("#")[0].strip()
            id_ = self._id(text, 0) if text else None
            if id_ is not None:
                yield CsvMessage(id_, Details(), self._lines.number, like_a_phone(text))

    def _rows(self) -> Iterator[list[str]]:
        """Read rows, those without anything in them left out."""
        rows = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        while True:
            self._lines.row = []
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                text = "".join(self._lines.row)
                starts = cell_starts(text, self._delimiter)
                self._fault(len(starts) - 1, "", _QUOTE if text[starts[-1] : starts[-1] + 1] == '"' else _TOO_LONG)
                if len(text) > _LONGEST_CELL:
                    return  # what follows is within quotes, or nobody knows
                continue
            if any(map(str.strip, cells)):
                yield cells

    def _message(self, cells: list[str]) -> CsvMessage | None:
        """Read a row. None where something in it is wrong, which is noted."""
        before, line = self._noted, self._lines.number - len(self._lines.row) + 1
        found: dict[str, str] = {}
        tags: dict[str, str] = {}
        id_: int | None = None
        expected_at: datetime | None = None
        for at, cell in enumerate(cells):
            column = self._columns.get(at, _NONE)
            if not cell.strip() or not column.read:
                continue
            try:
                text = _text(unguarded(cell), column)
                if column.name == "id":
                    found["id"] = text.strip()
                    id_ = self._id(found["id"], at)
                elif column.name == "expected_at":
                    expected_at = parse_moment(text)
                elif column.tag:
                    tags[column.tag] = read_text(text, LONGEST_TAG)
                else:
                    found["label"] = read_text(text, LONGEST_LABEL)
            except ValueError as error:
                self._fault(at, column.name, str(error))
        if len(tags) > MOST_TAGS:
            self._fault(0, "tags", TOO_MANY_TAGS)
        if "id" not in found and self._noted == before:
            self._fault(0, "id", "the id is missing in this row")
        if id_ is None or self._noted > before:
            return None
        return CsvMessage(id_, Details(found.get("label"), tags, expected_at), line, like_a_phone(found["id"]))

    def _id(self, text: str, at: int) -> int | None:
        try:
            return read_id(text)
        except ValueError as error:
            self._fault(at, "id" if self._columns else "", str(error), NO_ID)
            return None

    def _fault(self, cell: int, name: str, what: str, kind: str | None = None) -> None:
        self._noted += 1
        line, column = self._lines.place(cell if self._noted <= _PLACED else 0, self._delimiter)
        self._note(CsvFault(line, column, name, what, kind))


_NONE = Column("")


def _text(cell: str, column: Column) -> str:
    """Return what a cell holds.

    Raises:
        ValueError: It can be in no list; the text says what is allowed.
    """
    if column is _NONE:
        raise ValueError("this cell is in no column: the first line names none for it (empty cells are allowed)")
    if "\0" in cell:
        raise ValueError("there is a NUL byte in this cell (allowed: text)")
    return cell


def cell_starts(row: str, delimiter: str) -> list[int]:
    """Tell where the cells of a row begin, as the module csv reads them: their first characters, from 0."""
    starts = [0]
    quoted, closed = False, -2
    for at, char in enumerate(row):
        if char == '"' and quoted:
            quoted, closed = False, at
        elif char == '"' and (at == starts[-1] or closed == at - 1):
            quoted = True
        elif char == delimiter and not quoted:
            starts.append(at + 1)
    return starts
