"""Ends a mute: ``unmute``."""

from __future__ import annotations

from bridge.cli import output
from bridge.cli.arguments import ReceiverArgument
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app

app = command_app()


@app.command()
@connected
def unmute(connect: Connect, receiver: ReceiverArgument, *, as_json: JsonOption = False) -> None:
    """End a receiver's mute: what was held is sent now.

    Example: wbiz-bridge unmute ops
    """
    with connect() as bridge:
        found = bridge.unmute(receiver)
    if as_json:
        output.print_json(found)
        return
    mute, held = found["mute"], found["held"]
    if mute is None:
        output.say(f"{receiver} is not muted")
        return
    not_sent = f"; never sent: {mute['dropped']}" if mute["drop"] or mute["dropped"] else ""
    output.say(f"{receiver} is no longer muted: sending what was held: {held}{not_sent}")
