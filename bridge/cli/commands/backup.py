"""Looking after the database: ``backup``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.connection import Connect, connected
from bridge.cli.options import command_app

app = command_app()


@app.command()
@connected
def backup(
    connect: Connect,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="Where to write the backup.", show_default=False)
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> None:
    """Back up the database while the bridge runs.

    The backup is a consistent snapshot, checked for errors, and only you can read it. To restore it: docs/operate.md.

    Example: wbiz-bridge backup /var/backups/bridge.db
    """
    with connect() as bridge:
        size = bridge.back_up(file, force=force)
    output.say(f"{file}: {_amount(size)}, checked")


def _amount(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 -- the step from one unit to the next
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
