"""The command's root, and what its subcommands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge import __version__
from bridge.cli import output

if TYPE_CHECKING:
    from bridge.config.models import Config
    from bridge.domain.model import AccountId
    from bridge.store.store import Store

app = typer.Typer(
    name="wbiz-bridge",
    help="Watches WhatsApp messages sent through WbizTool, and tells Slack and webhooks when their status changes.",
    epilog="Begin with: wbiz-bridge demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        readable=False,  # reading it says in words what is wrong, with the right exit code; typer shows a usage text
        help="The configuration. Default: $WBIZ_BRIDGE_CONFIG, ./config.yaml, /etc/wbiz-bridge/config.yaml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MostOption = Annotated[int, typer.Option("-n", "--limit", min=1, max=1_000_000, help="Show at most this many.")]


def load_config(option: Path | None) -> Config:
    """Find and read the configuration."""
    from bridge.config import loader, locate  # noqa: PLC0415 -- keeps --help and --version quick

    return loader.load(locate.find(option, os.environ), os.environ)


def open_store(option: Path | None) -> Store:
    """Open the database that the configuration names, also where something else in it is wrong, which is then said.

    What happened must be seen, and sent again, while the file is being fixed.
    """
    from bridge.store.store import Store  # noqa: PLC0415 -- keeps --help and --version quick

    url, account = _database_of(option)
    return Store(url, account=account)


def _database_of(option: Path | None) -> tuple[str, AccountId | None]:
    from bridge.config.errors import InvalidConfiguration  # noqa: PLC0415 -- keeps --help and --version quick

    try:
        settings = load_config(option)
    except InvalidConfiguration as error:
        if error.database is None:
            raise
        faults = len(error.faults)
        what = "a fault" if faults == 1 else f"{faults} faults"
        output.say(f"warning: the configuration has {what}; see wbiz-bridge check", err=True)
        return error.database, error.account
    return settings.database, settings.wbiztool.account


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
    """Take the options that stand before a subcommand."""
