"""A test event for a receiver: ``test``."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import event_type
from bridge.cli.configuration import load_config
from bridge.cli.options import ConfigOption, JsonOption, command_app
from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.errors import UsageError
from bridge.domain.model import Attempt, Dead, Delivered, Retry
from bridge.domain.redaction import Redactor
from bridge.domain.routing import Subscription, subscribed
from bridge.domain.samples import sample_event
from bridge.domain.sanitization import squeezed
from bridge.receivers.protocol import Identity
from bridge.receivers.registry import sender_for
from bridge.store.store import Store

app = command_app()


@app.command("test")
def try_receiver(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Its name in the configuration.")],
    config: ConfigOption = None,
    *,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="The event's type.")] = "message.failed",
    as_json: JsonOption = False,
) -> None:
    """Send a test event to a receiver and show its answer.

    The event says that it is a test: "test": true in its JSON, TEST in what people read, which mentions nobody, and
    WBIZ_BRIDGE_TEST=1 in a program's environment.

    Example: wbiz-bridge test ops --type message.sent
    """
    settings = load_config(config)
    chosen = next((each for each in settings.receivers if each.name == receiver), None)
    if chosen is None:
        names = ", ".join(each.name for each in settings.receivers)
        raise UsageError(f"there is no receiver {receiver!r} in {settings.path}: it has {names}")
    clock = SystemClock()
    event = sample_event(clock.now(), event_type(type_))
    if not subscribed(Subscription(receiver, chosen.events), event.type):
        output.say(f"note: {receiver} is not subscribed to {event.type}: only tests of this type reach it", err=True)
    with closing(sender_for(chosen, Identity(pages=settings.pages))) as sender:
        made = attempt(sender, [event], clock=clock, redact=Redactor(settings.secrets()))
    _show_attempt(receiver, made, as_json=as_json)
    if not isinstance(made.outcome, Delivered):
        raise typer.Exit(1)
    with Store(settings.database, account=settings.wbiztool.account) as store:
        store.deliveries.release(receiver, clock.now())


def _show_attempt(receiver: str, made: Attempt, *, as_json: bool) -> None:
    match made.outcome:
        case Delivered():
            outcome, why = "delivered", None
        case Retry(why=why):
            outcome = "not delivered"
        case Dead(why=why):
            outcome = "refused for good"
    if as_json:
        output.print_json(
            {
                "receiver": receiver,
                "outcome": outcome,
                "why": why,
                "http_status": made.http_status,
                "seconds": round(made.duration, 3),
                "answer": made.answer,
            }
        )
        return
    http = f"HTTP {made.http_status} " if made.http_status else ""
    output.say(f"{receiver}: {outcome}{f': {why}' if why else ''} ({http}in {made.duration:.2f} s)")
    if made.answer:
        output.say(f"answer: {squeezed(made.answer)}")
