"""A test event for a receiver: ``test``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import output, receiver_test
from bridge.cli.arguments import event_type
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app

app = command_app()


@app.command("test")
@connected
def try_receiver(
    connect: Connect,
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="The receiver's name in the configuration.")],
    *,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="The event's type.")] = "message.failed",
    as_json: JsonOption = False,
) -> None:
    """Send a test event to a receiver and show its answer.

    The event is marked as a test: "test": true in JSON, TEST in messages for people (without mentions), and
    WBIZ_BRIDGE_TEST=1 in the environment of programs.

    Example: wbiz-bridge test ops --type message.sent
    """
    wanted = event_type(type_)
    with connect() as bridge:
        made = bridge.test(receiver, str(wanted))
    if not made["subscribed"]:
        output.say(f"note: {receiver} is not subscribed to {wanted}: only tests of this type reach it", err=True)
    if as_json:
        output.print_json(made)
    else:
        receiver_test.show(made)
    if not receiver_test.is_delivered(made):
        raise typer.Exit(1)
