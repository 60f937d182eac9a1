"""The record: ``events``."""

from __future__ import annotations

from contextlib import suppress
from datetime import tzinfo
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import message_id
from bridge.cli.connection import Connect, connected
from bridge.cli.csv_options import DEFAULT_MOST, CsvOption, MostOption, RawOption, check, print_csv
from bridge.cli.options import JsonOption, command_app
from bridge.cli.table import print_table
from bridge.domain.local_time import shown
from bridge.domain.sanitization import squeezed

app = command_app()


@app.command()
@connected
def events(
    connect: Connect,
    message: Annotated[
        int | None, typer.Option(metavar="ID", parser=message_id, help="Only events of this message.")
    ] = None,
    most: MostOption = None,
    *,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Keep running and show new events as they happen.")
    ] = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    raw: RawOption = False,
) -> None:
    """List events.

    Of the latest, the newest comes last, as in a log, and --follow goes on from there; with --csv, it comes first. With
    --follow, --json prints one event per line.

    Example: wbiz-bridge events --follow

    Example: wbiz-bridge events --csv > events.csv
    """
    check(as_csv=as_csv, raw=raw, json=as_json, follow=follow)
    if as_csv:
        print_csv(connect, "events", message_id=message, limit=most, raw=raw)
        return
    most = most or DEFAULT_MOST
    with connect() as bridge:
        if follow:
            with suppress(KeyboardInterrupt):
                zone = None if as_json else bridge.timezone
                for event in bridge.follow(message, most):
                    _show(event, zone)
            return
        found = bridge.events(message, most)
        rows = [] if as_json else [_row(event, bridge.timezone) for event in found]
    if as_json:
        output.print_json(found)
        return
    print_table(("TIME", "EVENT", "ABOUT", "ID"), rows, empty="Nothing has happened yet.")


def _show(event: dict[str, Any], zone: tzinfo | None) -> None:
    """Print an event on a line: as JSON, or for people in a time zone."""
    if zone is None:
        output.print_line(event)
    else:
        at, type_, about, _ = _row(event, zone)
        output.say(f"{at}  {type_}  {squeezed(about)}")


def _row(event: dict[str, Any], zone: tzinfo) -> tuple[str, str, str, str]:
    at = output.moment(event["timestamp"])
    assert at is not None
    return shown(at, zone), event["type"], output.about(event), event["id"]
