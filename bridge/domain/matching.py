"""Which messages a receiver wants to hear of: conditions on tags, label, status and error. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import SchemaError, SchemaValidator, core_schema

from bridge.domain.event_data import message_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.domain.model import Event

SEARCHED = 2000
"""Characters of an error that are searched. More is no reason but a page."""

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, found anywhere in a text.

    The engine is Rust's ``regex``, which comes with pydantic: it needs time in proportion to the text, whatever the
    expression, and so has no back-references and no look-around. (Python's ``re`` can take hours for a line of text.)

    Raises:
        ValueError: It is none; the text says why.
    """

    source: str
    _validator: SchemaValidator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            validator = SchemaValidator(core_schema.str_schema(pattern=self.source, regex_engine="rust-regex"))
        except SchemaError as error:
            # The last line says it; those before repeat the expression.
            why = str(error).strip().splitlines()[-1].strip()
            raise ValueError(why.removeprefix("SchemaError: ").removeprefix("error: ").rstrip(".")) from None
        object.__setattr__(self, "_validator", validator)

    def found_in(self, text: str) -> bool:
        """Search for it in the first :data:`SEARCHED` characters of a text."""
        return self._validator.isinstance_python(text[:SEARCHED])


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a message may be like. Of several values for one thing, any will do.

    ``tags`` are exact, ``labels`` globs (capitals count), ``errors`` are found anywhere in WbizTool's reason. A message
    without a label, an error or a tag meets no condition on it.
    """

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    errors: tuple[Regex, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Every condition of ``every`` must hold, and none of ``none``."""

    every: Conditions = field(default_factory=Conditions)
    none: Conditions = field(default_factory=Conditions)


class _Looked(NamedTuple):
    """One condition: its key, whether it holds, what the message has, and what was asked for."""

    key: str
    holds: bool
    value: str | None
    asked: Iterable[str]

    @property
    def found(self) -> str:
        """Write what the message has."""
        text = "none" if self.value is None else json.dumps(self.value, ensure_ascii=False)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def refusal(match: Match, event: Event) -> str | None:
    """Say why an event about a message is filtered out, in the words of the configuration; None where it is not."""
    for each in _look(match.every, event):
        if not each.holds:
            return f"match.{each.key}: the message has {each.found} (wanted: {' or '.join(each.asked)})"
    for each in _look(match.none, event):
        if each.holds:
            return f"match.not.{each.key}: the message has {each.found} (unwanted: {' or '.join(each.asked)})"
    return None


def _look(conditions: Conditions, event: Event) -> Iterator[_Looked]:
    data = message_data(event.data)
    for key, values in conditions.tags.items():
        value = data.tags.get(key)
        yield _Looked(f"tags.{key}", value in values, value, values)
    if conditions.labels:
        label = data.label
        holds = label is not None and any(fnmatchcase(label, glob) for glob in conditions.labels)
        yield _Looked("label", holds, label, conditions.labels)
    if conditions.statuses:
        status = data.current.status or None
        yield _Looked("status", status in conditions.statuses, status, conditions.statuses)
    if conditions.errors:
        error = data.current.error
        holds = error is not None and any(regex.found_in(error) for regex in conditions.errors)
        yield _Looked("error", holds, error, (regex.source for regex in conditions.errors))
