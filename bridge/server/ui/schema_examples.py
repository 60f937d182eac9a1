"""Examples of what JSON Schemas describe: their own, or made of their parts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_Schema = dict[str, Any]

_OF_A_TYPE = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "object": {}, "null": None}


def own_example(schema: _Schema) -> Any:
    """Take the first example that a schema has itself; None where it has none."""
    return next(iter(schema.get("examples", ())), None)


def example_of(schema: _Schema, schemas: Mapping[str, _Schema]) -> Any:
    """Make an example: of an object, with the keys that it needs and those with a default that says something.

    Args:
        schema: What describes it.
        schemas: Those that it may refer to, by name.
    """
    match schema:
        case {"examples": [example, *_]} | {"default": example} | {"const": example} | {"enum": [example, *_]}:
            return example
        case {"$ref": str(reference)}:
            return example_of(schemas[reference.rpartition("/")[2]], schemas)
        case {"anyOf": [option, *_]} | {"oneOf": [option, *_]}:
            return example_of(option, schemas)
        case {"type": "array", "items": item}:
            return [example_of(item, schemas)]
        case {"properties": properties}:
            chosen = {
                *schema.get("required", ()),
                *(name for name, inner in properties.items() if inner.get("default")),
            }
            return {name: example_of(inner, schemas) for name, inner in properties.items() if name in chosen}
        case {"type": [type_, *_]} | {"type": type_}:
            return _OF_A_TYPE.get(type_)
        case _:
            return None
