"""What the configuration says under a receiver's ``match``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.domain.matching import Conditions, Match, Regex
from bridge.domain.model import LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME, Status
from bridge.domain.redaction import clean_text
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.check import Check
from bridge.domain.suggest import suggestion

_LONGEST_PATTERN = 500


def _text(longest: int) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise ValueError(f"must be text (allowed: 1 to {longest} characters)")
        return clean_text(value)

    return Check(check, json_schema={"type": "string", "minLength": 1, "maxLength": longest})


def _status(value: object) -> str:
    if value not in list(Status):
        raise ValueError(f"not a status ({suggestion(str(value), Status)})")
    return str(value)


def _regex(value: object) -> Regex:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_PATTERN:
        raise ValueError(f"must be a regular expression (allowed: 1 to {_LONGEST_PATTERN} characters)")
    try:
        return Regex(value)
    except ValueError as error:
        raise ValueError(f"not a regular expression: {error} (allowed: what RE2 and Rust's regex know)") from None


_Tag = Annotated[str, _text(LONGEST_TAG)]
_Status = Annotated[str, Check(_status, json_schema={"enum": [*map(str, Status)]})]
_Error = Annotated[Regex, Check(_regex, json_schema={"type": "string", "minLength": 1, "maxLength": _LONGEST_PATTERN})]


class ConditionsConfig(Model):
    """Conditions on a message."""

    tags: dict[Annotated[str, _text(LONGEST_TAG_NAME)], Annotated[tuple[_Tag, ...], Field(min_length=1)]] = {}  # noqa: RUF012 -- pydantic copies it
    label: Annotated[tuple[Annotated[str, _text(LONGEST_LABEL)], ...], Field(min_length=1)] | None = None
    status: Annotated[tuple[_Status, ...], Field(min_length=1)] | None = None
    error: Annotated[tuple[_Error, ...], Field(min_length=1)] | None = None

    @property
    def conditions(self) -> Conditions:
        """The rule that follows from it."""
        return Conditions(self.tags, self.label or (), self.status or (), self.error or ())


class MatchConfig(ConditionsConfig):
    """Conditions that must all hold, and under ``not`` those of which none may."""

    unless: Annotated[ConditionsConfig, Field(alias="not")] = ConditionsConfig()

    @property
    def rule(self) -> Match:
        """The rule that follows from it."""
        return Match(self.conditions, self.unless.conditions)
