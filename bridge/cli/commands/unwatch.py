"""The watch list: ``unwatch``."""

from __future__ import annotations

import typer

from bridge.cli import output
from bridge.cli.arguments import IdsArgument, listed
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app

app = command_app()


@app.command()
@connected
def unwatch(connect: Connect, ids: IdsArgument, *, as_json: JsonOption = False) -> None:
    """Stop polling messages that `watch` added.

    Their history and queued deliveries are kept.

    Example: wbiz-bridge unwatch 12345
    """
    with connect() as bridge:
        found = bridge.unwatch(list(dict.fromkeys(ids)))
    gone, kept, unknown = found["unwatched"], found["listed_in_configuration"], found["not_watched"]
    if as_json:
        output.print_json(found)
    else:
        if gone:
            output.say(f"no longer watching {listed(gone)}")
        if unknown:
            output.say(f"not watched: {listed(unknown)}")
        if kept:
            output.say(f"still watched, because the configuration lists them: {listed(kept)}. Remove them there.")
    if kept:
        raise typer.Exit(1)
