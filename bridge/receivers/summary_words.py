"""What people read in a summary: how many were sent and failed, why, and what else is worth a look. Pure.

As in :mod:`bridge.receivers.wording`, what is missing in an event's data, or of another type, reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.domain import reasons
from bridge.domain.activity import COUNTED
from bridge.domain.clock import in_words
from bridge.domain.model import EventType, Status
from bridge.receivers.text import fit, moment_of, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.model import Event

SUMMARY_DATA = frozenset(
    {"period", "since", "until", "due", "late", "timezone", "before", "waiting", "reasons", "median_wait_seconds"}
    | {"p95_wait_seconds", "slowest", "numbers", "dead_letters", "failure_share"}
    | {*map(str, COUNTED)}
)
"""The data of a summary that the words here include."""

_PERIOD: Final = 40
_REASON: Final = 60
_NAME: Final = 40
_MOST_NUMBERS: Final = 5
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_TOLERANCE = timedelta(hours=2)  # days on which clocks are set
_MORE = {
    Status.EXPIRED: "expired",
    Status.UNKNOWN: "unknown to WbizTool",
    Status.CANCELLED: "cancelled",
}


def is_well(event: Event) -> bool:
    """Tell whether nothing in a summary needs a look."""
    bad = ("failed", "expired", "unknown", "dead_letters")
    return not any(_number(event, key) for key in bad) and not _numbers(event)


def emoji_of(event: Event) -> str:
    """Return its sign."""
    return "☀️" if is_well(event) else "📋"


def sums_of(event: Event) -> str:
    """Sum it up: ``Since yesterday 09:00: 1,204 messages sent, 17 failed, 2 expired (1.6%, the day before 0.9%)``."""
    sent, failed = _number(event, "sent"), _number(event, "failed")
    counts = [f"{sent:,} message{'' if sent == 1 else 's'} sent" if sent else "no message sent"]
    if failed:
        counts.append(f"{failed:,} failed")
    counts += [f"{count:,} {words}" for status, words in _MORE.items() if (count := _number(event, str(status)))]
    well = "all well, " if is_well(event) else ""
    return f"{fit(one_line(event.json.get('period')), _PERIOD)}: {well}{', '.join(counts)}{_share(event)}"


def reasons_of(event: Event) -> str:
    """Say why messages failed: ``12 invalid numbers, 5 not on WhatsApp``."""
    return ", ".join(
        f"{count:,} {fit(reasons.read(one_line(each.get('reason'))).words(count), _REASON)}"
        for each in _each(event, "reasons")
        if (count := _whole(each.get("count")))
    )


def details_of(event: Event) -> dict[str, str]:
    """List what else there is to say, each with its name: the worst first."""
    found = {"Numbers": _numbers(event), "Dead letters": "", "Still waiting": "", "Time until sent": _waits(event)}
    if dead := _number(event, "dead_letters"):
        found["Dead letters"] = f"{dead:,} {'delivery was' if dead == 1 else 'deliveries were'} given up"
    if waiting := _number(event, "waiting"):
        found["Still waiting"] = f"{waiting:,} message{'' if waiting == 1 else 's'}"
    return {name: words for name, words in found.items() if words}


def in_short(event: Event) -> list[str]:
    """Say the same in parts of one line: ``3 still waiting``, ``half within 8 s``."""
    dead, waiting = _number(event, "dead_letters"), _number(event, "waiting")
    median = event.json.get("median_wait_seconds")
    return [
        *filter(None, [_numbers(event)]),
        *([f"{dead:,} dead letter{'' if dead == 1 else 's'}"] if dead else []),
        *([f"half within {in_words(median)}"] if isinstance(median, int) else []),
        *([f"{waiting:,} still waiting"] if waiting else []),
    ]


def span_of(event: Event) -> tuple[datetime, datetime] | None:
    """Return from when to when it is; None of another event, or where that can't be read."""
    if event.type is not EventType.SUMMARY:
        return None
    since, until = moment_of(event.json.get("since")), moment_of(event.json.get("until"))
    return None if since is None or until is None else (since, until)


def _share(event: Event) -> str:
    share, before = event.json.get("failure_share"), event.json.get("before")
    if not isinstance(share, int | float) or not share:
        return ""
    earlier = before.get("failure_share") if isinstance(before, Mapping) else None
    compared = f", {_earlier(event)} {earlier:g}%" if isinstance(earlier, int | float) else ""
    return f" ({share:g}%{compared})"


def _earlier(event: Event) -> str:
    span = span_of(event)
    if span is not None:
        for length, words in ((_DAY, "the day before"), (_WEEK, "the week before")):
            if abs(span[1] - span[0] - length) <= _TOLERANCE:
                return words
    return "before"


def _numbers(event: Event) -> str:
    parts = [
        f"{fit(one_line(each.get('number')), _NAME)} {'was' if each.get('connected') is True else 'is'} disconnected"
        for each in _each(event, "numbers")
    ]
    more = len(parts) - _MOST_NUMBERS
    return ", ".join(parts[:_MOST_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def _waits(event: Event) -> str:
    shares = [
        f"{share} within {in_words(seconds)}"
        for share, key in (("half", "median_wait_seconds"), ("95%", "p95_wait_seconds"))
        if isinstance(seconds := event.json.get(key), int)
    ]
    slowest = []
    for each in _each(event, "slowest"):
        label = fit(one_line(each.get("label")), _NAME)
        name = f"{_whole(each.get('message_id'))}{f' ({label})' if label else ''}"
        slowest.append(f"{name} {in_words(_whole(each.get('waited_seconds')))}")
    return "; ".join(filter(None, [", ".join(shares), f"slowest: {', '.join(slowest)}" if slowest else ""]))


def _each(event: Event, key: str) -> list[Mapping[str, Any]]:
    listed = event.json.get(key)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _number(event: Event, key: str) -> int:
    return _whole(event.json.get(key))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
