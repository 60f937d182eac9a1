"""The watch list: ``messages``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import choice
from bridge.cli.connection import Connect, connected
from bridge.cli.csv_options import DEFAULT_MOST, CsvOption, MostOption, RawOption, check, print_csv
from bridge.cli.options import JsonOption, command_app
from bridge.cli.table import print_table
from bridge.domain.clock import ago
from bridge.domain.model import Status, unreadable_words

app = command_app()


@app.command()
@connected
def messages(
    connect: Connect,
    status: Annotated[
        str | None,
        typer.Option(metavar="|".join(Status), parser=choice("status", Status), help="Only messages with this status."),
    ] = None,
    most: MostOption = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    raw: RawOption = False,
) -> None:
    """List messages and their status.

    Most recently changed first; with --csv by their ids.

    Example: wbiz-bridge messages --status failed

    Example: wbiz-bridge messages --csv > messages.csv
    """
    check(as_csv=as_csv, raw=raw, json=as_json)
    if as_csv:
        print_csv(connect, "messages", status=status, limit=most, raw=raw)
        return
    with connect() as bridge:
        found = bridge.messages(status, most or DEFAULT_MOST)
    if as_json:
        output.print_json(found)
        return
    now = output.now()
    columns = ("ID", "STATUS", "SINCE", "LABEL", "ERROR", "NEXT POLL")
    rows = [
        (
            str(each["id"]),
            each["status"] or "not polled yet",
            ago(output.moment(each["since"]), now),
            each["label"] or "",
            _why(each, now),
            _next_poll(each, now),
        )
        for each in found
    ]
    print_table(columns, rows, empty="No messages. Add some: wbiz-bridge watch ID, or under `messages:`.")


def _next_poll(message: dict[str, Any], now: datetime) -> str:
    due_at = output.moment(message["due_at"])
    if due_at is not None:
        return ago(max(due_at, now), now)
    return "-" if message["watched"] else "unwatched"


def _why(message: dict[str, Any], now: datetime) -> str:
    """Say what WbizTool said of it, or that its answers can't be read."""
    unreadable = message["unreadable"]
    if unreadable is not None:
        return f"{unreadable_words(unreadable['why'])} (first {ago(output.moment(unreadable['since']), now)})"
    return message["error"] or ""
