"""JSON Schemas in words."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.server.ui.schema_words import Field, Word, fields_of, prose, words_of

SCHEMAS: dict[str, Any] = {
    "State": {"type": "string", "enum": ["queued", "dead"]},
    "Watch": {"title": "A watch", "type": "object", "properties": {"id": {"type": "integer"}}},
}


def words(schema: dict[str, Any]) -> str:
    return "".join(word.text for word in words_of(schema, SCHEMAS))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 1000.0}, "integer (1 to 1,000)"),
        ({"type": "integer", "minimum": 0}, "integer (at least 0)"),
        ({"type": "string", "maxLength": 64}, "text (up to 64 characters)"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "boolean"}, "true or false"),
        ({"type": ["string", "null"]}, "text or null"),
        ({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]}, "text (up to 9 characters) or null"),
        ({"const": True}, "`true`"),
        ({"enum": ["sent"]}, "`sent`"),
        ({"enum": [0, 1, None]}, "`0`, `1` or `null`"),
        ({"type": "array", "maxItems": 3, "items": {"$ref": "#/State"}}, "list (up to 3): `queued` or `dead`"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object, each value: text"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({}, "anything"),
    ],
)
def test_what_a_value_may_be_is_said(schema: dict[str, Any], said: str) -> None:
    assert words(schema) == said


def test_an_object_with_a_name_is_a_link() -> None:
    assert words_of({"$ref": "#/components/schemas/Watch"}, SCHEMAS) == (Word("A watch", "object-Watch"),)


def test_keys_of_an_object_inside_follow_it() -> None:
    inside = {"type": "object", "required": ["at"], "properties": {"at": {"type": "string"}}}
    properties = {"now": {"description": "How\nit is.", **inside}, "before": {"oneOf": [{"type": "null"}, inside]}}
    assert fields_of({"properties": properties}, SCHEMAS) == (
        Field("now", (Word("object"),), required=False, text="How it is."),
        Field("now.at", (Word("text"),), required=True, text=""),
        Field("before", (Word("null"), Word(" or "), Word("object")), required=False, text=""),
        Field("before.at", (Word("text"),), required=True, text=""),
    )


def test_docstrings_become_prose() -> None:
    assert prose("``whole`` is\nfalse") == "`whole` is false"
