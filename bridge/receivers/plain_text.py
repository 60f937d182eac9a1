"""Events as a title and a few lines of plain text, for services that take nothing richer. Pure.

The words are those of Slack's messages. ``@`` gets a word joiner behind it: many services take ``@everyone`` in a label
or an error for a mention.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from bridge.domain.local_time import shown as shown_at
from bridge.receivers.digest import digest, rest_of
from bridge.receivers.links import link_to
from bridge.receivers.next_steps import step_of, to_do
from bridge.receivers.summary import headline_of
from bridge.receivers.summary_words import span_of
from bridge.receivers.text import cut, moment_of, one_line
from bridge.receivers.wording import (
    NOTHING_HAPPENED,
    all_tests,
    condition_of,
    error_of,
    field_name,
    label_of,
    listed_data,
    severity_of,
    sign_of,
    tags_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.model import Event
    from bridge.receivers.wording import Severity

_LONGEST = 1_000
_HEADLINE = 200


@dataclass(frozen=True, slots=True)
class Note:
    """What is sent. Neither title nor body is ever empty."""

    title: str
    body: str
    severity: Severity


def write_note(
    events: Sequence[Event], by: Sequence[str], shown: int, pages: str | None = None, zone: tzinfo = UTC
) -> Note:
    """Write one event whole, or count many.

    Args:
        events: At least one.
        by: What many are grouped by: some of ``type`` and ``error``.
        shown: How many of many are named.
        pages: Where people see the bridge, for a link; None where they don't.
        zone: In which they read times.
    """
    note = _about_one(events[0], zone) if len(events) == 1 else _about_many(events, by, shown, zone)
    return note if pages is None else replace(note, body=f"{note.body}\n{link_to(pages, events).address}")


def _about_one(event: Event, zone: tzinfo) -> Note:
    known = {
        "Label": label_of(event),
        "Status": condition_of(event),
        "Reason": error_of(event),
        "Tags": tags_of(event),
        **{key: _written(value, zone) for key, value in listed_data(event).items()},
        "What to do": step_of(event),
        "Time": _between(*(span_of(event.data) or (event.at, event.at)), zone),
        "Event": one_line(event.id),
    }
    lines = [NOTHING_HAPPENED] if event.test else []
    lines += [f"{field_name(key)}: {_safe(value)}" for key, value in known.items() if value]
    title = f"{sign_of([event])} {_safe(headline_of(event, _HEADLINE))}"
    return Note(title, "\n".join(lines), severity_of([event]))


def _about_many(events: Sequence[Event], by: Sequence[str], shown: int, zone: tzinfo) -> Note:
    counted = digest(events, by, shown)
    lines = [NOTHING_HAPPENED] if all_tests(events) else []
    lines += [_safe(line, 3 * _LONGEST) for line in map(counted.line_of, counted.groups) if line]
    if counted.other_groups:
        lines.append(rest_of(counted.other_groups, counted.other_events))
    lines += to_do(counted.steps)
    first, last = min(event.at for event in events), max(event.at for event in events)
    lines.append(_between(first, last, zone))
    return Note(_safe(counted.heading(_HEADLINE)), "\n".join(lines), severity_of(events))


def _between(first: datetime, last: datetime, zone: tzinfo) -> str:
    return " to ".join(dict.fromkeys((shown_at(first, zone), shown_at(last, zone))))


def _written(value: object, zone: tzinfo) -> str:
    return one_line(value) if (moment := moment_of(value)) is None else shown_at(moment, zone)


def _safe(text: str, longest: int = _LONGEST) -> str:
    return cut(text.replace("@", "@\N{WORD JOINER}"), longest)
