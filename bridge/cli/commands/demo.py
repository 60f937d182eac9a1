"""All of it at work, without an account: ``demo``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from bridge.cli.arguments import whole_number
from bridge.cli.demo.runner import run_demo
from bridge.cli.options import command_app

app = command_app()


@app.command()
def demo(
    seconds: Annotated[int, typer.Option(metavar="N", parser=whole_number(5, 600), help="How long to run.")] = 20,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep running until Ctrl-C, so that you can open the bridge's page.")
    ] = False,
) -> None:
    """Try it without an account.

    Needs no configuration and takes about 20 seconds.

    Runs the real daemon between a simulated WbizTool and a local receiver that shows what arrives. Nothing leaves this
    machine, and nothing is left behind.

    Example: wbiz-bridge demo --keep
    """
    run_demo(timedelta(seconds=seconds), keep=keep)
