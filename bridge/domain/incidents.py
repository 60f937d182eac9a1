"""What is wrong, and until when: which events open an incident of their subject, and which end it. Pure.

A subject (``message/12345``, ``source``, ``receiver/crm``, ``number/7``, ``account``) has one incident at most.
Most end by an event of their own. A message that failed or expired is an incident until somebody acknowledges it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.clock import in_words
from bridge.domain.events import ACCOUNT, MESSAGE_SUBJECT
from bridge.domain.failure_rate import TAGS
from bridge.domain.ids import read_id
from bridge.domain.model import EventType
from bridge.domain.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from bridge.domain.model import Event

OPENS = frozenset(
    {
        EventType.MESSAGE_STUCK,
        EventType.MESSAGE_FAILED,
        EventType.MESSAGE_EXPIRED,
        EventType.SOURCE_DOWN,
        EventType.NUMBER_DISCONNECTED,
        EventType.RECEIVER_DOWN,
        EventType.ACCOUNT_FAILING,
    }
)
"""The types that open one."""

OPPOSITES: Mapping[EventType, EventType] = {
    EventType.SOURCE_UP: EventType.SOURCE_DOWN,
    EventType.NUMBER_CONNECTED: EventType.NUMBER_DISCONNECTED,
    EventType.RECEIVER_UP: EventType.RECEIVER_DOWN,
    EventType.ACCOUNT_RECOVERED: EventType.ACCOUNT_FAILING,
}
"""The types that do nothing but end one, each with the type that opened it."""

GOOD_NEWS = frozenset({*OPPOSITES, EventType.MESSAGE_SENT})
"""The types that are not sent to a receiver that was never sent what they end."""

LONGEST_NOTE = 500
"""The longest note on an acknowledgement, in characters."""

_MOST_MEANT = 3

SUBJECT = r"^(message/[1-9][0-9]{0,15}|source|account(/.+)?|receiver/[A-Za-z0-9._-]{1,64}|number/[0-9]{1,19})$"
"""What subjects look like, as a regular expression."""


ALLOWED = "allowed: a message id, source, receiver/NAME, number/ID, account"
"""The same in words."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who acknowledged an incident, when, and their note."""

    at: datetime
    by: str | None = None
    note: str | None = None

    @property
    def words(self) -> str:
        """The same, for people."""
        who = f"acknowledged by {self.by}" if self.by else "acknowledged"
        return f"{who}: {self.note}" if self.note else who


@dataclass(frozen=True, slots=True)
class Incident:
    """What is wrong with a subject since ``event``; ``acknowledged`` is None while nobody has acknowledged it."""

    event: Event
    acknowledged: Acknowledged | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.event.subject


def latest_of_each(events: Iterable[Event]) -> list[Event]:
    """Choose the latest event of each subject: what is over by then counts no longer."""
    return list({event.subject: event for event in events}.values())


def message_subject(message_id: int) -> str:
    """Name the subject of a message."""
    return f"{MESSAGE_SUBJECT}{message_id}"


def read_subject(text: str) -> str:
    """Read what a person names: a message's id, or a subject.

    Raises:
        ValueError: It is neither; the text says what is allowed.
    """
    if text[:1].isdigit():
        try:
            return message_subject(read_id(text))
        except ValueError as error:
            raise ValueError(f"{text}: {error}") from None
    if not re.match(SUBJECT, text, re.ASCII) or text.endswith("\n"):
        raise ValueError(f"{text!r}: not known ({ALLOWED})")
    return text


def meant_by(text: str, open_: Mapping[str, str | None]) -> list[str]:
    """Find what a person may have meant who named something that is not open: at most three subjects.

    Args:
        text: What they named.
        open_: The subjects that are open, each with its label.
    """
    names = defaultdict(list)
    for subject, label in open_.items():
        kind, _, rest = subject.partition("/")
        for name in {subject, rest, rest.removeprefix(TAGS), kind if kind == ACCOUNT else "", label or ""}:
            names[name.lower().lstrip("+")].append(subject)
    wanted = text.lower().removeprefix(f"{ACCOUNT}/")
    if text.isdigit():  # ids that look alike have nothing to do with each other
        return names.get(text, [])[:_MOST_MEANT]
    near = wanted if wanted in names else nearest(wanted, filter(None, names))
    return [] if near is None else names[near][:_MOST_MEANT]


def ends(type_: EventType, opened_by: str) -> bool:
    """Tell whether an event ends the incident of its subject that an event of type ``opened_by`` opened.

    Whatever happens to a message next ends what was: one that was stuck is sent, fails, or is given up.
    """
    return OPPOSITES.get(type_) == opened_by or type_.startswith("message.")


def held_until(event: Event, hold: timedelta) -> datetime | None:
    """Tell until when an event is kept from a receiver because it may be over by then; None where it is not."""
    return event.at + hold if hold and event.type in OPENS else None


def over_before(lasted: timedelta, hold: timedelta) -> str:
    """Say why what was held back is not sent."""
    lasting, wanted = in_words(lasted.total_seconds()), in_words(hold.total_seconds())
    return f"over after {lasting}: not sent, because `hold` is {wanted}"
