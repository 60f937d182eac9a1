"""The watch list: ``watch``, ``unwatch``, ``messages``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import output
from bridge.cli.app import ConfigOption, JsonOption, MostOption, app, load_config, open_store
from bridge.cli.arguments import message_id
from bridge.domain.clock import ago
from bridge.domain.errors import UsageError
from bridge.domain.json_views import message_json
from bridge.domain.model import LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS, Details, Status
from bridge.domain.redaction import clean_text
from bridge.store.store import Store

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.model import Message

_Ids = Annotated[list[int], typer.Argument(metavar="ID…", parser=message_id, show_default=False)]


@app.command()
def watch(
    ids: _Ids,
    label: Annotated[str | None, typer.Option(help="Words of your own, shown in every alert about it.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Receivers can choose by tags. May be repeated.")
    ] = None,
    expected_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it is scheduled to be sent: 2026-12-24T09:00+05:30. Few polls before."),
    ] = None,
    config: ConfigOption = None,
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
    details = Details(label and clean_text(label), tags, _moment(expected_at))
    with open_store(config) as store:
        new = store.messages.watch(ids, output.now(), details)
    known = [id_ for id_ in ids if id_ not in new]
    if as_json:
        output.print_json({"watched": new, "already_watched": known})
        return
    if new:
        output.say(f"watching {_listed(new)}")
    if known:
        output.say(f"already watched: {_listed(known)}")


@app.command()
def unwatch(ids: _Ids, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Stop polling messages that `watch` added.

    What is known of them, and queued for receivers, stays.

    Example: wbiz-bridge unwatch 12345
    """
    settings = load_config(config)
    with Store(settings.database, account=settings.wbiztool.account) as store:
        gone, listed = store.messages.unwatch(ids)
    unknown = [id_ for id_ in ids if id_ not in gone and id_ not in listed]
    if as_json:
        output.print_json({"unwatched": gone, "listed_in_configuration": listed, "not_watched": unknown})
    else:
        if gone:
            output.say(f"no longer watching {_listed(gone)}")
        if unknown:
            output.say(f"not watched: {_listed(unknown)}")
        if listed:
            output.say(f"still watched, because {settings.path} lists them: {_listed(listed)}. Remove them there.")
    if listed:
        raise typer.Exit(1)


@app.command()
def messages(
    status: Annotated[Status | None, typer.Option(help="Only those that have it.")] = None,
    most: MostOption = 50,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List messages and their status.

    Those with the latest change come first.

    Example: wbiz-bridge messages --status failed
    """
    with open_store(config) as store:
        found = store.listing.messages(status=status, most=most)
    if as_json:
        output.print_json([message_json(shown) for shown in found])
        return
    now = output.now()
    rows = []
    for shown in found:
        state = shown.message.state
        next_poll = ago(max(shown.due_at, now), now) if shown.due_at else ("-" if shown.watched else "unwatched")
        rows.append(
            (
                str(shown.message.id),
                str(state.status) if state else "not seen yet",
                ago(state.since, now) if state else "-",
                shown.message.label or "",
                _why(shown.message, now),
                next_poll,
            )
        )
    columns = ("ID", "STATUS", "SINCE", "LABEL", "ERROR", "NEXT POLL")
    output.print_table(columns, rows, empty="No messages. Add some: wbiz-bridge watch ID, or under `messages:`.")


def _why(message: Message, now: datetime) -> str:
    """Say what WbizTool said of it, or that its answers can't be read."""
    if message.unread is not None:
        return f"{message.unread.words} (first {ago(message.unread.since, now)})"
    return (message.state and message.state.error) or ""


def _moment(text: str | None) -> datetime | None:
    from bridge.domain.settings.units import parse_moment  # noqa: PLC0415 -- keeps the other commands quick

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


def _listed(ids: list[int]) -> str:
    return ", ".join(str(id_) for id_ in ids)
