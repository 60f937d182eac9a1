"""Mutes a receiver: ``mute``."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import ReceiverArgument, short_text, user
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.clock import in_words, isoformat
from bridge.domain.errors import UsageError
from bridge.domain.local_time import day_of, read_next, shown
from bridge.domain.model import LONGEST_PERSON
from bridge.domain.mute import LONGEST_REASON, end_of, exactness
from bridge.domain.settings.units import parse_duration

app = command_app()


@app.command()
@connected
def mute(
    connect: Connect,
    receiver: ReceiverArgument,
    *,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long, for example 2h; at most 30d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until when, for example 08:00 or '2026-12-01 08:00'.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for others to read.")] = None,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who mutes it. Default: your user name.", show_default=False)
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Never send what happens meanwhile; it is counted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold what a receiver would be sent, for a while.

    At the end, Slack and Apprise get it as one message, webhooks and programs get each event in order. With --drop,
    what happens meanwhile is never sent. Tests, and events about receivers that are down, are sent anyway.

    Muting again replaces the mute. It ends by itself, or with `unmute`.

    Example: wbiz-bridge mute ops --for 2h --reason "database maintenance"
    """
    if (lasting is None) == (until is None):
        example = ", for example --for 2h" if until is None else ", not both"
        raise UsageError(f"give either --for or --until{example}")
    now = output.now()
    wanted = {
        "reason": short_text("--reason", reason, LONGEST_REASON),
        "by": short_text("--by", by, LONGEST_PERSON) or user(),
        "drop": drop,
    }
    with connect() as bridge:
        given = {key: value for key, value in wanted.items() if value is not None}
        made = bridge.mute(receiver, {"until": isoformat(_end(now, lasting, until, bridge)), **given})
        if as_json:
            output.print_json(made)
        else:
            output.say(_words(made, now, bridge.timezone))


def _words(made: dict[str, Any], now: datetime, zone: tzinfo) -> str:
    """Say until when, and what becomes of what happens meanwhile."""
    end = output.moment(made["until"])
    assert end is not None
    quiet_until = output.moment(made.get("quiet_until"))  # a remote bridge may be older
    sent = "then" if quiet_until is None else f"when its quiet hours end: {shown(quiet_until, zone, 'minutes')}"
    meanwhile = "is never sent" if made["drop"] else f"is held, and sent {sent}"
    day = day_of(end, zone, now)
    ends = f"{day}{', ' if day else ''}{shown(end, zone, exactness(now, end))} (in {in_words(_seconds(end - now))})"
    return f"{made['receiver']} is muted until {ends}: what happens meanwhile {meanwhile}"


def _seconds(lasting: timedelta) -> int:
    """Round it: the end is written in whole milliseconds, so that a little of it is missing."""
    return round(lasting.total_seconds())


def _end(now: datetime, lasting: str | None, until: str | None, bridge: Bridge) -> datetime:
    option = "--for" if until is None else "--until"
    try:
        if until is None:
            return end_of(now, lasting=parse_duration(lasting))
        return end_of(now, until=read_next(until, bridge.timezone, now))
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
