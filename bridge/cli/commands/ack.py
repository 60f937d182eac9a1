"""Acknowledges incidents: ``ack``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import short_text, user
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.check import counted
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.incidents import LONGEST_NOTE, meant_by, read_subject
from bridge.domain.model import LONGEST_PERSON

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
    """Acknowledge what is wrong.

    Others know then that somebody is dealing with it. Reminders stop, and receivers with `hold` that have not been sent
    it yet won't be. It leaves the list of `wbiz-bridge incidents`. A later failure is a new incident.

    A note on something that is already acknowledged replaces the earlier note, and its author.

    Exit code 1 if something that you named is not open.

    Example: wbiz-bridge ack 12345 12346 --note "told the customer"
    """
    if all_ and what:
        raise UsageError(f"--all acknowledges everything that is open: leave out {what[0]}, or --all")
    if not (all_ or what):
        raise UsageError("name what to acknowledge, for example 12345 or source, or use --all")
    wanted = {"note": short_text("--note", note, LONGEST_NOTE), "by": short_text("--by", by, LONGEST_PERSON) or user()}
    given = {key: value for key, value in wanted.items() if value is not None}
    with connect() as bridge:
        subjects = _everything(bridge, yes=yes) if all_ else _subjects(bridge, what or [])
        found = bridge.acknowledge(subjects, given) if subjects else {}
        hints = {} if as_json else _hints(bridge, found.get("not_open", []))
    if as_json:
        output.print_json({key: found.get(key, []) for key in _WORDS})
    else:
        _say(found, hints)
    if found.get("not_open"):
        raise typer.Exit(1)


_WORDS = {
    "acknowledged": "acknowledged",
    "updated": "already acknowledged, the note is replaced",
    "already_acknowledged": "already acknowledged, nothing changed",
    "not_open": "not open",
}
"""What may have become of a subject."""


def _subjects(bridge: Bridge, what: list[str]) -> list[str]:
    subjects = []
    for text in what:
        try:
            subjects.append(read_subject(text))
        except ValueError as error:
            raise UsageError(f"{error}{_hints(bridge, [text])[text]}") from None
    return subjects


def _hints(bridge: Bridge, names: list[str]) -> dict[str, str]:
    """Say for each of these names, which are not open, what may have been meant; empty where nothing is alike."""
    try:
        listed = bridge.incidents(acknowledged=False, most=_MOST) if names else []
    except BridgeError:  # what is wrong with the names is worth more than why nothing can be said of others
        listed = []
    open_ = {each["subject"]: each["label"] for each in listed}
    meant = {name: meant_by(name.removeprefix("message/"), open_) for name in names}
    return {
        name: f"; did you mean {' or '.join(map(_named, found))}?" if found else "" for name, found in meant.items()
    }


def _everything(bridge: Bridge, *, yes: bool) -> list[str]:
    subjects = [each["subject"] for each in bridge.incidents(acknowledged=False, most=_MOST)]
    if subjects and not yes:
        incidents = counted(len(subjects), "incident", "incidents")
        if not sys.stdin.isatty():
            raise UsageError(f"this would acknowledge {incidents}: confirm with --yes")
        typer.confirm(f"Acknowledge {incidents}?", abort=True)
    return subjects


def _say(found: dict[str, Any], hints: dict[str, str]) -> None:
    for key, words in _WORDS.items():
        if subjects := found.get(key):  # a remote bridge may be older
            output.say(f"{words}: {', '.join(_named(each) + hints.get(each, '') for each in subjects)}")
    if not any(found.values()):
        output.say("nothing is open")


def _named(subject: str) -> str:
    return subject.removeprefix("message/")
