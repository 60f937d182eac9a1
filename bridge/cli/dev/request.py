"""What ``trigger`` asks ``dev`` for: an event, and what shall be in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from bridge.domain.errors import UsageError
from bridge.domain.model import EventType, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH: Final = "/trigger"
"""Where ``dev`` takes it, by POST."""

STATUSES: Final = {EventType.of_status(status): status for status in Status}
"""The status that a message comes to for each of these events."""

RULES_OF_TIME: Final = (EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED)
"""The events that tell how long a message has been as it is."""

OTHERS: Final = (
    *(EventType.SOURCE_DOWN, EventType.SOURCE_UP),
    *(EventType.NUMBER_DISCONNECTED, EventType.NUMBER_CONNECTED),
)
REAL: Final = (*STATUSES, *RULES_OF_TIME, *OTHERS)
"""The events that the simulated WbizTool makes happen. Any other one is a sample, and says that it is a test."""


@dataclass(frozen=True, slots=True)
class Request:
    """The event, and for one about a message: its id, label and tags, and why it failed. None is left to ``dev``."""

    type: EventType
    id: int | None = None
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the event has no place for.

        Raises:
            UsageError: Something is given that it cannot hold.
        """
        if self.error is not None and self.type is not EventType.MESSAGE_FAILED:
            raise UsageError(f"--error goes with message.failed only, not with {self.type}")
        if (self.id is not None or self.label or self.tags) and self.type not in {*STATUSES, *RULES_OF_TIME}:
            raise UsageError(f"--id, --label and --tag are a message's, and {self.type} is not about one")

    def as_json(self) -> dict[str, Any]:
        """Write it."""
        given = {"id": self.id, "label": self.label, "tags": dict(self.tags), "error": self.error}
        return {"type": str(self.type), **given}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` writes.

        Raises:
            UsageError: This version does not know the type.
        """
        try:
            type_ = EventType(data["type"])
        except ValueError:
            raise UsageError("this `dev` is of another version: end it, and start it again") from None
        return cls(type_, data["id"], data["label"], data["tags"], data["error"])
