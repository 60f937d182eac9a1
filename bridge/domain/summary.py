"""What people see of the bridge: messages, attempts, nodes, and all of it at a glance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.domain.model import DeliveryState
from bridge.domain.mute import held_by

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import Message, Status
    from bridge.domain.mute import Hold, Mute
    from bridge.domain.quarantine import SetAside


@dataclass(frozen=True, slots=True)
class WatchedMessage:
    """A message with what only listings show: whether it is polled still, when it was, and when it will be.

    ``listed`` says that the configuration lists it: only there it can be removed.
    """

    message: Message
    watched: bool
    polled_at: datetime | None
    due_at: datetime | None
    listed: bool = False


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt as it was recorded; ``duration`` is in seconds."""

    id: int
    at: datetime
    duration: float
    outcome: str
    http_status: int | None
    why: str | None
    answer: str
    probe: bool


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One of several daemons on one database: its part of the rate, and the receivers that it delivers to.

    When it is not heard of again until ``lease_until``, others take over.
    """

    name: str
    since: datetime
    lease_until: datetime
    share: float
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The bridge at a glance.

    ``statuses`` counts messages by status (None: not seen yet), ``polled`` those still polled, ``deliveries`` counts by
    receiver and state; what is finished (terminal statuses, delivered) is counted only when that was asked for.
    ``oldest_due`` and ``oldest_queued`` tell how far behind it is; what is held is not late. ``nodes`` is empty on
    SQLite. ``set_aside`` is what internal errors concerned, the latest first. ``unreadable`` counts messages that were
    reported stuck because WbizTool's answers about them can't be read. ``write_fault`` says why the database can't be
    written, if it can't. ``mutes`` and ``holds`` are by receiver. ``size`` is the database's, in bytes.
    """

    statuses: dict[Status | None, int]
    polled: int
    oldest_due: datetime | None
    deliveries: dict[str, dict[DeliveryState, int]]
    oldest_queued: datetime | None
    breakers: tuple[CircuitBreaker, ...]
    facts: dict[str, str]
    nodes: tuple[NodeSeen, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    unreadable: int = 0
    write_fault: str = ""
    mutes: dict[str, Mute] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    open_incidents: int = 0
    acknowledged_incidents: int = 0
    size: int = 0

    def queued(self, receiver: str) -> int:
        """Count what is queued for a receiver."""
        return self.deliveries.get(receiver, {}).get(DeliveryState.QUEUED, 0)

    def dead(self, receiver: str) -> int:
        """Count a receiver's dead letters."""
        return self.deliveries.get(receiver, {}).get(DeliveryState.DEAD, 0)

    def held_by(self, receiver: str, now: datetime) -> Mute | Hold | None:
        """Tell why a receiver is sent nothing now: it is muted, or in its quiet hours; None where it is neither."""
        return held_by(self.mutes.get(receiver), self.holds.get(receiver), now)

    @property
    def receivers(self) -> list[str]:
        """Everybody for whom anything was ever queued, or who failed."""
        return sorted({*self.deliveries, *(breaker.receiver for breaker in self.breakers)})
