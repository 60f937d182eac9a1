"""All of it at work, without an account: ``demo``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from bridge.cli.demo.runner import run_demo
from bridge.cli.options import command_app

app = command_app()


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=5, max=600, help="How long it runs.")] = 20,
    keep: Annotated[
        bool, typer.Option("--keep", help="Then go on until Ctrl-C, to look at the bridge's page.")
    ] = False,
) -> None:
    """See it work, without an account.

    No configuration either, and about 20 seconds.

    A simulated WbizTool, a local receiver that shows what arrives, and the real daemon between them. Nothing leaves
    this machine, and nothing stays on it.

    Example: wbiz-bridge demo --keep
    """
    run_demo(timedelta(seconds=seconds), keep=keep)
