"""What people read about an event: its severity, sign, headline, whom it names, and why. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.clock import in_words
from bridge.domain.event_data import (
    MessageData,
    NumberData,
    OutageData,
    RateData,
    ReceiverData,
    SummaryData,
    message_data,
)
from bridge.domain.incidents import latest_of_each
from bridge.domain.model import EventType
from bridge.receivers.rate_words import failures_of, first_rate_of, group_of, rate_of, reasons_of
from bridge.receivers.reminder_words import reminder_of, still
from bridge.receivers.summary_words import details_of, emoji_of, sums_of
from bridge.receivers.summary_words import reasons_of as reasons_of_summary
from bridge.receivers.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.domain.model import Event


class Severity(enum.StrEnum):
    """How serious an event is. The values are Apprise's words."""

    FAILURE = "failure"
    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        return self in {Severity.FAILURE, Severity.WARNING}


COLOURS: Mapping[Severity, str] = {
    Severity.FAILURE: "#d92d20",
    Severity.WARNING: "#f79009",
    Severity.INFO: "#98a2b3",
    Severity.SUCCESS: "#12b76a",
}
"""The colour of the bar beside an event."""


@dataclass(frozen=True, slots=True)
class Words:
    """How a type of event is worded.

    ``before`` and ``after`` surround the name of what the event is about; they are empty for the types of
    :mod:`bridge.receivers.rate_words` and for summaries. ``short`` follows a count of one, ``many`` a larger count
    where that differs.
    """

    severity: Severity
    emoji: str
    before: str
    after: str
    short: str
    many: str = ""

    def counted(self, count: int) -> str:
        """Write ``4,990 failed``, ``2 receivers down``."""
        return f"{count:,} {self.short if count == 1 or not self.many else self.many}"


_FAILURE, _WARNING, _INFO, _SUCCESS = Severity

WORDS: Mapping[EventType, Words] = {
    EventType.SOURCE_DOWN: Words(
        _FAILURE, "🔴", "WbizTool's status API", "is down", "status API down", "status API outages"
    ),
    EventType.RECEIVER_DOWN: Words(_FAILURE, "🔴", "Receiver", "is down", "receiver down", "receivers down"),
    EventType.NUMBER_DISCONNECTED: Words(
        _FAILURE, "📵", "WhatsApp number", "is disconnected", "number disconnected", "numbers disconnected"
    ),
    EventType.ACCOUNT_FAILING: Words(_FAILURE, "📉", "", "", "failure rate too high", "failure rates too high"),
    EventType.MESSAGE_FAILED: Words(_FAILURE, "❌", "WhatsApp message", "failed", "failed"),
    EventType.MESSAGE_EXPIRED: Words(_FAILURE, "⌛", "WhatsApp message", "expired", "expired"),
    EventType.MESSAGE_UNKNOWN: Words(_WARNING, "❓", "WhatsApp message", "is unknown to WbizTool", "unknown"),
    EventType.MESSAGE_STUCK: Words(_WARNING, "🐌", "WhatsApp message", "is stuck", "stuck"),
    EventType.MESSAGE_ABANDONED: Words(_WARNING, "💤", "WhatsApp message", "is no longer watched", "abandoned"),
    EventType.MESSAGE_CANCELLED: Words(_WARNING, "🚫", "WhatsApp message", "was cancelled", "cancelled"),
    EventType.SUMMARY: Words(_INFO, "☀️", "", "", "summary", "summaries"),
    EventType.MESSAGE_PENDING: Words(_INFO, "🕒", "WhatsApp message", "is pending", "pending"),
    EventType.MESSAGE_SENT: Words(_SUCCESS, "✅", "WhatsApp message", "was sent", "sent"),
    EventType.SOURCE_UP: Words(
        _SUCCESS, "🟢", "WbizTool's status API", "is back", "status API back", "status API recoveries"
    ),
    EventType.RECEIVER_UP: Words(_SUCCESS, "🟢", "Receiver", "is back", "receiver back", "receivers back"),
    EventType.NUMBER_CONNECTED: Words(
        _SUCCESS, "📱", "WhatsApp number", "is connected", "number connected", "numbers connected"
    ),
    EventType.ACCOUNT_RECOVERED: Words(
        _SUCCESS, "📈", "", "", "failure rate normal again", "failure rates normal again"
    ),
}
"""How each type of event is worded: those first that a person should see first."""

_TEST, _AGAIN, _REMINDERS = "TEST: ", "SENT AGAIN: ", "REMINDER: "

NOTHING_HAPPENED = "This is a test of the receiver: nothing happened, and there is nothing to do."

_RANKS = {type_: rank for rank, type_ in enumerate(WORDS)}


def by_gravity(types: Iterable[EventType]) -> list[EventType]:
    """Sort types by how soon a person should see them: one failure comes before a hundred that were sent."""
    return sorted(types, key=_RANKS.__getitem__)


def gravest(types: Iterable[EventType]) -> EventType:
    """Pick the type that a person should see first."""
    return min(types, key=_RANKS.__getitem__)


def sign_of(events: Sequence[Event]) -> str:
    """Return the emoji of the gravest event that is the latest of its subject. A test has one of its own."""
    if all_tests(events):
        return "🧪"
    if len(events) == 1 and isinstance(summary := events[0].data, SummaryData):
        return emoji_of(summary)
    return WORDS[gravest(event.type for event in latest_of_each(events))].emoji


def severity_of(events: Sequence[Event]) -> Severity:
    """Return how serious the gravest event is that is the latest of its subject. A test is not."""
    return (
        Severity.INFO if all_tests(events) else WORDS[gravest(event.type for event in latest_of_each(events))].severity
    )


def all_tests(events: Sequence[Event]) -> bool:
    """Tell whether nothing of this happened."""
    return all(event.test for event in events)


def said_of(event: Event, name: str) -> str:
    """Say what happened to what: ``WhatsApp message 12346 failed``; of a test, that it is one."""
    words, more = WORDS[event.type], ""
    match event.data:
        case RateData() as rate:
            more = f": {first_rate_of(rate)}" if rate.reminder else ""
            said = rate_of(rate, name, failing=event.type is EventType.ACCOUNT_FAILING)
        case SummaryData() as summary:
            said = sums_of(summary)
        case _:
            said = f"{words.before} {name} {words.after}" if needs_name(event) else f"{words.before} {words.after}"
    return f"{mark_of([event])}{still(event, said)}{more}"


def mark_of(events: Sequence[Event]) -> str:
    """Return what precedes the words about a test, about what somebody had sent again, and about several reminders.

    A single reminder says so in its words.
    """
    if all_tests(events):
        return _TEST
    if all(event.resent for event in events):
        return _AGAIN
    return _REMINDERS if len(events) > 1 and all(map(reminder_of, events)) else ""


_LONGEST_KEY = 40

_WITHOUT_NAME = frozenset({EventType.SOURCE_DOWN, EventType.SOURCE_UP})


def name_of(event: Event) -> str:
    """Name what the event is about: the message's id, the number, the receiver; else its subject."""
    if event.message_id is not None:
        return str(event.message_id)
    match event.data:
        case RateData() as rate:
            return group_of(rate)
        case ReceiverData(receiver=name) | SummaryData(receiver=name) | NumberData(number=name) if one_line(name):
            return one_line(name)
    return one_line(event.subject) or "(no name)"


def needs_name(event: Event) -> bool:
    """Tell whether the sentence about the event names something. There is only one status API."""
    return event.type not in _WITHOUT_NAME


def label_of(event: Event) -> str:
    """Return the message's label on one line, empty where it has none that can be seen."""
    return one_line(message_data(event.data).label)


def tags_of(event: Event) -> str:
    """Return the message's tags on one line: ``team: billing, …``."""
    return one_line(message_data(event.data).tags)


def error_of(event: Event) -> str:
    """Return why it came so, on one line: WbizTool's error for a message, the reason or reasons for others."""
    match event.data:
        case RateData() as rate:
            return reasons_of(rate)
        case SummaryData() as summary:
            return reasons_of_summary(summary)
        case data:
            return one_line(data.why)


def cause_of(event: Event) -> str:
    """Return the same for a list, where no headline tells of a failure rate: how many failed, and why."""
    return failures_of(event.data) if isinstance(event.data, RateData) else error_of(event)


def statuses_of(event: Event) -> tuple[str, str]:
    """Return the message's status before and the one now, each empty where there is none."""
    data = message_data(event.data)
    return "" if data.previous is None else one_line(data.previous.status), one_line(data.current.status)


def status_of(event: Event) -> str:
    """Write the change: ``pending → failed``; only the new status where there was none before."""
    previous, current = statuses_of(event)
    return f"{previous} → {current}" if previous and current and previous != current else current or previous


def duration_of(event: Event) -> str:
    """Say how long it has lasted, if the event is about that: ``pending for 16 min``; else nothing."""
    match event.data:
        case MessageData(pending_seconds=int(seconds)):
            return f"pending for {in_words(seconds)}"
        case MessageData(watched_seconds=int(seconds)):
            return f"watched for {in_words(seconds)}"
        case MessageData(unreadable_seconds=int(seconds)):
            return f"unreadable for {in_words(seconds)}"
        case NumberData(disconnected_seconds=int(seconds)):
            return f"offline for {in_words(seconds)}"
    return ""


def condition_of(event: Event) -> str:
    """Write the status, and how long it has lasted where that is known: ``pending for 16 min``."""
    status, lasting = status_of(event), duration_of(event)
    return lasting if lasting.startswith(status) else ", ".join(filter(None, [status, lasting]))


def listed_data(event: Event) -> dict[str, object]:
    """List by name what else is known of an event, also what only another version of the bridge knows."""
    known: Mapping[str, object] = {}
    match event.data:
        case MessageData() as data:
            known = {"disconnected_numbers": list(data.disconnected_numbers or ())}
        case OutageData() as data:
            known = {"since": data.since, "down_since": data.down_since}
        case NumberData() as data:
            known = {"whatsapp_client_id": data.whatsapp_client_id or None, "since": data.since}
        case RateData() as data:
            known = {"since": data.since, "failing_since": data.failing_since}
        case SummaryData() as data:
            known = details_of(data)
    return {**known, **event.data.more}


def field_name(key: str) -> str:
    """Write ``down_since`` as ``Down since``: only letters and digits, so that formatting around it stays intact."""
    words = " ".join("".join(char if char.isalnum() else " " for char in key[:_LONGEST_KEY]).split())
    return (words[:1].upper() + words[1:] or "Other").replace("Whatsapp", "WhatsApp")
