"""The watch list: ``messages``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.configuration import open_store
from bridge.cli.options import ConfigOption, JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.clock import ago
from bridge.domain.json_views import message_json
from bridge.domain.model import Message, Status

app = command_app()


@app.command()
def messages(
    status: Annotated[Status | None, typer.Option(help="Only those that have it.")] = None,
    most: MostOption = 50,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List messages and their status.

    Those with the latest change come first.

    Example: wbiz-bridge messages --status failed
    """
    with open_store(config) as store:
        found = store.listing.messages(status=status, most=most)
    if as_json:
        output.print_json([message_json(shown) for shown in found])
        return
    now = output.now()
    rows = []
    for shown in found:
        state = shown.message.state
        next_poll = ago(max(shown.due_at, now), now) if shown.due_at else ("-" if shown.watched else "unwatched")
        rows.append(
            (
                str(shown.message.id),
                str(state.status) if state else "not seen yet",
                ago(state.since, now) if state else "-",
                shown.message.label or "",
                _why(shown.message, now),
                next_poll,
            )
        )
    columns = ("ID", "STATUS", "SINCE", "LABEL", "ERROR", "NEXT POLL")
    print_table(columns, rows, empty="No messages. Add some: wbiz-bridge watch ID, or under `messages:`.")


def _why(message: Message, now: datetime) -> str:
    """Say what WbizTool said of it, or that its answers can't be read."""
    if message.unread is not None:
        return f"{message.unread.words} (first {ago(message.unread.since, now)})"
    return (message.state and message.state.error) or ""
