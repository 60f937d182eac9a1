"""What is wrong with a value in a request, as pydantic found it, in the product's words. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.suggest import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHOICE = re.compile(r"'([^']*)'")
_LONGEST_VALUE = 64
_CURSOR = "not a cursor (allowed: `next` of the previous page)"
_PLACE = "not a place in the stream (allowed: an event id, or an `id:` of the stream)"

_OF_THE_WRONG_KIND = "has a value of the wrong kind"

_FORMS: Final = {
    "by": "unknown (allowed: day, hour, number, reason, tag.NAME)",
    "cursor": _CURSOR,
    "after": _PLACE,
    "last-event-id": _PLACE,
    "tag": "must be KEY=VALUE",
    "event_ids": "not an event id (allowed: e.g. evt_2pgyxq3i5f6n7e4kd2ab5cqx)",
}
"""What is said of a text that has not the form of its field."""

_WORDS: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_unicode": "must be text in UTF-8",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number that is not so long",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "too_short": "must not be empty",
    "too_long": "too many (allowed: up to {max_length})",
    "string_too_long": "too long (allowed: up to {max_length} characters)",
    "greater_than_equal": "too small (allowed: {ge} or more)",
    "less_than_equal": "too large (allowed: up to {le})",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def words_of(fault: Mapping[str, Any]) -> str:
    """Say what is wrong, and what is allowed; never what was sent."""
    limits: Mapping[str, Any] = fault.get("ctx", {})
    match fault["type"]:
        case "query":  # of bridge.server.api.query_check
            return str(fault["msg"])
        case "value_error":
            return str(limits["error"])
        case "model_attributes_type" | "model_type" if isinstance(fault["input"], bytes):
            # FastAPI leaves unread what is not said to be JSON, such as all that `curl -d` sends by itself.
            return "is not said to be JSON: send the header Content-Type: application/json"
        case "enum" | "literal_error":
            choices = _CHOICE.findall(str(limits["expected"]))
            return f"unknown value ({suggestion(str(fault['input'])[:_LONGEST_VALUE], choices)})"
        case "string_pattern_mismatch":
            name = next((str(step).lower() for step in reversed(fault["loc"]) if isinstance(step, str)), "")
            return _FORMS.get(name, _OF_THE_WRONG_KIND)
        case kind:
            return _WORDS.get(kind, _OF_THE_WRONG_KIND).format(**limits)
