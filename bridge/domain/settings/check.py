"""A rule for a value of the configuration, with the JSON Schema of what it allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BeforeValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}

ALLOWED = "allowed"
"""The keyword for bounds that JSON Schema has no keyword for, in words. It becomes part of the description."""


@dataclass(frozen=True, slots=True)
class Check(BeforeValidator):
    """A validator that knows its JSON Schema, which pydantic cannot tell from what it returns.

    The schema is of what is written in the file; that a variable can take the place of any scalar goes without saying.
    """

    json_schema: Mapping[str, Any] = field(default_factory=lambda: TEXT, hash=False, compare=False)

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, Any]:
        """Describe what is allowed."""
        return dict(self.json_schema)
