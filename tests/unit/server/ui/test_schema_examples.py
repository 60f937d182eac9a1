"""Examples of what JSON Schemas describe."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from bridge.server.api.schemas import deliveries, messages
from bridge.server.ui.schema_examples import example_of, own_example


def test_own_example_comes_first() -> None:
    assert example_of({"type": "integer", "minimum": 7, "examples": [9]}, {}) == 9
    assert (own_example({"examples": [9]}), own_example({"type": "integer"})) == (9, None)


def test_an_object_has_what_it_needs_and_what_a_default_says() -> None:
    others = {"Kind": {"enum": ["sms", "mail"]}}
    properties = {
        "ids": {"type": "array", "items": {"type": "integer"}},
        "kind": {"$ref": "#/components/schemas/Kind"},
        "type": {"type": "string", "default": "message.failed"},
        "label": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "tags": {"type": "object", "default": {}},
    }
    schema = {"properties": properties, "required": ["ids", "kind"]}
    assert example_of(schema, others) == {"ids": [1], "kind": "sms", "type": "message.failed"}


@pytest.mark.parametrize(
    "model", [messages.Watch, messages.WatchMany, messages.StoryOut, deliveries.Choice, deliveries.TriedOut]
)
def test_examples_are_allowed(model: Any) -> None:
    schema = model.model_json_schema()
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example_of(schema, schema.get("$defs", {})))
