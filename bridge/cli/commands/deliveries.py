"""The record: ``deliveries``, ``deliveries retry``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.configuration import open_store
from bridge.cli.options import ConfigOption, JsonOption, MostOption, command_app
from bridge.cli.table import print_table
from bridge.domain.clock import ago
from bridge.domain.errors import UsageError
from bridge.domain.json_views import delivery_json
from bridge.domain.model import Delivery, DeliveryState
from bridge.domain.settings.units import parse_duration

app = command_app(name="deliveries")


@app.callback(invoke_without_command=True)
def deliveries(
    context: typer.Context,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those that are in it.")] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only those to it.")] = None,
    most: MostOption = 50,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List who was sent what.

    And what came of it, newest first. `deliveries retry` sends dead letters again.

    Example: wbiz-bridge deliveries --state dead
    """
    if context.invoked_subcommand is not None:
        return
    with open_store(config) as store:
        found = store.listing.deliveries(state=state, receiver=receiver, most=most)
        if as_json:
            output.print_json([delivery_json(each, store.listing.attempts(each.id)) for each in found])
            return
        last_answers = {each.id: store.listing.attempts(each.id)[-1:] for each in found if each.reason}
    now = output.now()
    rows = [
        (
            str(each.id),
            each.receiver,
            str(each.state),
            str(each.event.type),
            output.about(each.event),
            ago(each.finished_at or each.created_at, now),
            _reason(each, now),
            " ".join(last_answers[each.id][0].answer.split())[:60] if last_answers.get(each.id) else "",
        )
        for each in found
    ]
    columns = ("ID", "RECEIVER", "STATE", "EVENT", "ABOUT", "WHEN", "REASON", "LAST ANSWER")
    print_table(columns, rows, empty="No deliveries.")


@app.command("retry")
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID…]", show_default=False)] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="All dead letters to it.")] = None,
    since: Annotated[str | None, typer.Option(metavar="AGE", help="Those that died since then, e.g. 2h or 3d.")] = None,
    config: ConfigOption = None,
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
    now = output.now()
    with open_store(config) as store:
        count = store.deliveries.retry(now, ids=ids or None, receiver=receiver, since=now - age if age else None)
    if as_json:
        output.print_json({"retried": count})
    else:
        output.say(f"{count} dead letter{'' if count == 1 else 's'} will be sent again" if count else "no dead letters")
    if not count and ids:
        raise typer.Exit(1)


def _reason(delivery: Delivery, now: datetime) -> str:
    """Say why it has not arrived, when it is tried again, and how often the receiver was probed with it."""
    if not delivery.reason:
        return ""
    notes = []
    if delivery.state is DeliveryState.QUEUED:
        notes.append(f"next try {ago(delivery.due_at, now)}" if delivery.due_at > now else "waits for the receiver")
    if delivery.probes:
        notes.append(f"{delivery.probes} failed probe{'' if delivery.probes == 1 else 's'}")
    return f"{delivery.reason} ({', '.join(notes)})" if notes else delivery.reason
