"""What a person writes into the form that adds messages, and what is meant by it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from bridge.domain.local_time import read_moment
from bridge.domain.message_details import TOO_MANY_TAGS, read_tag_name, read_text
from bridge.domain.model import LONGEST_LABEL, LONGEST_TAG, MOST_TAGS, Details
from bridge.domain.settings.calendar import time_zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.server.ui.forms import Notice


@dataclass(frozen=True, slots=True)
class Wrong:
    """Where something is wrong, and what."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Written:
    """The fields, as they were written. ``list`` is a table that was pasted, ``timezone`` that of ``expected_at``."""

    ids: str = ""
    label: str = ""
    tags: str = ""
    expected_at: str = ""
    timezone: str = ""
    list: str = ""

    @classmethod
    def read(cls, form: Mapping[str, bytes]) -> Self:
        """Take them from a form."""
        return cls(**{each.name: form.get(each.name, b"").decode("utf-8", "replace") for each in fields(cls)})

    def details(self) -> tuple[Details, tuple[Wrong, ...]]:
        """Read what is said of all messages, and say what is wrong with it."""
        wrong: list[Wrong] = []
        label: str | None = None
        expected_at: datetime | None = None
        tags: dict[str, str] = {}
        try:
            label = read_text(self.label.strip(), LONGEST_LABEL) or None
        except ValueError as error:
            wrong.append(Wrong("Label", str(error)))
        for number, line in enumerate(self.tags.splitlines(), 1):
            try:
                tags |= _tag(line)
            except ValueError as error:
                wrong.append(Wrong(f"Tags, line {number}", str(error)))
        if len(tags) > MOST_TAGS:
            wrong.append(Wrong("Tags", TOO_MANY_TAGS))
        try:
            if self.expected_at.strip():
                expected_at = read_moment(self.expected_at, time_zone(self.timezone or "UTC"))
        except ValueError as error:
            wrong.append(Wrong("To be sent at", str(error)))
        return Details(label, tags, expected_at), tuple(wrong)


@dataclass(frozen=True, slots=True)
class AddPage:
    """The form as it was sent: what came of it, what is wrong with it, and what was written.

    ``count`` is how many faults there are, of which ``faults`` are the first. ``place`` is where they are, ``ids``,
    ``list`` or ``file``, or empty.
    """

    notice: Notice | None = None
    written: Written = Written()
    faults: tuple[Wrong, ...] = ()
    count: int = 0
    place: str = ""


def merged(own: Details, of_all: Details) -> Details:
    """Say of a message what is said of all, unless the list says something else of it.

    Raises:
        ValueError: It has too many tags then.
    """
    tags = {**of_all.tags, **own.tags}
    if len(tags) > MOST_TAGS:
        raise ValueError(TOO_MANY_TAGS)
    return Details(own.label or of_all.label, tags, own.expected_at or of_all.expected_at)


def _tag(line: str) -> dict[str, str]:
    if not line.strip():
        return {}
    name, is_pair, value = line.partition("=")
    if not is_pair:
        raise ValueError("write a tag as KEY=VALUE, for example team=billing")
    return {read_tag_name(name.strip()): read_text(value.strip(), LONGEST_TAG)}
