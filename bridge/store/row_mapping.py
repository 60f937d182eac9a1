"""Between rows (``Any``: SQLAlchemy 2.0 and 2.1 type them differently) and the frozen values that all others see.

Every row can be read, also one that somebody has damaged by hand: what can't be is left out, and named in ``fault``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.model import Delivery, DeliveryState, Event, EventType, Message, Resent, State, Status, Unread
from bridge.store.column_types import EARLIEST, LATEST, UNREADABLE
from bridge.store.tables import deliveries, events, messages

if TYPE_CHECKING:
    import enum
    from collections.abc import Iterable

MESSAGE = (
    messages.c.id,
    messages.c.label,
    messages.c.tags,
    messages.c.status,
    messages.c.since,
    messages.c.error,
    messages.c.sequence,
    messages.c.unknown_since,
    messages.c.watched_since,
    messages.c.stuck,
    messages.c.expected_at,
    messages.c.hinted_at,
    messages.c.due_at,
    messages.c.unread_since,
    messages.c.unread_why,
    messages.c.unread_told,
)
"""What :func:`message` reads."""

DELIVERY = (
    deliveries.c.id,
    deliveries.c.receiver,
    deliveries.c.state,
    deliveries.c.attempts,
    deliveries.c.created_at,
    deliveries.c.first_due_at,
    deliveries.c.due_at,
    deliveries.c.finished_at,
    deliveries.c.reason,
    deliveries.c.probes,
    deliveries.c.resent,
    deliveries.c.reminder,
    deliveries.c.withheld_until,
    events.c.id.label("event_id"),
    events.c.type,
    events.c.at,
    events.c.subject,
    events.c.sequence,
    events.c.message_id,
    events.c.data,
)
"""What :func:`delivery` reads, of the two tables joined."""


_Member = TypeVar("_Member", bound="enum.StrEnum")
_MARKS = frozenset(map(id, (EARLIEST, LATEST, UNREADABLE)))


def message(row: Any) -> Message:
    """Read a watched message from a row that begins with MESSAGE."""
    # By their places: to look each of them up by its name takes twice as long as all the rest.
    (id_, label, tags, status, since, error, sequence, unknown_since, watched_since, stuck, expected_at, hinted_at,
     due_at, unread_since, unread_why, unread_told) = row[: len(MESSAGE)]  # fmt: skip
    bad = _unreadable(row)
    seen = None if status is None else _member(Status, status, "status", bad)
    tags = _object(tags, "tags", bad)
    if not all(isinstance(value, str) for value in tags.values()):
        bad.append("tags")
        tags = {}
    return Message(
        id=id_,
        label=_text(label),
        tags=tags,
        state=None if seen is None else State(seen, since or EARLIEST, _text(error)),
        sequence=sequence,
        unknown_since=unknown_since,
        watched_since=watched_since,
        stuck=stuck,
        expected_at=expected_at,
        hinted_at=hinted_at,
        due_at=due_at,
        fault=_fault(bad),
        unread=unread_since and Unread(unread_since, _text(unread_why) or "", unread_told),
    )


def counted(found: Iterable[tuple[Any, int]]) -> dict[Status | None, int]:
    """Read how many messages have each status; those whose status can't be read count as not seen yet."""
    counts: dict[Status | None, int] = {}
    for value, count in found:
        status = None if value is None else _member(Status, value, "status", [])
        counts[status] = counts.get(status, 0) + count
    return counts


def event(row: Any) -> Event:
    """Read an event."""
    of_event = row.id, row.type, row.at, row.subject, row.sequence, row.message_id, row.data
    return _event(of_event, _unreadable(row))


def delivery(row: Any) -> Delivery:
    """Read a delivery with its event from a row of DELIVERY."""
    (id_, receiver, state, attempts, created_at, first_due_at, due_at, finished_at, reason, probes, resent,
     reminder, withheld_until, *of_event) = row  # fmt: skip
    bad = _unreadable(row)
    event_ = _event(of_event, bad)
    return Delivery(
        id=id_,
        event=event_,
        receiver=receiver,
        state=_member(DeliveryState, state, "state", bad) or DeliveryState.DEAD,
        attempts=attempts,
        created_at=created_at,
        first_due_at=first_due_at,
        due_at=due_at,
        finished_at=finished_at,
        reason=_text(reason),
        fault=_fault(bad),
        probes=probes,
        resent=None if resent is None else _member(Resent, resent, "resent", []),
        reminder=reminder,
        withheld_until=withheld_until,
    )


def breaker(row: Any) -> CircuitBreaker:
    """Read a receiver's breaker."""
    return CircuitBreaker(
        receiver=row.receiver,
        failures=row.failures,
        failing_since=row.failing_since,
        is_open=row.is_open,
        probe_at=row.probe_at,
        paused_until=row.paused_until,
        reason=row.reason,
        refused=tuple(row.refused),
        allowed=row.allowed,
        well_since=row.well_since,
        down_since=row.down_since,
    )


def _event(of_event: Iterable[Any], bad: list[str]) -> Event:
    id_, named, at, subject, sequence, message_id, data = of_event
    type_ = _member(EventType, named, "type", bad)
    data = _object(data, "data", bad)
    if bad:
        data = {**data, "unreadable": sorted(set(bad))}
    return Event(id_, type_ or EventType.MESSAGE_UNKNOWN, at, subject, sequence, data, message_id)


def _unreadable(row: Any) -> list[str]:
    """Name the columns of a row that hold no moment, or no JSON."""
    if _MARKS.isdisjoint(map(id, row)):
        return []  # nearly always
    return [name for name, value in zip(row._fields, row, strict=True) if id(value) in _MARKS]


def _fault(bad: list[str]) -> str | None:
    return f"what is stored cannot be read: {', '.join(sorted(set(bad)))}" if bad else None


def _object(value: Any, name: str, bad: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if value is not None:
        bad.append(name)
    return {}


def _member(kind: type[_Member], value: Any, name: str, bad: list[str]) -> _Member | None:
    try:
        return kind(value)
    except ValueError:
        bad.append(name)
        return None


def _text(value: Any) -> str | None:
    """Read a text; SQLite gives back bytes where somebody has stored bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def event_row(event: Event) -> dict[str, Any]:
    """Write an event."""
    return {
        "id": event.id,
        "type": str(event.type),
        "at": event.at,
        "subject": event.subject,
        "sequence": event.sequence,
        "message_id": event.message_id,
        "data": dict(event.json),
    }
