"""The record: ``events``."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import message_id
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.sanitization import squeezed

app = command_app()


@app.command()
@connected
def events(
    connect: Connect,
    message: Annotated[
        int | None, typer.Option(metavar="ID", parser=message_id, help="Only events of this message.")
    ] = None,
    most: MostOption = 50,
    *,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Keep running and show new events as they happen.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List events.

    Oldest first. With --follow, --json prints one event per line.

    Example: wbiz-bridge events --follow
    """
    with connect() as bridge:
        if follow:
            with suppress(KeyboardInterrupt):
                for event in bridge.follow(message, most):
                    _show(event, as_json=as_json)
            return
        found = bridge.events(message, most)
    if as_json:
        output.print_json(found)
        return
    rows = [(_time(event), event["type"], output.about(event), event["id"]) for event in found]
    print_table(("TIME (UTC)", "EVENT", "ABOUT", "ID"), rows, empty="Nothing has happened yet.")


def _show(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_line(event)
    else:
        output.say(f"{_time(event)}  {event['type']}  {squeezed(output.about(event))}")


def _time(event: dict[str, Any]) -> str:
    return f"{output.moment(event['timestamp']):%Y-%m-%d %H:%M:%S}"
