"""Draws Slack messages: one event, or a digest, as Block Kit with a plain-text fallback. Pure.

Slack refuses a whole message when one part of it is too long, so every part is cut to a size of its own, and these add
up to less than the whole may have. Sources of the limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks
in a message; header 150; section 3,000, or 10 fields of 2,000; context 10 elements) and
https://api.slack.com/changelog/2018-04-truncating-really-long-messages (40,000 characters).

Only an attachment has a coloured bar, and what is in one may be hidden behind "Show more"
(https://docs.slack.dev/reference/messaging/attachments): so what happened, and whom it concerns, stands before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.receivers.digest import names_of, rest_of, title_of
from bridge.receivers.slack.mentions import NOBODY, Mention
from bridge.receivers.text import date, escape, fit, inert, moment_of, one_line, size
from bridge.receivers.wording import (
    NOTHING_HAPPENED,
    TOLD_ELSEWHERE,
    WORDS,
    all_tests,
    colour_of,
    duration_of,
    error_of,
    label_of,
    mark_of,
    name_of,
    said_of,
    sign_of,
    status_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Event
    from bridge.receivers.digest import Digest

Block = dict[str, Any]

_NAME: Final = 80  # all of these in the units of slack_text.size
_KEY: Final = 40  # characters
_LABEL: Final = 200
_VALUE: Final = 500
_ERROR: Final = 2_500
_ERROR_IN_TEXT: Final = 1_500
_ID: Final = 200
_TEXT: Final = 2_700  # with the longest mention before it, 3,000
_REST: Final = 100
_LINE_END: Final = 2  # as JSON writes it
_MOST_PAIRS: Final = 5  # of a name and a value each: 10 fields


@dataclass(frozen=True, slots=True)
class Style:
    """What a receiver wants its messages to have.

    ``colour`` puts a bar beside them. ``pages`` is where people see the bridge; None where they don't.
    """

    colour: bool = True
    pages: str | None = None
    mention: Mention = NOBODY


PLAIN: Final = Style(colour=False)


def draw_event(event: Event, style: Style = PLAIN) -> Block:
    """Draw one event: a header, what is known, why, and when. Returns the payload."""
    error = error_of(event)
    head = _header(f"{sign_of([event])} {said_of(event, fit(name_of(event), _NAME))}")
    blocks: list[Block] = [_section(NOTHING_HAPPENED)] if event.test else []
    if pairs := _pairs(event):
        fields = [field for key, value in pairs[:_MOST_PAIRS] for field in (_own(f"*{key}*"), value)]
        blocks.append({"type": "section", "fields": fields})
    if error:
        blocks.append(_section(f"Error: {fit(error, _ERROR)}"))
    about = [_own(date(event.at)), _plain(fit(one_line(event.id) or "no id", _ID))]
    blocks.append({"type": "context", "elements": [*about, *_link(style, None if event.test else event.message_id)]})
    return _payload(_sentence(event), head, blocks, style, [event])


def draw_digest(digest: Digest, events: Sequence[Event], style: Style = PLAIN) -> Block:
    """Draw the digest of events. Returns the payload."""
    test = all_tests(events)
    totals = [(WORDS[type_], count) for type_, count in digest.totals]
    headline = f"{sign_of(events)} {mark_of(events)}{digest.count:,} events"
    blocks = [_section(NOTHING_HAPPENED)] if test else []
    blocks += [_own_section(" · ".join(f"{w.emoji} *{n:,}* {w.short}" for w, n in totals))]
    for group in digest.groups:
        blocks.append(_section(title_of(group)))
        if group.names:
            blocks.append({"type": "context", "elements": [_plain(names_of(group))]})
    if digest.other_groups:
        blocks.append(_section(rest_of(digest.other_groups, digest.other_events)))
    first, last = min(event.at for event in events), max(event.at for event in events)
    span = date(first) if first == last else f"{date(first)} to {date(last)}"
    blocks.append({"type": "context", "elements": [_own(span), *_link(style, None)]})
    counts = ", ".join(f"{count:,} {words.short}" for words, count in totals)
    opening = f"{headline}: {counts}"
    text = "\n".join([opening, *_lines(digest, _TEXT - size(opening))])
    return _payload(text, _header(headline), blocks, style, events)


def _sentence(event: Event) -> str:
    """Say it all on one line, for notifications: ``❌ Message 12346 failed · Invoice 88 · Invalid phone number``."""
    label, error = fit(inert(label_of(event)), _LABEL), fit(inert(error_of(event)), _ERROR_IN_TEXT)
    said = f"{sign_of([event])} {said_of(event, fit(inert(name_of(event)), _NAME))}"
    return " · ".join(filter(None, [said, label, duration_of(event), error]))


def _pairs(event: Event) -> list[tuple[str, Block]]:
    """List what is known about the event, each with its name."""
    data = event.data
    known = {
        "Message": "" if event.message_id is None else str(event.message_id),
        "Receiver": one_line(data.get("receiver")),
        "Number": one_line(data.get("number")),
        "Label": label_of(event),
        "Status": ", ".join(filter(None, [status_of(event), duration_of(event)])),
        "Tags": one_line(data.get("tags")),
    }
    pairs = [(key, _plain(fit(value, _VALUE))) for key, value in known.items() if value]
    for key, value in data.items():
        if key in TOLD_ELSEWHERE or not (text := one_line(value)):
            continue
        moment = moment_of(value)
        pairs.append((_words_of(key), _plain(fit(text, _VALUE)) if moment is None else _own(date(moment))))
    return pairs


def _words_of(key: str) -> str:
    """Write ``down_since`` as ``Down since``. Only letters and digits: it stands within the bridge's own formatting."""
    words = " ".join("".join(char if char.isalnum() else " " for char in key[:_KEY]).split())
    return words[:1].upper() + words[1:] or "Other"


def _lines(digest: Digest, room: int) -> list[str]:
    """Write the groups for the fallback, as many as fit, and count the rest, so that the counts add up there, too."""
    lines: list[str] = []
    room -= _REST
    for index, group in enumerate(digest.groups):
        line = inert(f"{title_of(group)} — {names_of(group)}" if group.names else title_of(group))
        room -= size(line) + _LINE_END
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
        bar = {"color": colour_of(events), "blocks": list(blocks)}
        return {**payload, "blocks": top, "attachments": [bar]}
    return {**payload, "blocks": [*top, *blocks]}


def _link(style: Style, message_id: int | None) -> list[Block]:
    """Lead to the page of a message, or to that of all; nowhere where people don't see the bridge."""
    if style.pages is None:
        return []
    page = f"{style.pages}/" if message_id is None else f"{style.pages}/messages/{message_id}"
    return [_own(f"<{escape(page).replace('|', '%7C')}|{'Open the bridge' if message_id is None else 'Open message'}>")]


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
