"""What a queued delivery waits for, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.model import DeliveryState
from bridge.domain.mute import NEVER_HELD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.domain.model import Delivery
    from bridge.domain.summary import Summary


@dataclass(frozen=True, slots=True)
class Waiting:
    """Words, the moment that follows them where there is one, and why."""

    words: str
    until: datetime | None = None
    why: str = ""


def waiting(delivery: Delivery, summary: Summary, now: datetime, posts: Mapping[str, datetime] = {}) -> Waiting | None:
    """Say what a delivery waits for; None where it is not queued, or is sent within a moment.

    ``posts`` says when whose next digest may go.
    """
    if delivery.state is not DeliveryState.QUEUED:
        return None
    held = summary.held_by(delivery.receiver, now)
    if held is not None and delivery.event.type not in NEVER_HELD and not delivery.event.test:
        return Waiting("held until", held.until, held.cause)
    if delivery.due_at > now:
        return Waiting("next try" if delivery.attempts else "sent", delivery.due_at)
    is_down = any(breaker.is_open for breaker in summary.breakers if breaker.receiver == delivery.receiver)
    if is_down or not delivery.is_untried:
        return Waiting("waits for the receiver")
    post = posts.get(delivery.receiver)
    return None if post is None else Waiting("waits for others, sent", post)
