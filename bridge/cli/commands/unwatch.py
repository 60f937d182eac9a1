"""The watch list: ``unwatch``."""

from __future__ import annotations

import typer

from bridge.cli import output
from bridge.cli.arguments import IdsArgument, listed
from bridge.cli.configuration import load_config
from bridge.cli.options import ConfigOption, JsonOption, command_app
from bridge.store.store import Store

app = command_app()


@app.command()
def unwatch(ids: IdsArgument, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Stop polling messages that `watch` added.

    What is known of them, and queued for receivers, stays.

    Example: wbiz-bridge unwatch 12345
    """
    settings = load_config(config)
    with Store(settings.database, account=settings.wbiztool.account) as store:
        gone, kept = store.messages.unwatch(ids)
    unknown = [id_ for id_ in ids if id_ not in gone and id_ not in kept]
    if as_json:
        output.print_json({"unwatched": gone, "listed_in_configuration": kept, "not_watched": unknown})
    else:
        if gone:
            output.say(f"no longer watching {listed(gone)}")
        if unknown:
            output.say(f"not watched: {listed(unknown)}")
        if kept:
            output.say(f"still watched, because {settings.path} lists them: {listed(kept)}. Remove them there.")
    if kept:
        raise typer.Exit(1)
