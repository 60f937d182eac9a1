"""The record: ``deliveries``, ``deliveries retry``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.clock import ago
from bridge.domain.errors import UsageError
from bridge.domain.model import DeliveryState
from bridge.domain.settings.units import parse_duration

app = command_app(name="deliveries")


@app.callback(invoke_without_command=True)
@connected
def deliveries(
    connect: Connect,
    context: typer.Context,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those that are in it.")] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only those to it.")] = None,
    most: MostOption = 50,
    *,
    as_json: JsonOption = False,
) -> None:
    """List who was sent what.

    And what came of it, newest first. `deliveries retry` sends dead letters again.

    Example: wbiz-bridge deliveries --state dead
    """
    if context.invoked_subcommand is not None:
        return
    with connect() as bridge:
        found = bridge.deliveries(state and str(state), receiver, most)
    if as_json:
        output.print_json(found)
        return
    now = output.now()
    rows = [
        (
            str(each["id"]),
            each["receiver"],
            each["state"],
            each["event"]["type"],
            output.about(each["event"]),
            ago(output.moment(each["finished_at"] or each["created_at"]), now),
            _reason(each, now),
            _last_answer(each),
        )
        for each in found
    ]
    columns = ("ID", "RECEIVER", "STATE", "EVENT", "ABOUT", "WHEN", "REASON", "LAST ANSWER")
    print_table(columns, rows, empty="No deliveries.")


@app.command("retry")
@connected
def retry(
    connect: Connect,
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID…]", show_default=False)] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="All dead letters to it.")] = None,
    since: Annotated[str | None, typer.Option(metavar="AGE", help="Those that died since then, e.g. 2h or 3d.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again.

    With the same event ids: receivers that had them can tell.

    Examples: wbiz-bridge deliveries retry 17 18 · … retry --receiver crm --since 1d · … retry --all
    """
    if not (ids or receiver or since or everything):
        raise UsageError("say which: ids, --receiver NAME, --since AGE, or --all")
    try:
        age: timedelta | None = parse_duration(since) if since else None
    except ValueError as error:
        raise UsageError(f"--since {since}: {error}") from None
    with connect() as bridge:
        count = bridge.retry(ids or (), receiver, output.now() - age if age else None)
    if as_json:
        output.print_json({"retried": count})
    else:
        output.say(f"{count} dead letter{'' if count == 1 else 's'} will be sent again" if count else "no dead letters")
    if not count and ids:
        raise typer.Exit(1)


def _reason(delivery: dict[str, Any], now: datetime) -> str:
    """Say why it has not arrived, when it is tried again, and how often the receiver was probed with it."""
    if not delivery["reason"]:
        return ""
    notes = []
    if delivery["state"] == DeliveryState.QUEUED:
        due_at = output.moment(delivery["due_at"])
        notes.append(f"next try {ago(due_at, now)}" if due_at and due_at > now else "waits for the receiver")
    if delivery["probes"]:
        notes.append(f"{delivery['probes']} failed probe{'' if delivery['probes'] == 1 else 's'}")
    return f"{delivery['reason']} ({', '.join(notes)})" if notes else str(delivery["reason"])


def _last_answer(delivery: dict[str, Any]) -> str:
    """Give the beginning of what the receiver answered last, where it did not take it."""
    if not delivery["reason"] or not delivery["tries"]:
        return ""
    return " ".join(delivery["tries"][-1]["answer"].split())[:60]
