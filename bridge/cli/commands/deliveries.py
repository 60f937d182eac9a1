"""The record: ``deliveries``, ``deliveries retry``."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import age_or_time, check_times, choice, event_type, whole_number
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, MostOption, command_app
from bridge.cli.status import configured_in
from bridge.cli.table import print_table
from bridge.domain.clock import ago, isoformat
from bridge.domain.errors import UsageError
from bridge.domain.model import LARGEST_ID, DeliveryState
from bridge.domain.suggest import unknown_receiver

app = command_app(name="deliveries")

_UNASKED = 100
"""How many deliveries are sent again without a question."""


_STATES = tuple(output.STATES.get(state, str(state)).replace(" ", "-") for state in DeliveryState)


@app.callback(invoke_without_command=True)
@connected
def deliveries(
    connect: Connect,
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(_STATES),
            parser=choice("state", DeliveryState, output.STATES),
            help="Only deliveries in this state.",
        ),
    ] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only deliveries to this receiver.")] = None,
    most: MostOption = 50,
    *,
    as_json: JsonOption = False,
) -> None:
    """List deliveries.

    Newest first, with their results. `retry` sends dead letters again, `resend` events that were delivered.

    Example: wbiz-bridge deliveries --state dead
    """
    if context.invoked_subcommand is not None:
        return
    with connect() as bridge:
        found = bridge.deliveries(state, receiver, most)
        if not found:
            _check_known(receiver, bridge)
    if as_json:
        output.print_json(found)
        return
    now = output.now()
    rows = [
        (
            str(each["id"]),
            each["receiver"],
            output.STATES.get(each["state"], each["state"]),
            _what(each),
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
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID…]", parser=whole_number(1, LARGEST_ID), show_default=False),
    ] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only dead letters to this receiver.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE|TIME", help="Only those given up since then, e.g. 3d or 2026-12-24.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again.

    The event ids stay the same, so receivers can recognize duplicates.

    Examples: wbiz-bridge deliveries retry 17 18 · … retry --receiver crm --since 1d · … retry --all
    """
    if not (ids or receiver or since or everything):
        raise UsageError("choose what to retry: ids, --receiver NAME, --since AGE, or --all")
    check_times(since=since or None)
    with connect() as bridge:
        count = bridge.retry(ids or (), receiver, age_or_time("--since", since or None, bridge.timezone))
        if not count:
            _check_known(receiver, bridge)
    if as_json:
        output.print_json({"retried": count})
    else:
        output.say(f"{count} dead letter{'' if count == 1 else 's'} will be sent again" if count else "no dead letters")
    if not count and ids:
        raise typer.Exit(1)


@app.command("resend")
@connected
def resend(
    connect: Connect,
    events: Annotated[list[str] | None, typer.Argument(metavar="[EVENT…]", show_default=False)] = None,
    receiver: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only to this receiver. Default: all that got the event.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="AGE|TIME", help="Only events since then, e.g. 2d.")] = None,
    until: Annotated[str | None, typer.Option(metavar="AGE|TIME", help="Only events before then, e.g. 1h.")] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only events of this type. Can be repeated.")
    ] = None,
    *,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Send a new receiver the earlier events that it subscribes to.")
    ] = False,
    new_id: Annotated[
        bool, typer.Option("--new-id", help="Use new event ids, for receivers that drop duplicates.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send delivered events again.

    The body and the id stay the same; the header `webhook-resent: 1` is added. Deliveries that are still queued are not
    affected, and events older than `retention` are gone. More than 100 deliveries need confirmation.

    Examples: wbiz-bridge deliveries resend evt_2pgyxq3i5f6n7e4kd2ab5cqx · … resend --receiver crm --since 2d
    --type failed · … resend --receiver new-crm --since 7d --backfill
    """
    if not (events or receiver or since):
        raise UsageError("choose what to resend: event ids, --receiver NAME, or --since AGE")
    if backfill and (events or not receiver):
        raise UsageError("--backfill needs --receiver NAME and takes no event ids")
    check_times(since=since, until=until)
    types = [str(event_type(each)) for each in type_ or ()]
    flags = {"backfill": backfill, "new_id": new_id}
    given = {"event_ids": events, "receiver": receiver, "type": types, **flags}
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value}
    with connect() as bridge:
        zone = bridge.timezone
        times = {"since": age_or_time("--since", since, zone), "until": age_or_time("--until", until, zone)}
        wanted |= {name: isoformat(moment) for name, moment in times.items() if moment is not None}
        if not yes:
            _confirm(bridge.resend({**wanted, "dry_run": True}))
        count = bridge.resend(wanted)
    if as_json:
        output.print_json({"resent": count})
    else:
        output.say(
            f"{count} deliver{'y' if count == 1 else 'ies'} will be sent again" if count else "nothing to send again"
        )
    if not count and events:
        raise typer.Exit(1)


def _check_known(receiver: str | None, bridge: Bridge) -> None:
    """Check that there is such a receiver, where nothing of it was found; it need not be configured any longer.

    Raises:
        UsageError: It is neither configured, nor has it ever been sent anything.
    """
    if receiver is None:
        return
    status = bridge.status()
    configured = configured_in(status)
    if receiver not in {*configured, *status.get("receivers", ())}:
        raise UsageError(unknown_receiver(receiver, configured))


def _confirm(count: int) -> None:
    if count <= _UNASKED:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this would send {count:,} deliveries again: confirm with --yes")
    typer.confirm(f"Send {count:,} deliveries again?", abort=True)


def _what(delivery: dict[str, Any]) -> str:
    """Name the event's type, and which reminder of it it is."""
    number = delivery.get("reminder")  # a remote bridge may be older
    return f"{delivery['event']['type']} (reminder {number})" if number else str(delivery["event"]["type"])


def _reason(delivery: dict[str, Any], now: datetime) -> str:
    """Say why it has not arrived, when it is tried again, and how often the receiver was probed with it."""
    if held := delivery.get("held"):  # a remote bridge may be older
        return f"held: {held}"
    if not delivery["reason"]:
        return delivery.get("waits") or ""
    notes = []
    due_at = output.moment(delivery["due_at"])
    if delivery["state"] == DeliveryState.QUEUED and not delivery["tries"] and due_at is not None:
        return f"{delivery['reason']}; due {ago(max(due_at, now), now)}"
    if delivery["state"] == DeliveryState.QUEUED and delivery["tries"]:
        notes.append(f"next try {ago(due_at, now)}" if due_at and due_at > now else "waits for the receiver")
    if delivery["probes"]:
        notes.append(f"{delivery['probes']} failed probe{'' if delivery['probes'] == 1 else 's'}")
    return f"{delivery['reason']} ({', '.join(notes)})" if notes else str(delivery["reason"])


def _last_answer(delivery: dict[str, Any]) -> str:
    """Give the beginning of what the receiver answered last, where it did not take it."""
    if not delivery["reason"] or not delivery["tries"]:
        return ""
    return " ".join(delivery["tries"][-1]["answer"].split())[:60]
