"""The record: ``events``, ``deliveries``, ``deliveries retry``."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import output
from bridge.cli.app import ConfigOption, JsonOption, MostOption, app, open_store
from bridge.cli.arguments import message_id
from bridge.domain.clock import ago
from bridge.domain.errors import NotNowError, UsageError
from bridge.domain.events import envelope
from bridge.domain.json_views import delivery_json
from bridge.domain.model import DeliveryState
from bridge.domain.sanitization import squeezed
from bridge.store.history import EventQuery

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.model import Delivery, Event
    from bridge.store.store import Store

_FOLLOW_EVERY = 0.5
_AT_ONCE = 1000

_deliveries = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(_deliveries, name="deliveries")


@app.command()
def events(
    message: Annotated[
        int | None, typer.Option(metavar="ID", parser=message_id, help="Only those of one message.")
    ] = None,
    most: MostOption = 50,
    config: ConfigOption = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, showing new ones as they happen.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what happened.

    Oldest first. With --follow, JSON comes as one event a line.

    Example: wbiz-bridge events --follow
    """
    with open_store(config) as store:
        if not follow:
            _show_events([event for _, event in store.listing.events(message_id=message, most=most)], as_json=as_json)
            return
        with suppress(KeyboardInterrupt):
            _follow(store, message, most, as_json=as_json)


@_deliveries.callback(invoke_without_command=True)
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
    output.print_table(columns, rows, empty="No deliveries.")


@_deliveries.command("retry")
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
    from bridge.domain.settings.units import parse_duration  # noqa: PLC0415 -- keeps --help quick

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


def _show_events(found: list[Event], *, as_json: bool) -> None:
    if as_json:
        output.print_json([envelope(event) for event in found])
        return
    rows = [(f"{event.at:%Y-%m-%d %H:%M:%S}", str(event.type), output.about(event), event.id) for event in found]
    output.print_table(("TIME (UTC)", "EVENT", "ABOUT", "ID"), rows, empty="Nothing has happened yet.")


def _follow(store: Store, message: int | None, most: int, *, as_json: bool) -> None:
    """Show the latest events, then those that happen, until Ctrl-C. While the database is away, it waits."""
    place = store.history.place(output.now())
    for position, event in store.listing.events(message_id=message, most=most):
        if position <= place:  # what is behind a place that may yet be filled comes in its turn
            _show_one(event, as_json=as_json)
    away = False
    while True:
        before = place
        try:
            found, place = store.history.follow(place, output.now(), EventQuery(message), most=_AT_ONCE)
            away = False
        except NotNowError as error:
            found = []
            if not away:
                output.say(f"warning: {error}; waiting for it", err=True)
            away = True
        for _, event in found:
            _show_one(event, as_json=as_json)
        if place == before:
            time.sleep(_FOLLOW_EVERY)


def _show_one(event: Event, *, as_json: bool) -> None:
    if as_json:
        output.print_line(envelope(event))
    else:
        output.say(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.type}  {squeezed(output.about(event))}")
