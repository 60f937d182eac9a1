"""How the command line shows things: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from bridge.cli.terminal import console, holds_everything
from bridge.domain.sanitization import neutral_json, one_line, squeezed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bridge.domain.model import Event

COLOURS = {
    "pending": "yellow",
    "sent": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "red",
    "unknown": "yellow",
    "queued": "yellow",
    "delivered": "green",
    "dead": "red",
}


@contextmanager
def progress(what: str, total: Callable[[], int]) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing elsewhere. What is given is called with how many more are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress  # noqa: PLC0415 -- only where it is used

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total())
        yield lambda more: bar.advance(task, more)


def say(*lines: str, err: bool = False) -> None:
    """Print lines for people. What comes from outside neither drives the terminal nor begins a line of its own.

    Args:
        lines: Each is one line, whatever is in it.
        err: To standard error.
    """
    typer.echo("\n".join(map(one_line, lines)), err=err)


def print_json(value: object) -> None:
    """Print one JSON document."""
    typer.echo(_as_json(value, indent=2))


def print_line(value: object) -> None:
    """Print one JSON document on one line."""
    typer.echo(_as_json(value, indent=None))


def _as_json(value: object, indent: int | None) -> str:
    """Write JSON that any encoding can hold, and that drives no terminal."""
    return neutral_json(json.dumps(value, ensure_ascii=not holds_everything(sys.stdout), indent=indent))


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


def now() -> datetime:
    """Tell the time that listings count from."""
    return datetime.now(UTC)


def about(event: Event) -> str:
    """Say in a few words what an event is about, for a table."""
    if event.message_id is None:
        named = event.data.get("receiver") or event.data.get("number")
        return " ".join(str(part) for part in (named, event.data.get("reason")) if part)
    label, current = event.data.get("label"), event.data.get("current") or {}
    why = current.get("error") or event.data.get("reason")
    return " · ".join(part for part in (str(event.message_id), label, why) if part)
