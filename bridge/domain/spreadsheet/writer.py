"""Writes CSV (RFC 4180), for spreadsheets and for programs. Pure."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TAG: Final = "tags."
"""What the name of a tag's column begins with."""

DETAILS: Final = ("id", "label", "expected_at")
"""The columns of a list: its messages, and what is said of each, besides its tags."""

FOUND_OUT: Final = (
    "status",
    "since",
    "error",
    "sequence",
    "watched",
    "watched_since",
    "polled_at",
    "due_at",
)
"""The columns of messages that tell what the bridge knows of them: a list that is read in may have them."""

_CALCULATED = re.compile(r"'*[=+\-@\t\r]")


def guarded(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would calculate, and before what already looks so guarded."""
    return f"'{cell}" if _CALCULATED.match(cell) else cell


def unguarded(cell: str) -> str:
    """Take that apostrophe away again."""
    return cell[1:] if cell.startswith("'") and _CALCULATED.match(cell) else cell


def csv_text(rows: Iterable[Sequence[Any]], *, raw: bool = False) -> str:
    """Write rows; None is an empty cell.

    Args:
        rows: The cells of each.
        raw: Leave out the guard against formulas: for programs.
    """
    written = io.StringIO(newline="")
    write = csv.writer(written).writerow
    for row in rows:
        cells = map(_cell, row)
        write(list(cells) if raw else list(map(guarded, cells)))
    return written.getvalue()


def list_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Write a list of messages to watch, each as the API takes it in JSON."""
    tags = sorted({name for each in messages for name in each.get("tags") or ()})
    columns = [*DETAILS, *(f"{TAG}{name}" for name in tags)]
    return csv_text([columns, *(said(each, tags) for each in messages)])


def said(message: Mapping[str, Any], tags: Sequence[str]) -> list[Any]:
    """Arrange what is said of a message, as JSON has it, in :data:`DETAILS` and these tags."""
    given = message.get("tags") or {}
    return [*(message.get(name) for name in DETAILS), *(given.get(name) for name in tags)]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
