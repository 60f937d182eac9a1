"""Messages and events as rows of a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.domain.events import envelope
from bridge.domain.json_views import message_json
from bridge.domain.spreadsheet.writer import DETAILS, FOUND_OUT, TAG, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Event
    from bridge.domain.summary import WatchedMessage

EVENT_COLUMNS: Final = (
    "id",
    "timestamp",
    "type",
    "subject",
    "message_id",
    "label",
    "tags",
    "sequence",
    "previous",
    "status",
    "error",
    "test",
)


def message_columns(tags: Sequence[str]) -> list[str]:
    """Name the columns of messages, of which some have these tags."""
    return [*DETAILS, *(f"{TAG}{name}" for name in tags), *FOUND_OUT]


def message_row(shown: WatchedMessage, tags: Sequence[str]) -> list[Any]:
    """Arrange a message in these columns."""
    told = message_json(shown)
    return [*said(told, tags), *(told[name] for name in FOUND_OUT)]


def event_row(event: Event) -> list[Any]:
    """Arrange an event in :data:`EVENT_COLUMNS`."""
    told: dict[str, Any] = {**event.data, **envelope(event), "subject": event.subject}
    told["tags"] = "; ".join(f"{name}={value}" for name, value in (event.data.get("tags") or {}).items())
    previous, current = (event.data.get(name) or {} for name in ("previous", "current"))
    told |= {"previous": previous.get("status"), "status": current.get("status")}
    told["error"] = current.get("error") or event.data.get("reason")
    return [told.get(name) for name in EVENT_COLUMNS]
