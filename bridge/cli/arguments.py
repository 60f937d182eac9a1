"""What commands take as arguments: event types, message ids."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import output
from bridge.domain.errors import UsageError
from bridge.domain.ids import NO_PHONE, like_a_phone, read_id
from bridge.domain.model import EventType
from bridge.domain.suggest import suggestion


def message_id(text: str) -> int:
    """Read a message id, for typer; what looks like a phone number is taken, and warned of.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        id_ = read_id(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if like_a_phone(text):
        output.say(f"warning: {text}: {NO_PHONE}", err=True)
    return id_


IdsArgument = Annotated[list[int], typer.Argument(metavar="ID…", parser=message_id, show_default=False)]


def event_type(text: str) -> EventType:
    """Read an event type: ``message.failed``, or ``failed`` for short.

    Raises:
        UsageError: There is no such type.
    """
    name = text if "." in text else f"message.{text}"
    try:
        return EventType(name)
    except ValueError:
        types = [each.removeprefix("message.") for each in EventType]
        near = suggestion(text.removeprefix("message."), types)
        raise UsageError(f"no event type is called {text!r} ({near})") from None


def listed(ids: list[int]) -> str:
    """Write message ids one after the other."""
    return ", ".join(str(id_) for id_ in ids)
