"""What a person can do about an event, in one line. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.domain import reasons
from bridge.domain.event_data import message_data
from bridge.domain.model import EventType
from bridge.domain.reasons import reason_of
from bridge.receivers.wording import error_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.domain.model import Event

MOST_STEPS: Final = 5
"""Steps that one message lists, at most: nobody reads more."""

_BY_REASON: Final[Mapping[str, str]] = {
    reasons.INVALID_NUMBER.key: "Check the number, then send again or call.",
    reasons.NOT_ON_WHATSAPP.key: "Call, or send an SMS or email: there is no WhatsApp account for this number.",
    reasons.SENDER_BANNED.key: "Open WbizTool and send from another number: WhatsApp has banned this one.",
    reasons.SENDER_DISCONNECTED.key: "Open WbizTool, scan the QR code, then send again.",
    reasons.BLOCKED.key: "Call, or send an SMS or email: WhatsApp messages to this number are blocked.",
    reasons.OVER_A_LIMIT.key: "Check your plan and balance in WbizTool, then send again.",
    reasons.UNUSABLE_FILE.key: "Check the attached file, then send again.",
    reasons.TIMED_OUT.key: "Send again.",
}

_STEPS: Final[Mapping[EventType, str]] = {
    EventType.MESSAGE_FAILED: "Look at the message in WbizTool, then send again or call.",
    EventType.MESSAGE_CANCELLED: "If nobody cancelled it on purpose, send again.",
    EventType.MESSAGE_EXPIRED: "If it still matters, send again.",
    EventType.MESSAGE_UNKNOWN: "Check the message's id, and that the message belongs to this account.",
    EventType.MESSAGE_STUCK: "Open WbizTool and check that your WhatsApp number is connected.",
    EventType.MESSAGE_ABANDONED: "Look at the message in WbizTool: the bridge no longer watches it.",
    EventType.SOURCE_DOWN: "Wait: the bridge keeps trying. If this lasts, check WbizTool and your network.",
    EventType.NUMBER_DISCONNECTED: "Open WbizTool and scan the QR code.",
    EventType.ACCOUNT_FAILING: "Open WbizTool and check that your WhatsApp number is connected and not banned.",
    EventType.RECEIVER_DOWN: "Check the receiver. Its events are kept, and sent once it works again.",
}
"""Types that are left out ask for nothing."""

_CREDENTIALS: Final = "Check client_id and API key in the bridge's configuration."
_REFUSED = re.compile(r"\bauth|\bapi.?key\b|\bclient\b|credential|unauthori[sz]ed", re.IGNORECASE)  # wbiztool-api.md
_UNREADABLE: Final = "Look at the message in WbizTool: the bridge can't read what WbizTool answers about it."


def step_of(event: Event) -> str:
    """Say what to do next; empty where there is nothing to do, as after a test."""
    if event.test:
        return ""
    if event.type is EventType.MESSAGE_FAILED:
        return step_of_reason(reason_of(error_of(event)).key)
    if event.type is EventType.MESSAGE_STUCK and message_data(event.data).unreadable_seconds is not None:
        return _UNREADABLE
    if event.type is EventType.SOURCE_DOWN and _REFUSED.search(error_of(event)):
        return _CREDENTIALS
    return _STEPS.get(event.type, "")


def step_of_reason(key: str) -> str:
    """Say what to do about messages that failed for a reason, by its key."""
    return _BY_REASON.get(key, _STEPS[EventType.MESSAGE_FAILED])


def steps_of(events: Iterable[Event]) -> list[str]:
    """List what to do about several, each step once, in the order of the events."""
    return [step for step in dict.fromkeys(map(step_of, events)) if step][:MOST_STEPS]


def to_do(steps: Sequence[str], title: str = "What to do:") -> list[str]:
    """Write steps as lines: one behind the title, several below it."""
    match steps:
        case []:
            return []
        case [step]:
            return [f"{title} {step}"]
        case _:
            return [title, *(f"• {step}" for step in steps)]
