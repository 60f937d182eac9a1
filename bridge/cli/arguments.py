"""What commands take as arguments: event types, message ids, labels and tags."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated

import typer

from bridge.cli import output
from bridge.domain.errors import UsageError
from bridge.domain.events import in_full
from bridge.domain.ids import NO_PHONE, like_a_phone, read_id
from bridge.domain.local_time import read_time
from bridge.domain.message_details import TOO_MANY_TAGS, read_text
from bridge.domain.model import LONGEST_LABEL, LONGEST_PERSON, LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS, EventType
from bridge.domain.redaction import clean_line, clean_text
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


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make what reads a whole number within bounds, themselves included, for typer."""

    def read(text: str | int) -> int:  # typer hands over a default, too
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise typer.BadParameter(f"must be a whole number (allowed: {least} to {most})")
        return number

    return read


def choice(what: str, allowed: Iterable[str], shown: Mapping[str, str] = {}) -> Callable[[str], str]:
    """Make what reads one of the ``allowed`` names, for typer; also in the words in which some are ``shown``."""
    names = tuple(allowed)

    def read(text: str) -> str:
        words = text.strip().lower()
        plain = words.replace("-", " ").replace("_", " ")
        name = next((name for name, its_words in shown.items() if plain == its_words), words)
        if name not in names:
            known = [shown.get(each, each).replace(" ", "-") for each in names]
            raise typer.BadParameter(f"unknown {what} ({suggestion(words, known)})")
        return name

    return read


def _receiver(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("must be the name of a receiver")
    return text


ReceiverArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECEIVER", help="The receiver's name in the configuration.", show_default=False, callback=_receiver
    ),
]
IdsArgument = Annotated[list[int], typer.Argument(metavar="ID…", parser=message_id, show_default=False)]
LabelOption = Annotated[str | None, typer.Option(help="Your own text, shown in every alert about the message.")]
TagsOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="Receivers can select messages by tag. Can be repeated."),
]


def event_type(text: str) -> EventType:
    """Read an event type: ``message.failed``, or ``failed`` for short.

    Raises:
        UsageError: There is no such type.
    """
    name = in_full(text)
    try:
        return EventType(name)
    except ValueError:
        types = [each.removeprefix("message.") for each in EventType]
        near = suggestion(text.removeprefix("message."), types)
        raise UsageError(f"unknown event type {text!r} ({near})") from None


def label_of(text: str | None) -> str | None:
    """Read ``--label``; an empty one is none.

    Raises:
        UsageError: It is too long.
    """
    try:
        return (text and read_text(text, LONGEST_LABEL)) or None
    except ValueError as error:
        raise UsageError(f"--label: {error}") from None


def tags_of(texts: Iterable[str] | None) -> dict[str, str]:
    """Read ``--tag``, each ``KEY=VALUE``.

    Raises:
        UsageError: One is not so, or there are too many.
    """
    tags = dict(_pair(each) for each in texts or [])
    if len(tags) > MOST_TAGS:
        raise UsageError(TOO_MANY_TAGS)
    return tags


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = clean_text(text).partition("=")
    if not (separator and key and value):
        raise UsageError(f"--tag {text}: not KEY=VALUE")
    if len(key) > LONGEST_TAG_NAME or len(value) > LONGEST_TAG:
        longest = f"a name of up to {LONGEST_TAG_NAME} characters, a value of up to {LONGEST_TAG}"
        raise UsageError(f"--tag: too long (allowed: {longest})")
    return key, value


def check_times(**given: str | None) -> None:
    """Check ages and times, named by their options: before there is a bridge, whose time zone they may be in.

    Raises:
        UsageError: One is neither.
    """
    for option, text in given.items():
        age_or_time(f"--{option}", text, UTC)


def age_or_time(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    """Read an age (``7d``), a date or a time, in that time zone where it names none; None for none.

    Raises:
        UsageError: It is neither.
    """
    if text is None:
        return None
    try:
        return read_time(text, zone, output.now())
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from None


def listed(ids: list[int]) -> str:
    """Write message ids one after the other."""
    return ", ".join(str(id_) for id_ in ids)


def short_text(option: str, text: str | None, longest: int) -> str | None:
    """Read an option's text; an empty one is none.

    Raises:
        UsageError: It is too long.
    """
    if text is not None and len(text) > longest:
        raise UsageError(f"{option}: too long (allowed: up to {longest} characters)")
    return None if text is None else clean_line(text)


def user() -> str | None:
    """Name the person at the terminal, as far as the system knows."""
    try:
        return (os.environ.get("SUDO_USER") or getpass.getuser())[:LONGEST_PERSON]
    except (KeyError, OSError):  # a container's user may have no name
        return None
