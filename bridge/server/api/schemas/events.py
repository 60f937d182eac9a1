"""Events."""

from __future__ import annotations

from typing import Any

from bridge.domain.model import EventType
from bridge.server.api.schemas.fields import Moment, Out


class EventOut(Out):
    """An event, as webhooks get it."""

    id: str
    type: EventType
    timestamp: Moment
    data: dict[str, Any]
