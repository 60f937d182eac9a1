"""Every event that tests make is compared with its schema, whichever test makes it.

What is written to a store is looked at where that happens; what a daemon in a process of its own sends, where it comes
in. Both by schemas that are closed: a key that no schema names is a fault, too.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import jsonschema_rs

from bridge.domain.event_schemas import schema_of
from bridge.domain.events import envelope
from bridge.domain.model import EventType
from bridge.simulator.sink import Sink
from bridge.store.deliveries import DeliveryQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.domain.model import Event
    from bridge.simulator.faulty_server import Answer, Received

_TYPES = frozenset(EventType)
_found: list[str] = []


def closed(schema: Any) -> Any:
    """Allow no keys but those that the schema names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: value if key == "examples" else closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in schema else inner


@cache
def strict(type_: EventType) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(closed(schema_of(type_)), validate_formats=True)


def faults(shown: Any) -> list[str]:
    """Say what is wrong with an event in the form of Standard Webhooks."""
    errors = strict(EventType(shown["type"])).iter_errors(shown)
    return [f"{shown['type']}: {'.'.join(map(str, each.instance_path))}: {each.message}" for each in errors]


def complaints() -> list[str]:
    """Tell what was found since it was last asked."""
    found = _found.copy()
    _found.clear()
    return found


@contextmanager
def watched() -> Iterator[None]:
    """Look at all events from now on."""
    add, respond = DeliveryQueue.add, Sink._respond

    def look_at_events(self: DeliveryQueue, connection: Any, told: Sequence[Event], *rest: Any, **more: Any) -> Any:
        for event in told:
            assert faults(envelope(event)) == []
        return add(self, connection, told, *rest, **more)

    def look_at_request(self: Sink, request: Received) -> Answer:
        _found.extend(_faults_in(request.body))
        return respond(self, request)

    with patch.object(DeliveryQueue, "add", look_at_events), patch.object(Sink, "_respond", look_at_request):
        yield


def _faults_in(body: bytes) -> list[str]:
    try:
        came = json.loads(body)
    except ValueError:
        return []
    return [
        fault
        for each in (came if isinstance(came, list) else [came])
        if isinstance(each, dict) and each.get("type") in _TYPES and "timestamp" in each  # else it is another form
        for fault in faults(each)
    ]
