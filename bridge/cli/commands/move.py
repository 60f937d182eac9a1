"""From SQLite to PostgreSQL: ``move``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.configuration import load_config
from bridge.cli.options import ConfigOption, command_app
from bridge.cli.progress import progress
from bridge.config.database_url import database_url
from bridge.domain.errors import BridgeError, UsageError
from bridge.store.backup import sqlite_file
from bridge.store.database_check import try_database
from bridge.store.store import Store

app = command_app()


@app.command()
def move(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            envvar="WBIZ_BRIDGE_MOVE_TO",
            help="An empty PostgreSQL database. If the URL has a password, use the variable: others can see commands.",
            show_default=False,
            show_envvar=True,
        ),
    ],
    config: ConfigOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be copied.")] = False,
) -> None:
    """Copy a SQLite database to PostgreSQL.

    The bridge must be stopped, and the PostgreSQL database empty. The SQLite file is not changed. Afterwards, change
    `database:` in the configuration.

    Example: wbiz-bridge move --to postgresql://bridge@db.example.com/bridge
    """
    settings = load_config(config)
    account, target = settings.wbiztool.account, _target(to)
    if settings.database.startswith("postgresql"):
        raise UsageError(f"{settings.path}: `database:` is already PostgreSQL; move copies from SQLite")
    file = sqlite_file(settings.database)
    if not file.exists():
        raise BridgeError(f"{file}: there is no database to move")
    with Store(settings.database, exclusive=True, account=account) as source:
        try_database(target, account)
        rows = source.counts()
        total = sum(rows.values())
        shown = ", ".join(f"{rows[name]:,} {name}" for name in ("messages", "events", "deliveries", "attempts"))
        output.say(f"{file}: {shown}")
        if dry_run:
            return
        opened = Store(target, exclusive=True, account=account)
        with opened as store, progress("copying", lambda: total) as tell:
            source.copy_to(store, tell)
            where = store.name
    output.say(
        f"Everything has been copied to {where}. {file} still has it too: do not start a bridge on that file again."
    )
    output.say(f"Next: in {settings.path}, set `database:` to that URL, then start the bridge.")


def _target(text: str) -> str:
    try:
        url = database_url(text, Path())
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None
    if not url.startswith("postgresql"):
        raise UsageError("--to: must be a PostgreSQL URL: postgresql://user@host/name")
    return url
