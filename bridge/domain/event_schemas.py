"""JSON Schemas (2020-12) of everything that receivers get: one for each type of event. Pure.

They are open: keys may be added within a major version, and none is removed or renamed. Theirs is the version that
is their ``$id``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.events import envelope
from bridge.domain.failure_rate import MOST_REASONS
from bridge.domain.incidents import OPENS
from bridge.domain.model import CODES, Event, EventType, Status
from bridge.domain.samples import samples
from bridge.domain.schema_values import Schema, a_list, moment, text, text_or_null, whole
from bridge.domain.summary_schema import summary_properties

if TYPE_CHECKING:
    from collections.abc import Mapping

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1

MEANINGS: Mapping[EventType, str] = {
    EventType.MESSAGE_PENDING: "The message waits to be sent.",
    EventType.MESSAGE_SENT: "The message was sent.",
    EventType.MESSAGE_FAILED: "The message could not be sent; `current.error` is WbizTool's reason, where it gave one.",
    EventType.MESSAGE_CANCELLED: "The message was cancelled.",
    EventType.MESSAGE_EXPIRED: "The message expired before it could be sent.",
    EventType.MESSAGE_UNKNOWN: "WbizTool says that it has no such message, and has said so for a while.",
    EventType.MESSAGE_STUCK: "The message has been pending for long, or no answer about it can be read. Reported once.",
    EventType.MESSAGE_ABANDONED: "The message had no final status for too long, and is polled no more.",
    EventType.SOURCE_DOWN: "WbizTool's API refuses the credentials, or fails for all messages.",
    EventType.SOURCE_UP: "WbizTool's API answers again.",
    EventType.NUMBER_DISCONNECTED: "A WhatsApp number of the account is not connected: its messages stay pending.",
    EventType.NUMBER_CONNECTED: "A WhatsApp number of the account is connected again.",
    EventType.RECEIVER_DOWN: (
        "A receiver has failed for `settle` (30 s, unless its configuration says otherwise). Its events are kept. "
        "It does not get this event itself."
    ),
    EventType.RECEIVER_UP: (
        "A receiver of which `receiver.down` was sent has taken events for `settle` (30 s, unless its configuration "
        "says otherwise)."
    ),
    EventType.ACCOUNT_FAILING: (
        "The share of messages that fail or expire has reached the limit of one of the configuration's `alerts`."
    ),
    EventType.ACCOUNT_RECOVERED: (
        "The share of messages that fail or expire has stayed below half of the alert's `failing` for as long as its "
        "`within`."
    ),
    EventType.SUMMARY: "What became of messages since the last summary. Only to the receiver whose `summary` it is.",
}
"""What each event says, in a sentence."""


def schema_id(type_: EventType) -> str:
    """Name the schema of a type of event, as it is in the body of ``format: standard``."""
    return f"urn:wbiztool-bridge:schema:{VERSION}:{type_}"


def data_schema_id(type_: EventType) -> str:
    """Name the schema of an event's ``data`` alone: the ``dataschema`` of CloudEvents."""
    return f"{schema_id(type_)}:data"


def schema_of(type_: EventType) -> Schema:
    """Describe a type of event. The schema of its data is inside, as one with a name of its own."""
    return {
        "$schema": DIALECT,
        "$id": schema_id(type_),
        "title": str(type_),
        "description": MEANINGS[type_],
        "type": "object",
        "required": ["id", "type", "timestamp", "data"],
        "properties": {
            "id": {
                "description": "The same whenever the event is sent again: receivers tell repeats by it.",
                "type": "string",
                "pattern": "^[^.]+$",
            },
            "type": {"description": "What happened.", "const": str(type_)},
            "timestamp": moment("When the bridge noticed it."),
            "test": {
                "description": "True where nothing happened and somebody tries the receiver: do nothing. Else missing.",
                "type": "boolean",
            },
            "data": data_schema_of(type_),
        },
        "examples": [envelope(example(type_))],
    }


def data_schema_of(type_: EventType) -> Schema:
    """Describe the data of a type of event."""
    properties, optional = _properties(type_)
    if type_ in OPENS:
        properties, optional = properties | _OF_A_REMINDER, optional | frozenset(_OF_A_REMINDER)
    return {
        "$schema": DIALECT,
        "$id": data_schema_id(type_),
        "title": f"The data of {type_}",
        "description": MEANINGS[type_],
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def any_schema() -> Schema:
    """Describe all events: one of the types."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:wbiztool-bridge:schema:{VERSION}:event",
        "title": "An event of the WbizTool bridge",
        "oneOf": [{"$ref": schema_id(type_)} for type_ in EventType],
        "$defs": {str(type_): schema_of(type_) for type_ in EventType},
    }


def example(type_: EventType) -> Event:
    """Make an event of a type, with all that it can hold."""
    return next(event for event in samples({}) if event.type is type_)  # of each type, the richest comes first


def _properties(type_: EventType) -> tuple[Schema, frozenset[str]]:
    """List the keys of an event's data, and which of them may be missing."""
    sequence = whole("Counts the events about the same thing, from 1: what has a higher one came later.", least=1)
    reason = text_or_null("Why, in words; null where there is no reason to give.")
    down_since = moment("Since when it had failed, where that is known.")
    match type_:
        case EventType.SOURCE_DOWN | EventType.SOURCE_UP:
            shown = {"since": moment("When this began."), "reason": reason, "sequence": sequence}
            return _after_failing(type_ is EventType.SOURCE_UP, shown, down_since)
        case EventType.RECEIVER_DOWN | EventType.RECEIVER_UP:
            shown = {"receiver": text("Its name in the configuration.")}
            since = moment("The first failure, or the first success: `settle` before the event, or longer.")
            shown |= {"since": since, "reason": reason, "sequence": sequence}
            return _after_failing(type_ is EventType.RECEIVER_UP, shown, down_since)
        case EventType.NUMBER_DISCONNECTED | EventType.NUMBER_CONNECTED:
            shown = {
                "number": text("The number, as WbizTool writes it; may be empty."),
                "whatsapp_client_id": whole("WbizTool's id of it."),
                "since": moment("Since when it is seen so."),
                "disconnected_seconds": whole("For how long it was not connected, where that is known.", least=0),
                "sequence": sequence,
            }
            return shown, frozenset({"disconnected_seconds"})
        case EventType.ACCOUNT_FAILING | EventType.ACCOUNT_RECOVERED:
            return _of_a_rate(type_ is EventType.ACCOUNT_RECOVERED, sequence)
        case EventType.SUMMARY:
            return summary_properties() | {"sequence": sequence}, frozenset()
        case _:
            return _of_a_message(type_, sequence)


def _after_failing(up: bool, shown: Schema, down_since: Schema) -> tuple[Schema, frozenset[str]]:
    return (shown | {"down_since": down_since}, frozenset({"down_since"})) if up else (shown, frozenset())


def _of_a_rate(recovered: bool, sequence: Schema) -> tuple[Schema, frozenset[str]]:
    shown = {
        "by": text_or_null("What the alert groups by, for example `tags.team`; null where it is about all messages."),
        "group": text_or_null("The value of that tag; null for messages without the tag, and where there is no `by`."),
        "failed": whole("How many messages failed or expired within `within_seconds`.", least=0),
        "of": whole("How many got a final status in that time.", least=0),
        "share": {"description": "`failed` of `of`, in percent.", "type": "number", "minimum": 0, "maximum": 100},
        "within_seconds": whole("The alert's `within`.", least=1),
        "since": moment("When this began."),
        "reasons": a_list(
            "The five most frequent reasons, the most frequent first.",
            {
                "reason": text_or_null("WbizTool's, or `expired`; null where it gave none."),
                "count": whole("How many messages.", least=1),
            },
            most=MOST_REASONS,
        ),
        "sequence": sequence,
    }
    if recovered:
        shown["failing_since"] = moment("`since` of the `account.failing` that this ends.")
    return shown, frozenset()


def _of_a_message(type_: EventType, sequence: Schema) -> tuple[Schema, frozenset[str]]:
    known = None if type_ in {EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED} else type_
    shown = {
        "message_id": whole("WbizTool's id of the message.", least=0),
        "label": text_or_null("What the watch list calls it, or null."),
        "tags": {
            "description": "What else the watch list says of it.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "sequence": sequence,
        "previous": {
            "description": "What was known of it before; null at the first observation.",
            "oneOf": [{"type": "null"}, _state(tuple(Status))],
        },
        "current": {
            "description": "What is known of it now.",
            **_state(tuple(Status) if known is None else (Status(known.removeprefix("message.")),)),
        },
    }
    if known is None:
        shown["reason"] = text("Why no answer about it can be read, where that is so.")
    match type_:
        case EventType.MESSAGE_STUCK:
            shown["pending_seconds"] = whole("For how long it has been pending, where that is why.", least=0)
            shown["unreadable_seconds"] = whole("For how long no answer could be read, where that is why.", least=0)
            shown["disconnected_numbers"] = {
                "description": "The account's numbers that are not connected, where that is known: it may be why.",
                "type": "array",
                "items": {"type": "string"},
            }
        case EventType.MESSAGE_ABANDONED:
            shown["watched_seconds"] = whole("For how long it was watched, where that is known.", least=0)
    optional = {"disconnected_numbers", "watched_seconds", "pending_seconds", "unreadable_seconds", "reason"}
    return shown, frozenset(optional)


def _state(statuses: tuple[Status, ...]) -> Schema:
    return {
        "type": "object",
        "required": ["status", "code", "since"],
        "properties": {
            "status": {"description": "The status.", "enum": [str(status) for status in statuses]},
            "code": {
                "description": "The integer by which WbizTool names the status; unknown has none.",
                "enum": [CODES.get(status) for status in statuses],
            },
            "since": moment("Since when the bridge has seen it so."),
            "error": text("WbizTool's reason. Only beside failed."),
        },
    }


_OF_A_REMINDER: Schema = {
    "reminder": whole("Only in a reminder: its number, from 1.", least=1),
    "lasting_seconds": whole("Only in a reminder: the time since the event.", least=0),
}
