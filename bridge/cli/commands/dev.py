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
        str, typer.Option(metavar="URL", help="Your receiver: localhost:3000/hooks, or any other address.")
    ],
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="standard, cloudevents or cloudevents-binary."),
    ] = _DEFAULTS.format,
    events: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="Only these events: failed,expired or 'source.*' or '*'. Default: all but message.pending.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign with the secret in it; a new one is written if it is not there."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where its page and API are; port 0 is any that is free.")
    ] = _DEFAULTS.listen,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line, for programs.")] = False,
) -> None:
    """Try a receiver that you write, without an account.

    A simulated WbizTool, the real bridge and a database that is thrown away. It prints the secret that it signs with,
    then each POST to your receiver and its answer, until Ctrl-C. `wbiz-bridge trigger` in another window makes
    something happen. There is one for each user.

    Example: wbiz-bridge dev --forward-to localhost:3000/hooks/whatsapp
    """
    run_dev(Options(forward_to, format_, tuple(events or ()), secret_file, listen, as_json))
