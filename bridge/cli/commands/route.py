"""Which receivers would get an event, and why the others would not: ``route``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.configuration import load_config
from bridge.cli.event_source import is_id, name_of, read_text
from bridge.cli.options import ConfigOption, JsonOption, command_app
from bridge.cli.table import print_table
from bridge.daemon.factory import subscriptions
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.event_parser import read_events
from bridge.domain.events import envelope
from bridge.domain.routing import refusal
from bridge.domain.sanitization import squeezed
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.config.models import Config
    from bridge.domain.model import Event

app = command_app()


@app.command()
def route(
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="A file, - for standard input, or the id of an event that happened."),
    ],
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", metavar="NAME", help="Fail unless exactly this receiver gets it. Can be repeated."),
    ] = None,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show which receivers would get an event.

    For the others, shows the part of the configuration that excludes them. Nothing is sent.

    The input is JSON, one event or a list, in the form that webhooks get (format: standard) and `events --json` prints.

    Exit code 1 when no receiver would get an event or, with --expect, when the receivers differ.

    Example: wbiz-bridge events --message 12346 --json | wbiz-bridge route - --expect crm
    """
    settings = load_config(config)
    asked = subscriptions(settings)
    wanted = _names(settings, expect)
    explained = [(each, {one.receiver: refusal(one, each) for one in asked}) for each in _events(event, settings)]
    if as_json:
        output.print_json([_as_json(each, refusals) for each, refusals in explained])
    else:
        for each, refusals in explained:
            _show(each, refusals)
    for each, refusals in explained:
        given = {name for name, why in refusals.items() if why is None}
        if not given:
            raise typer.Exit(1)
        if wanted and given != wanted:
            said = f"{each.type} goes to {', '.join(sorted(given))}, not to {', '.join(sorted(wanted))}"
            raise BridgeError(f"{said} as expected")


def _names(settings: Config, expect: Sequence[str] | None) -> set[str]:
    known = {each.name for each in settings.receivers}
    for name in expect or ():
        if name not in known:
            raise UsageError(f"--expect {name}: unknown receiver (configured: {', '.join(sorted(known)) or 'none'})")
    return set(expect or ())


def _events(source: str, settings: Config) -> list[Event]:
    """Read events from where they are."""
    if is_id(source):
        return [_happened(source, settings)]
    try:
        return read_events(read_text(source), output.now())
    except ValueError as error:
        raise UsageError(f"{name_of(source)}: {error}") from None


def _happened(event_id: str, settings: Config) -> Event:
    with Store(settings.database, account=settings.wbiztool.account) as store:
        event = store.history.event(event_id)
    if event is None:
        raise BridgeError(f"no event {event_id}: `wbiz-bridge events` lists those that are kept")
    return event


def _as_json(event: Event, refusals: dict[str, str | None]) -> dict[str, Any]:
    receivers = [{"name": name, "gets_it": why is None, "why_not": why} for name, why in refusals.items()]
    return {"event": {"id": event.id, "type": str(event.type), "message_id": event.message_id}, "receivers": receivers}


def _show(event: Event, refusals: dict[str, str | None]) -> None:
    output.say(squeezed(" · ".join(filter(None, [str(event.type), output.about(envelope(event))]))))
    rows = [(name, "no" if why else "yes", why or "") for name, why in refusals.items()]
    print_table(("RECEIVER", "GETS IT", "WHY NOT"), rows, empty="No receivers.")
