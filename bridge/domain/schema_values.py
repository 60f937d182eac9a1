"""Values that the JSON Schemas of events have in common. Pure."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def moment(description: str) -> Schema:
    """Describe a moment."""
    return {"description": description, "type": "string", "format": "date-time"}


def whole(description: str, least: int | None = None) -> Schema:
    """Describe a whole number, with the least that it can be."""
    bound = {} if least is None else {"minimum": least}
    return {"description": description, "type": "integer", **bound}


def whole_or_null(description: str) -> Schema:
    """Describe a whole number from 0 that may not be known."""
    return whole(description, least=0) | {"type": ["integer", "null"]}


def an_object(properties: Schema) -> Schema:
    """Describe an object that has all of these keys."""
    return {"type": "object", "required": [*properties], "properties": properties}


def text(description: str) -> Schema:
    """Describe a text."""
    return {"description": description, "type": "string"}


def text_or_null(description: str) -> Schema:
    """Describe a text that may be missing."""
    return {"description": description, "type": ["string", "null"]}


def a_list(description: str, properties: Schema, most: int | None = None) -> Schema:
    """Describe a list of objects, with the most that it can hold."""
    bound = {} if most is None else {"maxItems": most}
    return {"description": description, "type": "array", **bound, "items": an_object(properties)}
