"""Reads a list that somebody hands over, by command, API or page: within bounds, and all of it or nothing. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.domain.ids import NO_PHONE, like_a_phone, read_id
from bridge.domain.model import Details
from bridge.domain.sanitization import squeezed
from bridge.domain.spreadsheet.reader import NO_ID, CsvFault, CsvMessage, read_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.domain.spreadsheet.reader import Note

LARGEST_CSV: Final = 5_000_000
"""In bytes, of a list that is handed over."""

MOST_ROWS: Final = 100_000
"""Messages in it."""

TOO_LARGE: Final = f"the list is too large (allowed: up to {LARGEST_CSV // 1_000_000} MB); hand it over in parts"

_MOST_FAULTS = 20
_CELL = re.compile(r"[^,;\t]*[^,;\s][^,;\t]*")  # with something in it
_EXCERPT = 40  # characters of what is no id


class InvalidCsvError(Exception):
    """The list is wrong: the first faults, in the order of their lines, and how many there are in all."""

    def __init__(self, faults: tuple[CsvFault, ...], count: int) -> None:
        self.faults = faults
        self.count = count
        super().__init__(f"line {faults[0].line}: {faults[0].words}{f' (and {count - 1} more)' if count > 1 else ''}")


def read_list(content: bytes) -> list[CsvMessage]:
    """Read the messages of a list.

    Raises:
        InvalidCsvError: Something in it is wrong.
    """
    return _whole(len(content), lambda note: read_messages(content, note))


def read_typed(text: str) -> list[CsvMessage]:
    """Read ids that somebody typed: one on each line, or several with commas between them.

    Raises:
        InvalidCsvError: Something in it is wrong.
    """
    return _whole(len(text), lambda note: _typed(text, note))


def _typed(text: str, note: Note) -> Iterator[CsvMessage]:
    for number, line in enumerate(text.splitlines(), 1):
        for cell in _CELL.finditer(line):
            written = cell[0].strip()
            try:
                yield CsvMessage(read_id(written), Details(), number, like_a_phone(written))
            except ValueError as error:
                note(CsvFault(number, cell.start() + 1, "", f"“{squeezed(written)[:_EXCERPT]}”: {error}", NO_ID))


def _whole(size: int, read: Callable[[Note], Iterator[CsvMessage]]) -> list[CsvMessage]:
    """Read all of a list, or nothing."""
    faults: list[CsvFault] = []
    first: dict[int, int] = {}
    found: list[CsvMessage] = []
    count = 0

    def note(fault: CsvFault) -> None:
        nonlocal count
        count += 1
        if count <= _MOST_FAULTS:
            faults.append(fault)

    if size > LARGEST_CSV:
        raise InvalidCsvError((CsvFault(1, 1, "", TOO_LARGE),), 1)
    for message in read(note):
        if len(found) == MOST_ROWS:
            note(CsvFault(message.line, 1, "", f"too many rows (allowed: {MOST_ROWS:,}); hand them over in parts"))
            break
        found.append(message)
        if message.like_a_phone:
            note(CsvFault(message.line, 1, "id", NO_PHONE))
        if message.id in first:
            what = f"the id {message.id} is listed twice (first on line {first[message.id]}); keep one"
            note(CsvFault(message.line, 1, "id", what))
        first.setdefault(message.id, message.line)
    if not found and not count:
        note(CsvFault(1, 1, "", "there is no message in it"))
    if count:
        raise InvalidCsvError(tuple(faults), count)
    return found
