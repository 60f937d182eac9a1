"""Event types as arguments of commands: ``message.failed``, or ``failed`` for short."""

from __future__ import annotations

from bridge.errors import UsageError
from bridge.model import EventType


def event_type(text: str) -> EventType:
    """Read an event type.

    Raises:
        UsageError: There is no such type.
    """
    from bridge.config.faults import suggestion  # noqa: PLC0415 -- keeps the commands quick

    name = text if "." in text else f"message.{text}"
    try:
        return EventType(name)
    except ValueError:
        types = [each.removeprefix("message.") for each in EventType]
        near = suggestion(text.removeprefix("message."), types)
        raise UsageError(f"no event type is called {text!r} ({near})") from None
