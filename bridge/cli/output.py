"""How the command line shows things: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bridge.model import Event

COLOURS = {
    "pending": "yellow",
    "sent": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "red",
    "unknown": "yellow",
    "owed": "yellow",
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

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total())
        yield lambda more: bar.advance(task, more)


def print_json(value: object) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(value: object) -> None:
    """Print one JSON document on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table; what stands in it is text, whatever it looks like. Without a terminal, nothing is cut."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    console = Console() if typer.get_text_stream("stdout").isatty() else Console(width=10_000)
    if table.row_count:
        console.print(table)
    else:
        typer.echo(empty)


def now() -> datetime:
    """Tell the time that listings reckon from."""
    return datetime.now(UTC)


def about(event: Event) -> str:
    """Say in a few words what an event is about, for a table."""
    if event.message_id is None:
        named = event.data.get("receiver") or event.data.get("number")
        return " ".join(str(part) for part in (named, event.data.get("reason")) if part)
    label, current = event.data.get("label"), event.data.get("current") or {}
    why = current.get("error") or event.data.get("reason")
    return " · ".join(part for part in (str(event.message_id), label, why) if part)
