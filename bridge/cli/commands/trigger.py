"""A developer's loop: ``trigger``."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated, Any

import typer

from bridge.cli import output, receiver_test
from bridge.cli.api_client import ApiClient, LostError
from bridge.cli.arguments import LabelOption, TagsOption, event_type, label_of, message_id, tags_of
from bridge.cli.dev.presence import find
from bridge.cli.dev.request import PATH, Request
from bridge.cli.find_daemon import Address
from bridge.cli.options import JsonOption, command_app
from bridge.domain.sanitization import squeezed

app = command_app()

_NO_DEV = 3
"""The exit code, as `status` has it where no daemon runs."""


@app.command()
def trigger(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The event's type.", show_default=False)],
    id_: Annotated[
        int | None,
        typer.Option(
            "--id",
            metavar="ID",
            parser=message_id,
            help="The message's id. Default: a new message.",
            show_default=False,
        ),
    ] = None,
    label: LabelOption = None,
    tags: TagsOption = None,
    error: Annotated[str | None, typer.Option(help="Why the message failed. Default: Invalid phone number.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Trigger an event in `dev`.

    These happen in the simulated WbizTool, and the bridge detects them as in production, within a second or two:
    pending, sent, failed, cancelled, expired, unknown; source.down (the API key is revoked) and source.up;
    number.disconnected and number.connected.

    stuck and abandoned: the message is recorded as pending for the last 15 minutes or 7 days. The bridge then polls it
    and finds it still pending.

    receiver.down, receiver.up, account.failing, account.recovered and summary: a test event ("test": true), as
    `wbiz-bridge test` sends it.

    Exit code 3 if `dev` is not running, 1 if the receiver did not accept a test event.

    Examples: wbiz-bridge trigger failed --error "Invalid phone number" --label "Invoice 88" · … trigger source.down
    """
    asked = Request(event_type(type_), id_, label_of(label), tags_of(tags), error)
    made = _ask(asked)
    if as_json:
        output.print_json(made)
    else:
        _say(made)
    if "test" in made and not receiver_test.is_delivered(made["test"]):
        raise typer.Exit(1)


def _ask(asked: Request) -> dict[str, Any]:
    running = find(os.environ)
    if running is not None:
        try:
            with closing(ApiClient(Address(running.url, "wbiz-bridge dev", token=running.token))) as api:
                return dict(api.post(PATH, asked.as_json()))
        except LostError:  # it has just stopped; or it was killed, and another process has its number
            pass
    output.say(
        "wbiz-bridge: `dev` is not running: first run `wbiz-bridge dev --forward-to URL` in another window", err=True
    )
    raise typer.Exit(_NO_DEV)


def _say(made: dict[str, Any]) -> None:
    if "test" in made:
        test = made["test"]
        why = f": {test['why']}" if test["why"] else ""
        output.say(f'sent a test event ("test": true): {test["outcome"]}{squeezed(why)}')
        return
    event = made["event"]
    output.say(" · ".join(filter(None, (event["type"], squeezed(output.about(event)), event["id"]))))
    if not made["subscribed"]:
        output.say(f"note: your receiver is not subscribed to {event['type']}: run `dev` with --events '*'", err=True)
