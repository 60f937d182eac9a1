"""What people read about a failure rate: how many of how many failed, whose, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.failure_rate import TAGS
from bridge.domain.model import Status
from bridge.domain.reasons import reason_of
from bridge.receivers.text import fit, one_line

if TYPE_CHECKING:
    from bridge.domain.event_data import RateData

_GROUP, _REASON = 60, 100
_ONE = {60: "minute", 3600: "hour"}


def group_of(rate: RateData) -> str:
    """Name the messages that it is about: ``team billing``, ``messages without team``, ``all messages``."""
    tag, group = one_line(rate.by).removeprefix(TAGS), one_line(rate.group)
    if not tag:
        return "all messages"
    return f"{tag} {group}" if group else f"messages without {tag}"


def rate_of(rate: RateData, group: str, *, failing: bool) -> str:
    """Say how many failed: ``12 of 50 messages failed in the last 15 min (24%), team billing``.

    A reminder has no newer numbers: it only says whose messages are failing (see :func:`first_rate_of`).
    """
    last = f"in the last {_ONE.get(rate.within_seconds) or _span(rate.within_seconds)}"
    group = fit(group, _GROUP)
    grouped = bool(one_line(rate.by))
    whose = (f"Messages of {group}" if one_line(rate.group) else f"M{group[1:]}") if grouped else "Messages"
    if failing and rate.reminder:
        return f"{whose} are failing"
    if failing:
        return (
            f"{rate.failed:,} of {rate.of:,} messages failed {last} ({_share(rate)}%){f', {group}' if grouped else ''}"
        )
    if not rate.of:
        return f"{whose} are no longer failing: none got a final status {last}"
    return f"{whose} are being sent again: {rate.failed:,} of {rate.of:,} failed {last}"


def first_rate_of(rate: RateData) -> str:
    """Say in a reminder what was counted at first: ``when it began, 12 of 50 failed within 15 min (24%)``."""
    return f"when it began, {rate.failed:,} of {rate.of:,} failed within {_span(rate.within_seconds)} ({_share(rate)}%)"


def failures_of(rate: RateData) -> str:
    """Say how many failed, and why: ``12 of 50 failed (24%): 8 invalid numbers, 4 not on WhatsApp``."""
    first = "when it began, " if rate.reminder else ""
    counts = f"{first}{rate.failed:,} of {rate.of:,} failed ({_share(rate)}%)"
    return ": ".join(filter(None, [counts, reasons_of(rate)]))


def reasons_of(rate: RateData) -> str:
    """Say why: ``8 invalid numbers, 4 not on WhatsApp``."""
    return ", ".join(
        f"{each.count:,} {fit(_words(one_line(each.reason), each.count), _REASON)}" for each in rate.reasons
    )


def _words(reason: str, count: int) -> str:
    """Put a reason into words; that a message expired is the bridge's own word, and not quoted."""
    return reason if reason == Status.EXPIRED else reason_of(reason).words(count)


def _share(rate: RateData) -> str:
    return "?" if rate.share is None else f"{rate.share:g}"


def _span(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
