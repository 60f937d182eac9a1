"""How the command line shows things: lines for people, JSON for programs."""

from __future__ import annotations

import codecs
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from bridge.cli.terminal import SafeStream, holds_everything
from bridge.domain.failure_rate import Group
from bridge.domain.model import DeliveryState
from bridge.domain.sanitization import neutral_json, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


STATES: Mapping[str, str] = {str(DeliveryState.DEAD): "dead letter", str(DeliveryState.DROPPED): "not sent"}
"""The states of deliveries that people read in other words."""


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


def table_writer() -> Callable[[bytes], None]:
    """Make what writes the pieces of a table in CSV: exactly as they are, but for a terminal, which nothing drives."""
    stdout = sys.stdout
    if isinstance(stdout, SafeStream) and not stdout.isatty():
        return stdout.exact
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def show(piece: bytes) -> None:
        stdout.write(decode(piece).replace("\r\n", "\n"))

    return show


def _as_json(value: object, indent: int | None) -> str:
    """Write JSON that any encoding can hold, and that drives no terminal."""
    return neutral_json(json.dumps(value, ensure_ascii=not holds_everything(sys.stdout), indent=indent))


def now() -> datetime:
    """Tell the time that listings count from."""
    return datetime.now(UTC)


def moment(written: str | None) -> datetime | None:
    """Read a moment from JSON."""
    return None if written is None else datetime.fromisoformat(written)


def about(event: Mapping[str, Any]) -> str:
    """Say in a few words what an event is about, for a table.

    Args:
        event: As JSON has it.
    """
    data: Mapping[str, Any] = event["data"]
    if "within_seconds" in data:
        return f"{Group(data.get('by'), data.get('group'))} · {data.get('failed')} of {data.get('of')} failed"
    if "message_id" not in data:
        named = data.get("receiver") or data.get("number")
        return " ".join(str(part) for part in (named, data.get("reason")) if part)
    why = (data.get("current") or {}).get("error") or data.get("reason")
    return " · ".join(part for part in (str(data["message_id"]), data.get("label"), why) if part)
