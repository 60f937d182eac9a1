"""What people read in a summary: how many were sent and failed, why, and what else is worth a look. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bridge.domain import reasons
from bridge.domain.clock import in_words
from bridge.domain.event_data import SummaryData
from bridge.receivers.text import fit, moment_of, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.event_data import EventData

_PERIOD: Final = 40
_REASON: Final = 60
_NAME: Final = 40
_MOST_NUMBERS: Final = 5
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_TOLERANCE = timedelta(hours=2)  # days on which clocks are set


def is_well(summary: SummaryData) -> bool:
    """Tell whether nothing in a summary needs a look."""
    bad = summary.failed, summary.expired, summary.unknown, summary.dead_letters
    return not any(bad) and not summary.numbers


def emoji_of(summary: SummaryData) -> str:
    """Return its sign."""
    return "☀️" if is_well(summary) else "📋"


def sums_of(summary: SummaryData) -> str:
    """Sum it up: ``Since yesterday 09:00: 1,204 messages sent, 17 failed, 2 expired (1.6%, the day before 0.9%)``."""
    sent = summary.sent
    bad = {
        "failed": summary.failed,
        "expired": summary.expired,
        "unknown to WbizTool": summary.unknown,
        "cancelled": summary.cancelled,
    }
    counts = [f"{sent:,} message{'' if sent == 1 else 's'} sent" if sent else "no message sent"]
    counts += [f"{count:,} {words}" for words, count in bad.items() if count]
    well = "all well, " if is_well(summary) else ""
    return f"{fit(one_line(summary.period), _PERIOD)}: {well}{', '.join(counts)}{_share(summary)}"


def reasons_of(summary: SummaryData) -> str:
    """Say why messages failed: ``12 invalid numbers, 5 not on WhatsApp``."""
    return ", ".join(
        f"{each.count:,} {fit(reasons.read(one_line(each.reason)).words(each.count), _REASON)}"
        for each in summary.reasons
        if each.count
    )


def details_of(summary: SummaryData) -> dict[str, str]:
    """List what else there is to say, each with its name: the worst first."""
    dead, waiting = summary.dead_letters, summary.waiting
    found = {
        "Numbers": _numbers(summary),
        "Dead letters": f"{dead:,} {'delivery was' if dead == 1 else 'deliveries were'} given up" if dead else "",
        "Still waiting": f"{waiting:,} message{'' if waiting == 1 else 's'}" if waiting else "",
        "Time until sent": _waits(summary),
    }
    return {name: words for name, words in found.items() if words}


def in_short(summary: SummaryData) -> list[str]:
    """Say the same in parts of one line: ``3 still waiting``, ``half within 8 s``."""
    dead, waiting, median = summary.dead_letters, summary.waiting, summary.median_wait_seconds
    return [
        *filter(None, [_numbers(summary)]),
        *([f"{dead:,} dead letter{'' if dead == 1 else 's'}"] if dead else []),
        *([] if median is None else [f"half within {in_words(median)}"]),
        *([f"{waiting:,} still waiting"] if waiting else []),
    ]


def span_of(data: EventData) -> tuple[datetime, datetime] | None:
    """Return from when to when a summary is; None for what is none, or where that can't be read."""
    if not isinstance(data, SummaryData):
        return None
    since, until = moment_of(data.since), moment_of(data.until)
    return None if since is None or until is None else (since, until)


def _share(summary: SummaryData) -> str:
    if not summary.failure_share:
        return ""
    earlier = None if summary.before is None else summary.before.failure_share
    compared = "" if earlier is None else f", {_earlier(summary)} {earlier:g}%"
    return f" ({summary.failure_share:g}%{compared})"


def _earlier(summary: SummaryData) -> str:
    span = span_of(summary)
    if span is not None:
        for length, words in ((_DAY, "the day before"), (_WEEK, "the week before")):
            if abs(span[1] - span[0] - length) <= _TOLERANCE:
                return words
    return "before"


def _numbers(summary: SummaryData) -> str:
    named = [
        f"{fit(one_line(each.number), _NAME)} {'was' if each.connected else 'is'} disconnected"
        for each in summary.numbers
    ]
    more = len(named) - _MOST_NUMBERS
    return ", ".join(named[:_MOST_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def _waits(summary: SummaryData) -> str:
    shares = [
        f"{share} within {in_words(seconds)}"
        for share, seconds in (("half", summary.median_wait_seconds), ("95%", summary.p95_wait_seconds))
        if seconds is not None
    ]
    slowest = []
    for each in summary.slowest:
        label = fit(one_line(each.label), _NAME)
        name = f"{each.message_id}{f' ({label})' if label else ''}"
        slowest.append(f"{name} {in_words(each.waited_seconds)}")
    return "; ".join(filter(None, [", ".join(shares), f"slowest: {', '.join(slowest)}" if slowest else ""]))
