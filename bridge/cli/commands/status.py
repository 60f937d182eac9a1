"""The bridge's status: ``status``."""

from __future__ import annotations

import typer

from bridge.cli import output
from bridge.cli.connection import Connect, connected
from bridge.cli.find_daemon import NoDaemonError
from bridge.cli.options import JsonOption, command_app
from bridge.cli.status import describe
from bridge.domain.errors import ConfigurationError

app = command_app()

NO_DAEMON = 3


@app.command()
@connected
def status(connect: Connect, *, as_json: JsonOption = False) -> None:
    """Show the bridge's status.

    Exit code 0 when the bridge works, even if messages fail or incidents are open; 1 when something is wrong with it,
    3 when no daemon is running.

    Example: wbiz-bridge status
    """
    try:
        with connect() as bridge:
            found = bridge.status()
    except NoDaemonError as error:
        output.say(f"wbiz-bridge: {error}", err=True)
        raise typer.Exit(NO_DAEMON) from None
    if as_json:
        output.print_json(found)
    else:
        describe(found, output.now())
    if faults := found.get("configuration_faults"):
        raise ConfigurationError(*faults)
    if not found.get("daemon", {"running": True})["running"]:
        raise typer.Exit(NO_DAEMON)
    if not found["ok"]:
        raise typer.Exit(1)
