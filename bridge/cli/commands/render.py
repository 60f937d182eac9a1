"""What a receiver would be sent for an event: ``render``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import event_type
from bridge.cli.connection import Connect, connected
from bridge.cli.event_source import is_id, name_of, read_text
from bridge.cli.options import JsonOption, command_app
from bridge.domain.errors import UsageError

app = command_app()


@app.command()
@connected
def render(
    connect: Connect,
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="An event's id, a type (for a sample), a file, or - for standard input."),
    ],
    receiver: Annotated[str, typer.Option(metavar="NAME", help="The receiver.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what a receiver would be sent for an event.

    Method, URL, headers with the signature, and body, exactly as sent, except that secrets are shown as ***. Nothing is
    sent. A file holds one event in the form that webhooks get (format: standard) and `events --json` prints.

    Examples: wbiz-bridge render failed --receiver ops · … render evt_2pgyxq3i5f6n7e4kd2ab5cqx --receiver crm
    """
    wanted = _wanted(event)
    with connect() as bridge:
        found = bridge.preview(receiver, wanted)
    if as_json:
        output.print_json(found)
        return
    for line in _lines(found):
        output.say(line)


def _wanted(source: str) -> dict[str, Any]:
    if is_id(source):
        return {"event_id": source}
    if source != "-" and not Path(source).exists():
        return {"type": str(event_type(source))}
    try:
        event = json.loads(read_text(source))
    except ValueError as error:
        raise UsageError(f"{name_of(source)}: this is not JSON ({error})") from None
    if isinstance(event, list) and len(event) == 1:
        (event,) = event
    if not isinstance(event, dict):
        raise UsageError(f"{name_of(source)}: must be one event: an object with type and data")
    return {"event": event}


def _lines(found: dict[str, Any]) -> list[str]:
    """Write it as curl and shells do: first line, headers or variables, an empty line, and the body."""
    if "method" in found:
        head = [f"{found['method']} {found['url']}", *(f"{name}: {value}" for name, value in found["headers"].items())]
        body = found["body"]
    elif "command" in found:
        head = [" ".join(found["command"]), *(f"{name}={value}" for name, value in found["environment"].items())]
        body = found["input"]
    else:
        head, body = [f"{found['url']} ({found['kind']})", found["title"]], found["body"]
    return [*head, "", *body.split("\n")]
