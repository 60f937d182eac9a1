"""What holds up deliveries that were not tried yet, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.domain.local_time import shown
from bridge.domain.mute import NEVER_HELD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, tzinfo

    from bridge.domain.model import Delivery
    from bridge.domain.mute import Hold, Mute


@dataclass(frozen=True, slots=True)
class Waits:
    """What holds up deliveries, by receiver. Times are by the clocks of ``zone``.

    ``held`` is its mute or quiet hours, ``posts`` when the next digest may follow the last one (`group.wait`), and
    ``down`` are the receivers that are only probed.
    """

    held: Mapping[str, Mute | Hold]
    zone: tzinfo
    posts: Mapping[str, datetime] = field(default_factory=dict)
    down: Collection[str] = ()

    def hold_of(self, delivery: Delivery) -> str | None:
        """Say which mute or quiet hours hold it; None where none do."""
        held = self.held.get(delivery.receiver)
        if held is None or not _is_queued_first(delivery) or delivery.event.type in NEVER_HELD:
            return None
        return held.state(self.zone)

    def wait_of(self, delivery: Delivery) -> str | None:
        """Say what else it waits for though it is due; None where that is nothing, or its reason says it."""
        if not _is_queued_first(delivery) or delivery.reason or self.hold_of(delivery) is not None:
            return None
        if delivery.receiver in self.down:
            return "waits for the receiver"
        post = self.posts.get(delivery.receiver)
        return None if post is None else f"waits for others until {shown(post, self.zone)} (`group.wait`)"


def _is_queued_first(delivery: Delivery) -> bool:
    return delivery.finished_at is None and delivery.is_untried
