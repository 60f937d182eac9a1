"""What ``trigger`` asks ``dev`` for: an event, and details of it. Pure."""

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
"""Other events that happen in the simulated WbizTool. For any type beyond these three, a test event is sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """The event; for one about a message, its id, label and tags, and why it failed. ``dev`` chooses what is None."""

    type: EventType
    id: int | None = None
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        """Refuse details that do not apply to the event.

        Raises:
            UsageError: There are some.
        """
        if self.error is not None and self.type is not EventType.MESSAGE_FAILED:
            raise UsageError(f"--error applies only to message.failed, not to {self.type}")
        if (self.id is not None or self.label or self.tags) and self.type not in {*STATUSES, *RULES_OF_TIME}:
            raise UsageError(f"--id, --label and --tag apply only to events about messages, not to {self.type}")

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
            raise UsageError("the running `dev` is another version: restart it") from None
        return cls(type_, data["id"], data["label"], data["tags"], data["error"])
