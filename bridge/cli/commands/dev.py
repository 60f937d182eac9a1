"""A developer's loop: ``dev``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.dev.runner import run_dev
from bridge.cli.dev.settings import Options
from bridge.cli.options import command_app

app = command_app()

_DEFAULTS = Options("")


@app.command()
def dev(
    forward_to: Annotated[
        str, typer.Option(metavar="URL", help="Your receiver's URL: localhost:3000/hooks, or any other.")
    ],
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="standard, cloudevents or cloudevents-binary."),
    ] = _DEFAULTS.format,
    events: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="Send only these events: failed,expired or 'source.*' or '*'. Default: all except message.pending.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign with the secret in this file; created if missing."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address of the page and the API; port 0 picks a free port.")
    ] = _DEFAULTS.listen,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, for programs.")] = False,
) -> None:
    """Develop a receiver against a simulated WbizTool.

    Runs a simulated WbizTool and the real bridge, with a temporary database. Prints the signing secret, then each POST
    to your receiver and its response, until Ctrl-C. Run `wbiz-bridge trigger` in another window to make something
    happen. Each user can run one at a time.

    Example: wbiz-bridge dev --forward-to localhost:3000/hooks/whatsapp
    """
    run_dev(Options(forward_to, format_, tuple(events or ()), secret_file, listen, as_json))
