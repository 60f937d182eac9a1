"""What is wrong now: ``incidents``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.check import counted
from bridge.domain.clock import ago

app = command_app()


@app.command()
@connected
def incidents(
    connect: Connect,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Include what somebody has acknowledged.")] = False,
    most: MostOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List what is wrong now, newest first.

    Failed and expired messages stay in the list until somebody acknowledges them with `ack`, or their history is
    removed. Everything else leaves it when it is over.

    Example: wbiz-bridge incidents --all
    """
    with connect() as bridge:
        found = bridge.incidents(acknowledged=all_, most=most)
        empty = "Nothing is wrong." if found or as_json else _nothing(bridge)
    if as_json:
        output.print_json(found)
        return
    now = output.now()
    rows = [
        (
            each["subject"].removeprefix("message/"),
            each["type"],
            ago(output.moment(each["since"]), now),
            each["label"] or "",
            each["reason"] or "",
            _seen(each["acknowledged"]),
        )
        for each in found
    ]
    print_table(("WHAT", "EVENT", "SINCE", "LABEL", "REASON", "ACKNOWLEDGED"), rows, empty=empty)


def _nothing(bridge: Bridge) -> str:
    """Say that nothing is open, and how many incidents are acknowledged."""
    count: int = bridge.status().get("incidents", {}).get("acknowledged", 0)
    if not count:
        return "Nothing is wrong."
    return f"Nothing is open. {counted(count, 'is', 'are')} acknowledged: `wbiz-bridge incidents --all`."


def _seen(acknowledged: dict[str, Any] | None) -> str:
    if acknowledged is None:
        return "no"
    return " · ".join(filter(None, [f"by {acknowledged['by']}" if acknowledged["by"] else "yes", acknowledged["note"]]))
