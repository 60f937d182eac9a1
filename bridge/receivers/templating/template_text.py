"""A template as it is in the configuration: text, and what the environment put into it. Pure; knows no Jinja.

A variable (``${TOKEN}``) is not put into a template's text: a value with a quote or a brace in it would change what the
template says. A mark takes its place until the template is understood, and what the mark stands for is known to
be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.domain.model import EventType
from bridge.domain.redaction import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

JSON = "application/json"

_MARK = re.compile("\x1a([0-9]{1,6})\x1a")
"""A control character that no text in YAML holds, unless it is escaped, and then it is refused."""

_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_QUOTED = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")
_WORD = re.compile(r"[^\s/?&=#;,]+")
_LONG_ENOUGH = 12
"""Characters. A shorter word of a header or an address is no token."""

_TYPES = frozenset(map(str, EventType))
_SECRET_KEY = re.compile(r"(?:^|[_-])(?:api)?(?:key|token|secret|password|authorization)\Z", re.IGNORECASE)
_NO_SECRETS = frozenset({"dedup_key"})


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text, with a mark in place of each variable, and the variables' values. Neither is ever shown."""

    text: str = field(repr=False)
    values: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_template(self) -> bool:
        """Whether there is anything to work out."""
        return any(begin in self.text for begin in ("{{", "{%", "{#"))

    @property
    def marked_well(self) -> bool:
        """Whether there are no such characters but those of marks, and there is a value for each."""
        marks = _MARK.findall(self.text)
        return self.text.count("\x1a") == 2 * len(marks) and all(int(each) < len(self.values) for each in marks)

    def put_in(self, text: str) -> str:
        """Put the values into a part of the text."""
        return _MARK.sub(lambda mark: self.values[int(mark[1])], text)

    @property
    def whole(self) -> str:
        """The text with the values put in."""
        return self.put_in(self.text)

    def hide(self, text: str) -> str:
        """Take the values out of a text: a key that a variable names may be missing, and be reported."""
        for value in sorted(set(self.values) - {""}, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def words(self) -> list[str]:
        """List what may be a secret of a header or an address: the variables, and long words that are there."""
        literal = _CODE.sub(" ", self.text)
        quoted = ["".join(both) for code in _CODE.findall(self.text) for both in _QUOTED.findall(code)]
        found = [word for text in (literal, *quoted, *self.values) for word in _WORD.findall(_MARK.sub(" ", text))]
        found += [value for value in self.values if "/" in value]
        tokens = [word for word in found if len(word) >= _LONG_ENOUGH and word not in _TYPES]
        return [*(value for value in self.values if "/" not in value), *tokens]


def mark(number: int) -> str:
    """Make the mark of a variable."""
    return f"\x1a{number}\x1a"


def is_json(content_type: str) -> bool:
    """Tell whether a content type says that it is JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: a :class:`Source`, which is text; or what becomes JSON: mappings and lists with Sources in them.

    ``values`` are what variables have put in anywhere.
    """

    content: Any = field(repr=False)
    values: tuple[str, ...] = field(default=(), repr=False)

    def secrets(self) -> list[str]:
        """List what is secret in it: the variables, and the values of keys that are called so."""
        return [*self.values, *_secrets(self.content)]


def _secrets(content: object, key: str = "") -> Iterator[str]:
    match content:
        case str() if _SECRET_KEY.search(key) and key not in _NO_SECRETS:
            yield content
        case Mapping():
            yield from _all(content.items())
        case Sequence() if not isinstance(content, str):
            yield from _all((key, each) for each in content)


def _all(pairs: Iterable[tuple[str, object]]) -> Iterator[str]:
    for key, each in pairs:
        yield from _secrets(each, key)
