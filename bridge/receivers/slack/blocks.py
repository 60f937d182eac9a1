"""Draws Slack messages: one event, or a digest, as Block Kit with a plain-text fallback. Pure.

Slack refuses a whole message when one part of it is too long, so every part is cut to a size of its own, and these add
up to less than the whole may have. Sources of the limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks
in a message; header 150; section 3,000, or 10 fields of 2,000; context 10 elements) and
https://api.slack.com/changelog/2018-04-truncating-really-long-messages (40,000 characters).

Only an attachment has a coloured bar, and what is in one may be hidden behind "Show more"
(https://docs.slack.dev/reference/messaging/attachments): so what happened, and whom it concerns, comes before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from bridge.receivers.digest import rest_of
from bridge.receivers.links import link_to
from bridge.receivers.next_steps import steps_of, to_do
from bridge.receivers.slack.mentions import NOBODY, Mention
from bridge.receivers.summary import headline_of, sentence_of, tells_why
from bridge.receivers.summary_words import span_of
from bridge.receivers.text import date, escape, fit, inert, moment_of, one_line, size
from bridge.receivers.wording import (
    COLOURS,
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
    from bridge.receivers.digest import Digest

Block = dict[str, Any]

_HEADER: Final = 150  # all of these in the units of bridge.receivers.text.size
_SIGN: Final = 3
_HEADING_IN_TEXT: Final = 400
_VALUE: Final = 500
_REASON: Final = 2_500
_ID: Final = 200
_TEXT: Final = 2_700  # with the longest mention before it, 3,000
_REST: Final = 100
_SEPARATOR: Final = 3
_MOST_PAIRS: Final = 5  # of a name and a value each: 10 fields


@dataclass(frozen=True, slots=True)
class Style:
    """What a receiver wants its messages to have.

    ``colour`` puts a bar beside them. ``pages`` is where people see the bridge; None where they don't.
    ``zone`` is of the times that Slack can't show in each reader's own.
    """

    colour: bool = True
    pages: str | None = None
    mention: Mention = NOBODY
    zone: tzinfo = UTC


PLAIN: Final = Style(colour=False)


def draw_event(event: Event, style: Style = PLAIN) -> Block:
    """Draw one event: a headline, what is known, why, what to do, and when. Returns the payload."""
    headline = headline_of(event, _HEADER - _SIGN)
    blocks: list[Block] = [_section(NOTHING_HAPPENED)] if event.test else []
    if pairs := _pairs(event, style.zone):
        fields = [field for key, value in pairs[:_MOST_PAIRS] for field in (_own(f"*{key}*"), value)]
        blocks.append({"type": "section", "fields": fields})
    if not tells_why(headline, event):
        blocks.append(_section(f"Reason: {fit(error_of(event), _REASON)}"))
    blocks += _to_do(steps_of([event]))
    when = _between(*(span_of(event.data) or (event.at, event.at)), style.zone)
    about = [_own(when), _plain(fit(one_line(event.id) or "no id", _ID))]
    blocks.append({"type": "context", "elements": [*about, *_link(style, [event])]})
    return _payload(inert(sentence_of(event)), _header(f"{sign_of([event])} {headline}"), blocks, style, [event])


def draw_digest(digest: Digest, events: Sequence[Event], style: Style = PLAIN) -> Block:
    """Draw the digest of events: a heading, whom it concerns, what to do, and when. Returns the payload."""
    blocks = [_section(NOTHING_HAPPENED)] if all_tests(events) else []
    blocks += [_section("\n".join(lines)) for group in digest.groups if (lines := digest.lines_of(group))]
    if digest.other_groups:
        blocks.append(_section(rest_of(digest.other_groups, digest.other_events)))
    blocks += _to_do(digest.steps)
    first, last = min(event.at for event in events), max(event.at for event in events)
    blocks.append({"type": "context", "elements": [_own(_between(first, last, style.zone)), *_link(style, events)]})
    heading = inert(digest.heading(_HEADING_IN_TEXT))
    text = " · ".join([heading, *_in_one_line(digest, _TEXT - size(heading))])
    return _payload(text, _header(digest.heading(_HEADER)), blocks, style, events)


def _between(first: datetime, last: datetime, zone: tzinfo) -> str:
    """Write from when to when; Slack shows minutes, so that two moments of the same one are a single time."""
    same = first.replace(second=0, microsecond=0) == last.replace(second=0, microsecond=0)
    return date(first, zone) if same else f"{date(first, zone)} to {date(last, zone)}"


def _pairs(event: Event, zone: tzinfo) -> list[tuple[str, Block]]:
    """List what is known about the event beside its headline, each with its name."""
    known = {
        "Label": label_of(event),
        "Status": condition_of(event),
        "Tags": tags_of(event),
    }
    pairs = [(key, _plain(fit(value, _VALUE))) for key, value in known.items() if value]
    for key, value in listed_data(event).items():
        if not (text := one_line(value)):
            continue
        moment = moment_of(value)
        pairs.append((field_name(key), _plain(fit(text, _VALUE)) if moment is None else _own(date(moment, zone))))
    return pairs


def _in_one_line(digest: Digest, room: int) -> list[str]:
    """Write the groups for the fallback, as many as fit, and count the rest, so that the counts add up there, too."""
    lines: list[str] = []
    room -= _REST
    for index, group in enumerate(digest.groups):
        line = inert(digest.line_of(group))
        if not line:
            continue
        room -= size(line) + _SEPARATOR
        if room < 0:
            left = digest.groups[index:]
            events = digest.other_events + sum(each.count for each in left)
            return [*lines, rest_of(digest.other_groups + len(left), events)]
        lines.append(line)
    return [*lines, rest_of(digest.other_groups, digest.other_events)] if digest.other_groups else lines


def _payload(text: str, head: Block, blocks: Sequence[Block], style: Style, events: Sequence[Event]) -> Block:
    """Put a message together. One about a test mentions nobody.

    With blocks, Slack shows ``text`` in notifications only, so that what is in both is not seen twice.
    """
    mention = "" if all_tests(events) else style.mention.of({event.type for event in events})
    top = [head, _own_section(mention)] if mention else [head]
    payload = {"text": f"{mention} {escape(text)}".lstrip(), "unfurl_links": False, "unfurl_media": False}
    if style.colour:
        bar = {"color": COLOURS[severity_of(events)], "blocks": list(blocks)}
        return {**payload, "blocks": top, "attachments": [bar]}
    return {**payload, "blocks": [*top, *blocks]}


def _link(style: Style, events: Sequence[Event]) -> list[Block]:
    """Lead to the page of a message, or to a list; nowhere where people don't see the bridge."""
    if style.pages is None:
        return []
    link = link_to(style.pages, events)
    return [_own(f"<{escape(link.address).replace('|', '%7C')}|{link.words}>")]


def _to_do(steps: Sequence[str]) -> list[Block]:
    """Say what to do next."""
    return [_own_section("\n".join(lines))] if (lines := to_do(steps, "*What to do:*")) else []


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text)}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _own_section(text: str) -> Block:
    return {"type": "section", "text": _own(text)}


def _plain(text: str) -> Block:
    """Hold text from outside. ``emoji`` false: ``:x:`` in an error stays what it is."""
    return {"type": "plain_text", "text": escape(text), "emoji": False}


def _own(text: str) -> Block:
    """Hold the bridge's own words, with formatting. ``verbatim``: Slack is not to look for links and names in them."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
