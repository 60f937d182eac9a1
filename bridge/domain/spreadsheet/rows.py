"""Messages, events and reports as rows of a table. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.activity import COUNTED
from bridge.domain.event_data import message_data
from bridge.domain.events import envelope
from bridge.domain.json_views import message_json
from bridge.domain.local_time import in_zone
from bridge.domain.spreadsheet.writer import DETAILS, FOUND_OUT, TAG, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from bridge.domain.model import Event
    from bridge.domain.summary import WatchedMessage

_MOMENTS = ("expected_at", "since", "watched_since", "polled_at", "due_at")
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

REPORT_COLUMNS: Final = ("name", "start", *map(str, COUNTED), "failure_percent")


def message_columns(tags: Sequence[str]) -> list[str]:
    """Name the columns of messages, of which some have these tags."""
    return [*DETAILS, *(f"{TAG}{name}" for name in tags), *FOUND_OUT]


def message_row(shown: WatchedMessage, tags: Sequence[str], zone: tzinfo | None = None) -> list[Any]:
    """Arrange a message in these columns; its times are in a time zone, or in UTC."""
    fields = _in_zone(message_json(shown), _MOMENTS, zone)
    return [*said(fields, tags), *(fields[name] for name in FOUND_OUT)]


def event_row(event: Event, zone: tzinfo | None = None) -> list[Any]:
    """Arrange an event in :data:`EVENT_COLUMNS`, as :func:`message_row` does."""
    data = message_data(event.data)
    fields: dict[str, Any] = {
        **envelope(event),
        "subject": event.subject,
        "message_id": event.message_id,
        "label": data.label,
        "tags": "; ".join(f"{name}={value}" for name, value in data.tags.items()),
        "sequence": event.sequence,
        "previous": data.previous and data.previous.status,
        "status": data.current.status or None,
        "error": event.data.why,
    }
    _in_zone(fields, ("timestamp",), zone)
    return [fields.get(name) for name in EVENT_COLUMNS]


def report_rows(report: Mapping[str, Any], zone: tzinfo | None = None) -> list[list[Any]]:
    """Arrange a report, as JSON has it, with the names of its columns first: a row for each group, or one for all."""
    groups = report["groups"] if report["by"] else [{**report, "name": "all", "start": None}]
    rows = []
    for group in groups:
        fields = _in_zone(dict(group), ("start",), zone)
        waits = fields["seconds_until_sent"] or {}
        rows.append([*(fields[name] for name in REPORT_COLUMNS), waits.get("median"), waits.get("p95")])
    return [[*REPORT_COLUMNS, "median_seconds", "p95_seconds"], *rows]


def _in_zone(fields: dict[str, Any], moments: Sequence[str], zone: tzinfo | None) -> dict[str, Any]:
    """Write moments with the offset of a time zone, by which they are read again as they were."""
    for name in moments:
        if zone is not None and fields[name] is not None:
            fields[name] = in_zone(datetime.fromisoformat(fields[name]), zone).isoformat(timespec="milliseconds")
    return fields
