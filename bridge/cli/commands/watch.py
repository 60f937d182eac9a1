"""The watch list: ``watch``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import LabelOption, TagsOption, label_of, listed, message_id, tags_of
from bridge.cli.connection import Bridge, Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.cli.standard_input import read_messages
from bridge.domain.clock import isoformat
from bridge.domain.errors import UsageError
from bridge.domain.local_time import read_moment

app = command_app()

_LIST = 0
"""What stands for the list on standard input; no message has this id."""

_MOST_SHOWN = 100


def _id_or_list(text: str) -> int:
    return _LIST if text == "-" else message_id(text)


@app.command()
@connected
def watch(
    connect: Connect,
    ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID…|-",
            parser=_id_or_list,
            show_default=False,
            help="Message ids; or - for a list on standard input: an id on each line, or CSV.",
        ),
    ],
    label: LabelOption = None,
    tags: TagsOption = None,
    expected_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When WbizTool is to send it ('2026-12-24 09:00'): polled rarely until then."
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Watch messages from now on.

    A running daemon polls them within a second. With -, all messages of the list are watched, or, if a row is wrong,
    none. The first line of CSV names the columns: id, and optionally label, expected_at, tags.NAME. Options apply to
    messages of which the list says nothing else.

    Example: wbiz-bridge watch 12345 --label "Invoice 88" --tag team=billing

    Example: wbiz-bridge watch - --tag team=billing < sent.csv
    """
    details = {"label": label_of(label), "tags": tags_of(tags)}
    if _LIST in ids and len(ids) > 1:
        raise UsageError("- stands for all ids: give it alone")
    with connect() as bridge:
        at = _moment(expected_at, bridge)
        given = {key: value for key, value in {**details, "expected_at": at and isoformat(at)}.items() if value}
        wanted = read_messages(given) if _LIST in ids else [{"id": id_, **given} for id_ in dict.fromkeys(ids)]
        found = bridge.watch(wanted)
    if as_json:
        output.print_json(found)
        return
    if found["watched"]:
        output.say(f"watching {_shown(found['watched'])}")
    if found["already_watched"]:
        output.say(f"already watched: {_shown(found['already_watched'])}")


def _shown(ids: list[int]) -> str:
    return listed(ids) if len(ids) <= _MOST_SHOWN else f"{len(ids):,} messages"


def _moment(text: str | None, bridge: Bridge) -> datetime | None:
    try:
        return None if text is None else read_moment(text, bridge.timezone)
    except ValueError as error:
        raise UsageError(f"--expected-at {text}: {error}") from None
