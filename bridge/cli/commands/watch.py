"""The watch list: ``watch``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import IdsArgument, LabelOption, TagsOption, label_of, listed, tags_of
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.clock import isoformat
from bridge.domain.errors import UsageError
from bridge.domain.settings.units import parse_moment

app = command_app()


@app.command()
@connected
def watch(
    connect: Connect,
    ids: IdsArgument,
    label: LabelOption = None,
    tags: TagsOption = None,
    expected_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When WbizTool is to send it (2026-12-24T09:00+05:30): polled rarely until then."
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Watch messages from now on.

    A running daemon polls them within a second.

    Example: wbiz-bridge watch 12345 --label "Invoice 88" --tag team=billing
    """
    at = _moment(expected_at)
    details = {"label": label_of(label), "tags": tags_of(tags), "expected_at": at and isoformat(at)}
    given = {key: value for key, value in details.items() if value}
    with connect() as bridge:
        found = bridge.watch([{"id": id_, **given} for id_ in dict.fromkeys(ids)])
    if as_json:
        output.print_json(found)
        return
    if found["watched"]:
        output.say(f"watching {listed(found['watched'])}")
    if found["already_watched"]:
        output.say(f"already watched: {listed(found['already_watched'])}")


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_moment(text)
    except ValueError as error:
        raise UsageError(f"--expected-at {text}: {error}") from None
