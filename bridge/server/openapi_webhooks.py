"""The ``webhooks`` of the OpenAPI document: what a receiver is sent, so that tools can make receivers of it. Pure."""

from __future__ import annotations

from typing import Any

from bridge.domain.event_schemas import MEANINGS, data_schema_of, schema_of
from bridge.domain.model import EventType

_HEADERS: dict[str, dict[str, Any]] = {
    "webhook-id": {
        "description": "The event's id. It stays the same on retries, so receivers can detect duplicates.",
        "required": True,
        "schema": {"type": "string"},
    },
    "webhook-timestamp": {
        "description": "The time of this attempt, in seconds since 1970.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "webhook-signature": {
        "description": "Signatures (Standard Webhooks 1.0), separated by spaces: `v1,…` (HMAC) or `v1a,…` (ed25519). "
        "Only where the receiver has a `secret`.",
        "required": False,
        "schema": {"type": "string"},
    },
}
_RESPONSES = {
    "2XX": {"description": "The event is accepted."},
    "410": {"description": "The event is not retried: it becomes a dead letter."},
    "default": {"description": "The event is retried later. `Retry-After` is respected."},
}


def webhooks() -> dict[str, Any]:
    """Describe the call with which each type of event is sent, with ``format: standard`` and without ``batch``."""
    return {str(type_): {"post": _call(type_)} for type_ in EventType}


def components() -> dict[str, Any]:
    """Describe what :func:`webhooks` refers to: bodies and headers."""
    schemas: dict[str, Any] = {}
    for type_ in EventType:
        body, name = schema_of(type_), _name(type_)
        body["properties"]["data"] = {"$ref": f"#/components/schemas/{name}Data"}
        schemas |= {name: _unnamed(body), f"{name}Data": _unnamed(data_schema_of(type_))}
    return {
        "schemas": schemas,
        "parameters": {name: {"name": name, "in": "header", **_HEADERS[name]} for name in _HEADERS},
    }


def _call(type_: EventType) -> dict[str, Any]:
    return {
        "tags": ["webhooks"],
        "operationId": f"receive_{type_.replace('.', '_')}",
        "summary": str(type_),
        "description": MEANINGS[type_],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_name(type_)}"}}},
        },
        "responses": _RESPONSES,
    }


def _name(type_: EventType) -> str:
    """Name the schema of a type of event as classes are: ``MessageFailed``."""
    return "".join(part.capitalize() for part in type_.split("."))


def _unnamed(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out the name of a schema: with one, references within it would no longer be to this document."""
    return {key: value for key, value in schema.items() if key not in {"$schema", "$id"}}
