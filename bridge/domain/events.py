"""Makes events: their ids, and the data that receivers get. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.event_data import MessageData, StateData
from bridge.domain.json_object import written
from bridge.domain.model import CODES, Delivery, Event, EventType, Message, Resent, State, Status, Unread
from bridge.domain.poll_schedule import pending_since

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.event_data import EventData, HealthData

SOURCE = "source"
"""The subject of events about the Message Status API."""

ACCOUNT = "account"
"""The subject of events about the rate of failures of all messages."""

MESSAGE_SUBJECT = "message/"
"""What the subject of a message's events begins with; its id follows."""


@dataclass(frozen=True, slots=True)
class HealthChange:
    """An event to record about something else than a message: a number, or how many messages of a group fail."""

    type: EventType
    subject: str
    data: HealthData


def in_full(name: str) -> str:
    """Write in full what somebody calls a type of event, or a glob of them: without a dot, it is about messages."""
    return name if "." in name or name in {"*", EventType.SUMMARY} else f"message.{name}"


def receiver_subject(name: str) -> str:
    """Name the subject of events about a receiver."""
    return f"receiver/{name}"


def summary_subject(receiver: str) -> str:
    """Name the subject of a receiver's summaries."""
    return f"summary/{receiver}"


def account_subject(by: str | None, group: str | None) -> str:
    """Name the subject of events about a rate of failures: of the account, or of the messages with a tag or without."""
    if by is None:
        return ACCOUNT
    return f"{ACCOUNT}/{by}" if group is None else f"{ACCOUNT}/{by}={group}"


def event_id(database_id: str, subject: str, sequence: int, *what: object) -> str:
    """Derive an event's id: the same for the same event, however often it is made, and unlike any other's.

    Args:
        database_id: Random, and made once for each database, so that two bridges never make the same id.
        subject: What the event is about.
        sequence: Its number among those about the subject. After a restore, numbers come a second time.
        what: What happened: another happening with the same number has another id.
    """
    return _id_of([database_id, subject, sequence, *what])


def _id_of(made_of: list[object]) -> str:
    digest = hashlib.sha256(json.dumps(made_of).encode()).digest()
    return "evt_" + base64.b32encode(digest[:15]).decode().lower()


def transition_event(
    database_id: str,
    message: Message,
    state: State | None,
    type_: EventType,
    at: datetime,
    disconnected: Sequence[str] | None = None,
    unread: Unread | None = None,
) -> Event:
    """Record that ``message`` (as it was) came to be in ``state``, or that it has been so for long, seen at ``at``.

    ``disconnected`` are the account's numbers that are not connected, where that is known: why it may be stuck. With
    ``unread``, it is stuck because no answer about it can be read; then ``state`` may be None, if there never was one:
    receivers get ``unknown``, so that there is always a status.
    """
    if state is None:
        state = State(Status.UNKNOWN, at if unread is None else unread.since)
    subject, sequence = f"{MESSAGE_SUBJECT}{message.id}", message.sequence + 1
    stuck, abandoned = type_ is EventType.MESSAGE_STUCK, type_ is EventType.MESSAGE_ABANDONED
    data = MessageData(
        message_id=message.id,
        label=message.label,
        tags=message.tags,
        sequence=sequence,
        previous=None if message.state is None else _shown(message.state),
        current=_shown(state),
        reason=None if unread is None else unread.words,
        pending_seconds=_seconds(pending_since(message, state), at) if stuck and unread is None else None,
        unreadable_seconds=_seconds(unread.since, at) if stuck and unread is not None else None,
        watched_seconds=_seconds(message.watched_since, at) if abandoned and message.watched_since else None,
        disconnected_numbers=tuple(disconnected) if stuck and disconnected is not None else None,
    )
    id_ = event_id(database_id, subject, sequence, type_, state.status, CODES.get(state.status), state.error)
    return _made(Event(id_, type_, at, subject, sequence, written(data), message.id), data)


def health_event(
    database_id: str, type_: EventType, subject: str, sequence: int, at: datetime, data: HealthData
) -> Event:
    """Record a change in the bridge's own health."""
    id_ = event_id(database_id, subject, sequence, type_, isoformat(at))
    data = replace(data, sequence=sequence)
    return _made(Event(id_, type_, at, subject, sequence, written(data)), data)


def _made(event: Event, data: EventData) -> Event:
    """Let an event know the data that its JSON was written from: it need not read them."""
    object.__setattr__(event, "_data", data)
    return event


def outgoing(delivery: Delivery) -> Event:
    """Return a delivery's event as it goes out: a reminder says so, and so does one that is sent again."""
    event = delivery.event
    if delivery.reminder:
        return _reminded(event, delivery.reminder, delivery.created_at)
    if delivery.resent is None:
        return event
    if delivery.resent is Resent.NEW_ID:
        return replace(event, id=_id_of([event.id, delivery.id]), resent=True)
    return replace(event, resent=True)


def _reminded(event: Event, number: int, at: datetime) -> Event:
    """Make the event that reminds of another: it has an id of its own, and says how long that has lasted by then."""
    lasting = max(0, int((at - event.at).total_seconds()))
    data = {**event.json, "reminder": number, "lasting_seconds": lasting}
    return replace(event, id=_id_of([event.id, "reminder", number]), json=data)


def envelope(event: Event) -> dict[str, Any]:
    """Arrange an event as receivers and listings show it: id, type, timestamp, data (Standard Webhooks), and test."""
    test = {"test": True} if event.test else {}
    named = {"id": event.id, "type": str(event.type), "timestamp": isoformat(event.at)}
    return {**named, **test, "data": dict(event.json)}


def _seconds(since: datetime, at: datetime) -> int:
    return int((at - since).total_seconds())


def _shown(state: State) -> StateData:
    code = CODES.get(state.status)
    return StateData(status=str(state.status), code=code, since=isoformat(state.since), error=state.error)
