"""Acknowledges incidents: ``ack``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import short_text, user
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.errors import UsageError
from bridge.domain.incidents import LONGEST_NOTE, read_subject
from bridge.domain.mute import LONGEST_BY

app = command_app()

_MOST = 10_000


@app.command()
@connected
def ack(
    connect: Connect,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID… | source | receiver/NAME | number/ID | account",
            help="Message ids, or what `incidents` shows under WHAT.",
            show_default=False,
        ),
    ] = None,
    *,
    note: Annotated[str | None, typer.Option(help="What was done about it, for others to read.")] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who acknowledges it. Default: your user name.", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Acknowledge everything that is open; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge what is wrong, so that others know that somebody is dealing with it.

    Reminders stop, and receivers with `hold` that have not been sent it yet won't be. It leaves the list of
    `wbiz-bridge incidents`. A later failure is a new incident.

    Exit code 1 if something that you named is not open.

    Example: wbiz-bridge ack 12345 12346 --note "told the customer"
    """
    subjects = _subjects(what or [], all_=all_)
    wanted = {"note": short_text("--note", note, LONGEST_NOTE), "by": short_text("--by", by, LONGEST_BY) or user()}
    given = {key: value for key, value in wanted.items() if value is not None}
    with connect() as bridge:
        if all_:
            subjects = _everything(bridge, yes=yes)
        found = bridge.acknowledge(subjects, given) if subjects else _NOTHING
    if as_json:
        output.print_json(found)
    else:
        _say(found)
    if found["not_open"]:
        raise typer.Exit(1)


_NOTHING: dict[str, list[str]] = {"acknowledged": [], "already_acknowledged": [], "not_open": []}


def _subjects(what: list[str], *, all_: bool) -> list[str]:
    if all_ == bool(what):
        raise UsageError("name what to acknowledge, for example 12345 or source, or use --all")
    try:
        return [read_subject(each) for each in what]
    except ValueError as error:
        raise UsageError(str(error)) from None


def _everything(bridge: Bridge, *, yes: bool) -> list[str]:
    subjects = [each["subject"] for each in bridge.incidents(acknowledged=False, most=_MOST)]
    if subjects and not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"this would acknowledge {len(subjects):,} incidents: confirm with --yes")
        typer.confirm(f"Acknowledge {len(subjects):,} incidents?", abort=True)
    return subjects


def _say(found: dict[str, Any]) -> None:
    for key, words in (
        ("acknowledged", "acknowledged"),
        ("already_acknowledged", "already acknowledged"),
        ("not_open", "not open"),
    ):
        if found[key]:
            output.say(f"{words}: {', '.join(each.removeprefix('message/') for each in found[key])}")
    if not any(found.values()):
        output.say("nothing is open")
