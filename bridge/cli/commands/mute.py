"""Mutes a receiver: ``mute``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import ReceiverArgument, short_text, user
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.clock import ago, isoformat
from bridge.domain.errors import UsageError
from bridge.domain.mute import LONGEST_BY, LONGEST_REASON, end_of, moment
from bridge.domain.settings.units import parse_duration, parse_moment

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
        str | None, typer.Option(metavar="TIME", help="Until when, for example 2026-12-01T08:00 (this machine's time).")
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
    now = output.now()
    wanted = {
        "until": isoformat(_end(now, lasting, until)),
        "reason": short_text("--reason", reason, LONGEST_REASON),
        "by": short_text("--by", by, LONGEST_BY) or user(),
        "drop": drop,
    }
    with connect() as bridge:
        made = bridge.mute(receiver, {key: value for key, value in wanted.items() if value is not None})
    if as_json:
        output.print_json(made)
        return
    end = output.moment(made["until"])
    assert end is not None
    quiet_until = output.moment(made.get("quiet_until"))  # a remote bridge may be older
    sent = "then" if quiet_until is None else f"when its quiet hours end: {moment(quiet_until)}"
    meanwhile = "is never sent" if made["drop"] else f"is held, and sent {sent}"
    ends = f"{_both(end)} ({ago(end, now.replace(microsecond=0))})"
    output.say(f"{receiver} is muted until {ends}: what happens meanwhile {meanwhile}")


def _both(end: datetime) -> str:
    """Write a moment by this machine's clock, if that is not UTC, and in UTC."""
    local = end.astimezone()
    return f"{local:%Y-%m-%d %H:%M %Z}, {moment(end)}" if local.utcoffset() else moment(end)


def _end(now: datetime, lasting: str | None, until: str | None) -> datetime:
    if (lasting is None) == (until is None):
        raise UsageError("give either --for or --until, for example --for 2h")
    option = "--for" if until is None else "--until"
    try:
        if until is None:
            return end_of(now, lasting=parse_duration(lasting))
        return end_of(now, until=_moment(until))
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _moment(text: str) -> datetime:
    """Read a moment; one without a time zone is of this machine's."""
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("not a time (allowed: e.g. 2026-12-01T08:00, or 2026-12-01T08:00+05:30)") from None
    return parse_moment(text if given.tzinfo is not None else given.astimezone().isoformat())
