"""The command's root."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge import __version__
from bridge.cli import output
from bridge.cli.lazy import LazyGroup

app = typer.Typer(
    name="wbiz-bridge",
    cls=LazyGroup,
    help="Watches WhatsApp messages sent through WbizTool, and notifies Slack and webhooks when their status changes.",
    epilog="Start with: wbiz-bridge demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"wbiz-bridge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that precede a subcommand."""
