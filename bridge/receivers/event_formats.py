"""In which form a webhook gets events: that of Standard Webhooks, or CloudEvents 1.0. Pure.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, its ``formats/json-format.md`` and
``bindings/http-protocol-binding.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from bridge.domain.clock import isoformat
from bridge.domain.event_schemas import data_schema_id
from bridge.domain.events import envelope
from bridge.domain.redaction import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.domain.model import Event

TYPE_PREFIX = "com.wbiztool.bridge."
"""What precedes an event's type in CloudEvents, which want the name of who defines it there."""

TEST_SOURCE = "urn:wbiztool-bridge:test"
"""The ``source`` of events that are no more than a test of a receiver."""

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

_JSON = "application/json"
_STRUCTURED = "application/cloudevents+json; charset=utf-8"
_BATCH = "application/cloudevents-batch+json; charset=utf-8"

# HTTP binding, 3.1.3.2: what is printable ASCII stays as it is, but for the space, the quotation mark and the percent
# sign.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class Written:
    """Events as they are sent: the body, what it is, and the headers that belong to it.

    ``path`` is the end of the address, where that changes with the event.
    """

    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


class Form(Protocol):
    """Writes events in one form. The same events make the same bytes. What it can't write raises ValueError."""

    def one(self, event: Event) -> Written:
        """Write an event by itself."""
        ...

    def many(self, events: Sequence[Event]) -> Written:
        """Write events as a list, be it of one."""
        ...


class StandardForm:
    """Standard Webhooks 1.0: ``id``, ``type``, ``timestamp``, ``data``."""

    def one(self, event: Event) -> Written:
        """Write an object."""
        return Written(_JSON, as_json(envelope(event)))

    def many(self, events: Sequence[Event]) -> Written:
        """Write an array of such objects."""
        return Written(_JSON, as_json([envelope(event) for event in events]))


class CloudEventsForm:
    """CloudEvents 1.0 in structured mode: all of the event is in the body.

    Args:
        source: The value of ``source``: the same for all events of a bridge, and unlike that of any other.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def one(self, event: Event) -> Written:
        """Write an object."""
        return Written(_STRUCTURED, as_json(self._object(event)))

    def many(self, events: Sequence[Event]) -> Written:
        """Write an array, which CloudEvents call batched mode."""
        return Written(_BATCH, as_json([self._object(event) for event in events]))

    def _object(self, event: Event) -> dict[str, Any]:
        test = {"test": True} if event.test else {}
        return {**attributes(event, self._source), **test, "data": dict(event.json)}


class CloudEventsBinaryForm:
    """CloudEvents 1.0 in binary mode: the body is the event's data, and all else is in headers.

    Args:
        source: As for :class:`CloudEventsForm`.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def one(self, event: Event) -> Written:
        """Write the data, and a header for each attribute but ``datacontenttype``, which is the body's own."""
        named = attributes(event, self._source)
        content_type = named.pop("datacontenttype")
        if event.test:
            named["test"] = "true"
        headers = {f"ce-{name}": quote(clean_text(value), safe=_PLAIN) for name, value in named.items()}
        return Written(content_type, as_json(dict(event.json)), headers)

    def many(self, events: Sequence[Event]) -> Written:
        """Refuse: there is no such thing."""
        raise ValueError(f"binary mode has no lists of events, and {len(events)} were to go in one")


STANDARD = StandardForm()


def source_of(database_id: str) -> str:
    """Name a bridge, by the random id that its database keeps for good."""
    return f"urn:wbiztool-bridge:{database_id}"


def attributes(event: Event, source: str) -> dict[str, str]:
    """List what CloudEvents say about an event beside its data."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": f"{TYPE_PREFIX}{event.type}",
        "subject": event.subject,
        "time": isoformat(event.at),
        "datacontenttype": _JSON,
        "dataschema": data_schema_id(event.type),
    }


def as_json(value: object) -> bytes:
    """Write compact JSON in UTF-8, keys in the order that they have.

    Raises:
        ValueError: It holds a number that JSON can't (NaN, infinity).
    """
    return clean_text(_COMPACT.encode(value)).encode()  # half of a surrogate pair in a label has no UTF-8
