"""The record: ``events``."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import message_id
from bridge.cli.configuration import open_store
from bridge.cli.options import ConfigOption, JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.errors import NotNowError
from bridge.domain.events import envelope
from bridge.domain.model import Event
from bridge.domain.sanitization import squeezed
from bridge.store.history import EventQuery
from bridge.store.store import Store

_FOLLOW_EVERY = 0.5
_AT_ONCE = 1000

app = command_app()


@app.command()
def events(
    message: Annotated[
        int | None, typer.Option(metavar="ID", parser=message_id, help="Only those of one message.")
    ] = None,
    most: MostOption = 50,
    config: ConfigOption = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, showing new ones as they happen.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what happened.

    Oldest first. With --follow, JSON comes as one event a line.

    Example: wbiz-bridge events --follow
    """
    with open_store(config) as store:
        if not follow:
            _show_events([event for _, event in store.listing.events(message_id=message, most=most)], as_json=as_json)
            return
        with suppress(KeyboardInterrupt):
            _follow(store, message, most, as_json=as_json)


def _show_events(found: list[Event], *, as_json: bool) -> None:
    if as_json:
        output.print_json([envelope(event) for event in found])
        return
    rows = [(f"{event.at:%Y-%m-%d %H:%M:%S}", str(event.type), output.about(event), event.id) for event in found]
    print_table(("TIME (UTC)", "EVENT", "ABOUT", "ID"), rows, empty="Nothing has happened yet.")


def _follow(store: Store, message: int | None, most: int, *, as_json: bool) -> None:
    """Show the latest events, then those that happen, until Ctrl-C. While the database is away, it waits."""
    place = store.history.place(output.now())
    for position, event in store.listing.events(message_id=message, most=most):
        if position <= place:  # what is behind a place that may yet be filled comes in its turn
            _show_one(event, as_json=as_json)
    away = False
    while True:
        before = place
        try:
            found, place = store.history.follow(place, output.now(), EventQuery(message), most=_AT_ONCE)
            away = False
        except NotNowError as error:
            found = []
            if not away:
                output.say(f"warning: {error}; waiting for it", err=True)
            away = True
        for _, event in found:
            _show_one(event, as_json=as_json)
        if place == before:
            time.sleep(_FOLLOW_EVERY)


def _show_one(event: Event, *, as_json: bool) -> None:
    if as_json:
        output.print_line(envelope(event))
    else:
        output.say(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.type}  {squeezed(output.about(event))}")
