"""How the command line shows things: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.clock import isoformat
from bridge.events import envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bridge.model import Delivery, Event
    from bridge.store import PastAttempt, WatchedMessage

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


def stamp(moment: datetime | None) -> str | None:
    """Write a moment for JSON."""
    return None if moment is None else isoformat(moment)


def message_json(shown: WatchedMessage) -> dict[str, Any]:
    """Arrange a message for JSON."""
    message, state = shown.message, shown.message.state
    return {
        "id": message.id,
        "label": message.label,
        "tags": dict(message.tags),
        "status": state and str(state.status),
        "since": state and stamp(state.since),
        "error": state and state.error,
        "sequence": message.sequence,
        "watched": shown.watched,
        "watched_since": stamp(message.watched_since),
        "expected_at": stamp(message.expected_at),
        "polled_at": stamp(shown.polled_at),
        "due_at": stamp(shown.due_at),
    }


def delivery_json(delivery: Delivery, attempts: Sequence[PastAttempt] | None = None) -> dict[str, Any]:
    """Arrange a delivery for JSON, with its attempts where they are given."""
    shown: dict[str, Any] = {
        "id": delivery.id,
        "receiver": delivery.receiver,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "created_at": stamp(delivery.created_at),
        "due_at": stamp(delivery.due_at) if delivery.finished_at is None else None,
        "finished_at": stamp(delivery.finished_at),
        "reason": delivery.reason,
        "event": envelope(delivery.event),
    }
    if attempts is not None:
        shown["tries"] = [
            {
                "at": stamp(made.at),
                "seconds": round(made.duration, 3),
                "outcome": made.outcome,
                "http_status": made.http_status,
                "why": made.why,
                "answer": made.answer,
            }
            for made in attempts
        ]
    return shown


def about(event: Event) -> str:
    """Say in a few words what an event is about, for a table."""
    if event.message_id is None:
        named = event.data.get("receiver") or event.data.get("number")
        return " ".join(str(part) for part in (named, event.data.get("reason")) if part)
    label, current = event.data.get("label"), event.data.get("current") or {}
    return " · ".join(part for part in (str(event.message_id), label, current.get("error")) if part)
