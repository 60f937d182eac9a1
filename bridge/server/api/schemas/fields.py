"""The fields that several bodies have, and how they are read."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME
from bridge.domain.redaction import clean_text
from bridge.domain.settings.units import parse_moment

MOST_IN_A_REQUEST = 10_000

T = TypeVar("T")

_DIGITS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- pydantic takes ValueErrors only
    return parse_moment(value)


def _whole(value: object) -> object:
    """Take 5.0 for 5, as JSON Schema does, and "5" too; other text and true are no numbers."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: object) -> object:
    """Take a number and a boolean as text, as they are written. Not a fraction: 1.10 would become 1.1."""
    return json.dumps(value) if isinstance(value, bool | int) else value


_MOMENT = {"type": "string", "format": "date-time", "examples": ["2026-12-24T09:00:00+05:30"]}
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_MOMENT)]

_YEAR = r"(197[1-9]|19[89][0-9]|20[0-9][0-9]|21[0-8][0-9]|219[0-8])"
_LEAP_YEAR = r"(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))"
_DAY = r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_ZONE = r"(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|\+14:00)"
_GIVEN = {
    "type": "string",
    "format": "date-time",
    "description": "RFC 3339, in the years 1971 to 2198.",
    # The server takes most of 1970 and 2199 too; which moments of them depends on the zone, and no pattern can say it.
    "pattern": rf"^({_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)T{_TIME}{_ZONE}$",
    "examples": _MOMENT["examples"],
}
GivenMoment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_GIVEN)]
"""A moment in a request: its bounds are part of the description, so that no valid request is refused."""

MessageId = Annotated[
    int,
    Field(ge=1, le=LARGEST_ID, strict=True),
    BeforeValidator(_whole),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
                {"type": "string", "pattern": f"^{_DIGITS.pattern}$"},
            ],
            "examples": [12345],
        }
    ),
]
Label = Annotated[str, Field(max_length=LONGEST_LABEL), AfterValidator(clean_text)]
Name = Annotated[str, Field(max_length=64), AfterValidator(clean_text)]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG_NAME), AfterValidator(clean_text)]
Value = Annotated[
    str,
    Field(max_length=LONGEST_TAG),
    BeforeValidator(_text),
    AfterValidator(clean_text),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "maxLength": LONGEST_TAG}, {"type": "boolean"}, {"type": "integer"}]},
    ),
]


class In(BaseModel):
    """A body of a request: nothing in it is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """A body of a response."""

    model_config = ConfigDict(frozen=True)


class PageOut(Out, Generic[T]):
    """A page of a list. ``next`` is the cursor of the next page, or null on the last."""

    items: list[T]
    next: str | None


def left_out() -> Any:
    """Stand for what is not given; null cannot be."""
    return None
