"""JSON Schemas in words, for the page about the API: what a value may be, and the keys of an object. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_Schema = dict[str, Any]

_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "object": "object"}
_FORMATS = {"date-time": "time"}


@dataclass(frozen=True, slots=True)
class Word:
    """A part of a description, in which backticks mark code. ``anchor`` is where an object is described."""

    text: str
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a key of an object; ``previous.status`` is one of an object inside.

    ``place`` is where a parameter goes: ``query``, ``path`` or ``header``. ``default`` and ``example`` are empty where
    there is none.
    """

    name: str
    words: tuple[Word, ...]
    required: bool
    text: str
    place: str = ""
    default: str = ""
    example: str = ""


def anchor_of(name: str) -> str:
    """Name the place of an object on the page."""
    return f"object-{name}"


def title_of(name: str, schema: _Schema) -> str:
    """Name an object for people."""
    return str(schema.get("title", name))


def prose(text: str) -> str:
    """Take the markup of docstrings for that of descriptions: single backticks, no line breaks."""
    return " ".join(text.replace("``", "`").split())


def words_of(schema: _Schema, schemas: Mapping[str, _Schema]) -> tuple[Word, ...]:
    """Say what a value may be: ``integer, 1 to 1000``.

    Args:
        schema: What describes it.
        schemas: Those that it may refer to, by name.
    """
    return tuple(_words(schema, schemas))


def fields_of(schema: _Schema, schemas: Mapping[str, _Schema], within: str = "") -> tuple[Field, ...]:
    """List the keys of an object, and behind each those of an object inside that has no name of its own.

    Args:
        schema: The object.
        schemas: Those that it may refer to, by name.
        within: What precedes each key's name.
    """
    found: list[Field] = []
    for name, inner in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        found.append(Field(within + name, words_of(inner, schemas), required, prose(inner.get("description", ""))))
        for option in (inner, *inner.get("oneOf", ())):
            found += fields_of(option, schemas, f"{within}{name}.")
    return tuple(found)


def _words(schema: _Schema, schemas: Mapping[str, _Schema]) -> Iterator[Word]:
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            if "properties" in schemas[name]:
                yield Word(title_of(name, schemas[name]), anchor_of(name))
            else:
                yield from _words(schemas[name], schemas)
        case {"anyOf": options} | {"oneOf": options}:
            yield from _joined([words_of(option, schemas) for option in options])
        case {"const": value}:
            yield Word(_code(value))
        case {"enum": [*values, last]}:
            yield Word(" or ".join(filter(None, (", ".join(map(_code, values)), _code(last)))))
        case {"type": "array"}:
            yield Word(f"list{_range(schema.get('minItems'), schema.get('maxItems'))}: ")
            yield from _words(schema.get("items", {}), schemas)
        case {"type": "object", "additionalProperties": dict(values)}:
            yield Word("object, each value: ")
            yield from _words(values, schemas)
        case {"type": [*types]}:
            yield Word(" or ".join(_TYPES.get(each, each) for each in types))
        case {"type": str(type_)}:
            size = _range(schema.get("minimum"), schema.get("maximum"))
            length = _range(schema.get("minLength"), schema.get("maxLength"), " characters")
            yield Word(_FORMATS.get(schema.get("format", ""), _TYPES.get(type_, type_)) + size + length)
        case _:
            yield Word("anything")


def _joined(options: Sequence[tuple[Word, ...]]) -> Iterator[Word]:
    for at, option in enumerate(options):
        if at:
            yield Word(" or ")
        yield from option


def _range(least: float | None, most: float | None, unit: str = "") -> str:
    match least, most:
        case None, None:
            return ""
        case None, _:
            return f" (up to {most:,.0f}{unit})"
        case _, None:
            return f" (at least {least:,.0f}{unit})"
        case _:
            return f" ({least:,.0f} to {most:,.0f}{unit})"


def _code(value: object) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
