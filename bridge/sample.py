"""A sample event, to try receivers with."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.events import transition_event
from bridge.model import Event, EventType, Message, State, Status

if TYPE_CHECKING:
    from datetime import datetime


def sample_event(now: datetime) -> Event:
    """Make a ``message.failed`` whose id no real event has, about a message that cannot be real (its id is 0)."""
    pending = State(Status.PENDING, now - timedelta(minutes=1))
    failed = State(Status.FAILED, now, "This is a test by `wbiz-bridge test`; no message failed")
    message = Message(0, "Test of this receiver", {"test": "true"}, pending, sequence=1)
    return transition_event(f"test-{secrets.token_hex(16)}", message, failed, EventType.MESSAGE_FAILED, now)
