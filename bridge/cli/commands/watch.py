"""The watch list: ``watch``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import IdsArgument, listed
from bridge.cli.connection import Connect, connected
from bridge.cli.options import JsonOption, command_app
from bridge.domain.clock import isoformat
from bridge.domain.errors import UsageError
from bridge.domain.model import LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS
from bridge.domain.redaction import clean_text
from bridge.domain.settings.units import parse_moment

app = command_app()


@app.command()
@connected
def watch(
    connect: Connect,
    ids: IdsArgument,
    label: Annotated[str | None, typer.Option(help="Your own text, shown in every alert about the message.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Receivers can select messages by tag. Can be repeated."),
    ] = None,
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
    tags = dict(_pair(each) for each in tag or [])
    if len(tags) > MOST_TAGS:
        raise UsageError(f"too many tags (allowed: up to {MOST_TAGS})")
    if label is not None and len(label) > LONGEST_LABEL:
        raise UsageError(f"--label: must be text (allowed: up to {LONGEST_LABEL} characters)")
    at = _moment(expected_at)
    details = {"label": label and clean_text(label), "tags": tags, "expected_at": at and isoformat(at)}
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


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = clean_text(text).partition("=")
    if not (separator and key and value):
        raise UsageError(f"--tag {text}: not KEY=VALUE")
    if len(key) > LONGEST_TAG_NAME or len(value) > LONGEST_TAG:
        longest = f"a name of up to {LONGEST_TAG_NAME} characters, a value of up to {LONGEST_TAG}"
        raise UsageError(f"--tag: too long (allowed: {longest})")
    return key, value
