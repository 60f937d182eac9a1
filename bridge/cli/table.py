"""Tables for people, laid out by rich on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from bridge.cli.console import console
from bridge.cli.output import say
from bridge.domain.sanitization import squeezed

COLOURS = {
    "pending": "yellow",
    "sent": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "red",
    "unknown": "yellow",
    "queued": "yellow",
    "delivered": "green",
    "dead letter": "red",
    "not sent": "magenta",
}


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table; what is in it is text, whatever it looks like.

    On a terminal it is as wide as that, and long cells are wrapped. Elsewhere nothing is cut, and no line is longer
    than what it says: a cell that is much longer than others pushes only its own line apart.
    """
    cells = [[squeezed(cell) for cell in row] for row in rows]
    if not cells:
        say(empty)
    elif sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(columns):
            table.add_column(column, overflow="fold", no_wrap=not number)
        for row in cells:
            table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
        console().print(table)
    else:
        say(*aligned([list(columns), *cells]))


WIDEST = 48
"""How wide a column gets, in a table that is not for a terminal."""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows of cells under one another, in lines without spaces at their ends. Pure."""
    widths = [max(min(cell_len(cell), WIDEST) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
