"""Events as a title and a few lines of plain text, for services that take nothing richer. Pure.

The words are those of Slack's messages. ``@`` gets a word joiner behind it: many services take ``@everyone`` in a label
or an error for a mention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bridge.domain.model import EventType
from bridge.receivers.digest import digest, names_of, rest_of, title_of
from bridge.receivers.text import cut, one_line, utc
from bridge.receivers.wording import (
    NOTHING_HAPPENED,
    TOLD_ELSEWHERE,
    WORDS,
    all_tests,
    duration_of,
    error_of,
    gravest,
    label_of,
    mark_of,
    name_of,
    said_of,
    sign_of,
    status_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.domain.model import Event

Kind = Literal["info", "success", "warning", "failure"]

KINDS: Mapping[EventType, Kind] = {
    EventType.MESSAGE_PENDING: "info",
    EventType.MESSAGE_SENT: "success",
    EventType.MESSAGE_FAILED: "failure",
    EventType.MESSAGE_CANCELLED: "warning",
    EventType.MESSAGE_EXPIRED: "failure",
    EventType.MESSAGE_UNKNOWN: "warning",
    EventType.MESSAGE_STUCK: "warning",
    EventType.MESSAGE_ABANDONED: "warning",
    EventType.SOURCE_DOWN: "failure",
    EventType.SOURCE_UP: "success",
    EventType.NUMBER_DISCONNECTED: "failure",
    EventType.NUMBER_CONNECTED: "success",
    EventType.RECEIVER_DOWN: "failure",
    EventType.RECEIVER_UP: "success",
    EventType.ACCOUNT_FAILING: "failure",
    EventType.ACCOUNT_RECOVERED: "success",
}
"""How grave each type of event is, in the words of Apprise."""

_LONGEST = 1_000
_LONGEST_KEY = 40


@dataclass(frozen=True, slots=True)
class Note:
    """What is sent. Neither title nor body is ever empty."""

    title: str
    body: str
    kind: Kind


def write_note(events: Sequence[Event], by: Sequence[str], shown: int) -> Note:
    """Write one event whole, or count many.

    Args:
        events: At least one.
        by: What many are grouped by: some of ``type`` and ``error``.
        shown: How many of many are named.
    """
    return _about_one(events[0]) if len(events) == 1 else _about_many(events, by, shown)


def _about_one(event: Event) -> Note:
    known = {
        "Label": label_of(event),
        "Status": ", ".join(filter(None, [status_of(event), duration_of(event)])),
        "Error": error_of(event),
        "Tags": one_line(event.data.get("tags")) if event.data.get("tags") else "",
        **{key: one_line(value) for key, value in event.data.items() if key not in TOLD_ELSEWHERE},
        "Time": utc(event.at),
        "Event": one_line(event.id),
    }
    lines = [NOTHING_HAPPENED] if event.test else []
    lines += [f"{_words_of(key)}: {_safe(value)}" for key, value in known.items() if value]
    title = f"{sign_of([event])} {said_of(event, _safe(name_of(event)))}"
    return Note(title, "\n".join(lines), "info" if event.test else KINDS[event.type])


def _about_many(events: Sequence[Event], by: Sequence[str], shown: int) -> Note:
    counted = digest(events, by, shown)
    test = all_tests(events)
    lines = [NOTHING_HAPPENED] if test else []
    lines += [", ".join(f"{count:,} {WORDS[type_].short}" for type_, count in counted.totals)]
    lines += [
        _safe(f"{title_of(group)}: {names_of(group)}" if group.names else title_of(group), 3 * _LONGEST)
        for group in counted.groups
    ]
    if counted.other_groups:
        lines.append(rest_of(counted.other_groups, counted.other_events))
    first, last = min(event.at for event in events), max(event.at for event in events)
    lines.append(utc(first) if first == last else f"{utc(first)} to {utc(last)}")
    title = f"{sign_of(events)} {mark_of(events)}{counted.count:,} events"
    return Note(title, "\n".join(lines), "info" if test else KINDS[gravest(type_ for type_, _ in counted.totals)])


def _words_of(key: str) -> str:
    words = " ".join("".join(char if char.isalnum() else " " for char in key[:_LONGEST_KEY]).split())
    return words[:1].upper() + words[1:] or "Other"


def _safe(text: str, longest: int = _LONGEST) -> str:
    return cut(text.replace("@", "@\N{WORD JOINER}"), longest)
