"""Ends a mute: ``unmute``."""

from __future__ import annotations

from typing import Any

from bridge.cli import output
from bridge.cli.arguments import ReceiverArgument
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.check import counted
from bridge.domain.local_time import shown

app = command_app()


@app.command()
@connected
def unmute(connect: Connect, receiver: ReceiverArgument, *, as_json: JsonOption = False) -> None:
    """End a receiver's mute.

    What was held is sent now, or when its quiet hours end.

    Example: wbiz-bridge unmute ops
    """
    with connect() as bridge:
        found = bridge.unmute(receiver)
        release = "" if as_json else _release(found, bridge)
    if as_json:
        output.print_json(found)
        return
    mute = found["mute"]
    if mute is None:
        output.say(f"{receiver} is not muted")
        return
    not_sent = f"; {mute['dropped']} not sent" if mute["drop"] or mute["dropped"] else ""
    output.say(f"{receiver} is no longer muted; {release}{not_sent}")


def _release(found: dict[str, Any], bridge: Bridge) -> str:
    """Say what becomes of what was held. A remote bridge may be older."""
    count = counted(found["held"], "held delivery is", "held deliveries are")
    if not found["held"]:
        return "nothing was held"
    if not found.get("configured", True):
        return f"{count} sent once the receiver is in the configuration again"
    quiet_until = output.moment(found.get("quiet_until"))
    if quiet_until is not None:
        return f"{count} sent when its quiet hours end: {shown(quiet_until, bridge.timezone, 'minutes')}"
    return f"{count} sent {'now' if found.get('running', True) else 'as soon as a daemon runs'}"
