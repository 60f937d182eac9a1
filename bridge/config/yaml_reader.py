"""YAML, read strictly: every value keeps its place, and nothing surprising is let in.

Values are built here from the parser's events, not by PyYAML's constructor or composer: so a fault can name its line
and column, duplicate keys are found, an anchor can't explode, and depth is bounded (libyaml's composer calls itself for
each level, and 50,000 of ``[`` overflow the C stack: the process dies, with no exception to catch).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from bridge.config.env_vars import marked, substitute
from bridge.config.errors import Fault, InvalidConfiguration, Place
from bridge.config.files import MIB, not_plain_text, read_bytes
from bridge.config.slips.excerpt import excerpt
from bridge.config.slips.finder import LOADER, NOT_YAML, find_slip
from bridge.config.slips.lines import LINE_END
from bridge.config.slips.repair import Slip
from bridge.domain.text_format import EncodingError, decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bridge.config.errors import Faults
    from bridge.receivers.templating.template_text import Source

LARGEST_FILE = 16 * MIB
"""In bytes. It is some 500,000 ids with labels, and minutes to read: longer lists belong into plain text."""

MOST_ALIASED = 10_000
"""Values that aliases may repeat, all together: enough for any honest use, too few for a bomb."""

DEEPEST = 50
"""Levels of lists and mappings within each other. The configuration needs six."""

BROKEN = object()
"""Stands for a value that was found wrong already: nothing more is said of it."""

_STANDARD = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset({f"{_STANDARD}{kind}" for kind in ("str", "int", "float", "bool", "null")})
_COLLECTION_TAGS = frozenset({f"{_STANDARD}map", f"{_STANDARD}seq"})
_LONGEST_NUMBER = 40
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+\Z")
_SHOWN_KEY = re.compile(r"[\w.*<-]{1,60}")
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[dD][89a-fA-F][0-9a-fA-F]{2})+)")
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NOT_PLAIN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its place. ``data`` is a scalar, a list of Values, a dict from key to Value, or :data:`BROKEN`.

    ``text`` is a scalar as it was written, after substitution; ``source`` is it before, where something was put in;
    ``keys`` holds the places of a mapping's keys; ``size`` is how many values it is made of, itself included.
    """

    data: Any
    place: Place
    text: str = ""
    keys: Mapping[str, Place] | None = None
    size: int = 1
    source: Source | None = None


def read_yaml(file: Path, environ: Mapping[str, str] | None, faults: Faults) -> Value:
    """Read a file that is one YAML document; faults that leave a value to go on with are added to ``faults``.

    JSON is YAML, and is read so.

    Args:
        file: Where it is.
        environ: The variables that it may name; None for JSON, where a dollar is a dollar.
        faults: What is wrong is added here.

    Raises:
        UnreadableError: It cannot be read at all.
        InvalidConfiguration: It is not UTF-8, not YAML, or not one document.
    """
    content = read_bytes(file, LARGEST_FILE)
    if what := not_plain_text(content):
        raise InvalidConfiguration([Fault(Place(file), what)])
    try:
        text = decode(content)
    except EncodingError as error:
        raise InvalidConfiguration([Fault(Place(file, error.line, error.column), str(error))]) from None
    return parse(text, file, environ, faults)


def parse(text: str, file: Path, environ: Mapping[str, str] | None, faults: Faults) -> Value:
    """Parse one YAML document and put the environment's variables in. An empty one is a null.

    Raises:
        InvalidConfiguration: There is no value to go on with: it is no YAML, or not one document.
    """
    faults.keep_text(file, text)
    if environ is None:
        text = _NOT_PLAIN.sub(_escaped, text)
    strange = _NOT_TEXT.search(text)
    if strange:
        before = LINE_END.split(text[: strange.start()])
        what = f"the character {strange[0]!a} is not allowed in YAML"
        if strange[0] == "\ufeff":
            what = "an invisible character (a byte order mark); retype the line"
        raise InvalidConfiguration([_at(Slip(len(before), len(before[-1]) + 1, what), file, text)])
    try:
        reader = _Reader(yaml.parse(text, Loader=LOADER), file, environ)
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        if "escape code" in str(error.problem) and (joined := _SURROGATES.sub(_joined, text)) != text:
            return parse(joined, file, environ, faults)
        raise InvalidConfiguration([_at(find_slip(text) or Slip(1, 1, NOT_YAML), file, text)]) from None
    except yaml.YAMLError:
        raise InvalidConfiguration([Fault(Place(file), NOT_YAML)]) from None
    # Only now: what precedes an error of syntax may be wrong only because of it.
    for place, what, kind in reader.faults:
        faults.add(place, what, kind)
    return value


def _escaped(match: re.Match[str]) -> str:
    r"""Write a character that JSON takes as it is, and YAML does not, as ``\u0085``."""
    return f"\\u{ord(match[0]):04x}"


def _joined(match: re.Match[str]) -> str:
    """Write a character as one that JSON writes as two halves (RFC 8259, 7): libyaml takes no halves.

    A half without the other is no character.
    """
    halves = bytes.fromhex(match[2].replace("\\u", ""))
    return match[1] + halves.decode("utf-16-be", "replace")


def read_plain(text: str) -> object:
    """Read an unquoted scalar: YAML 1.1's booleans and null as PyYAML knows them, decimal numbers, else text."""
    lower = text.lower()
    if lower in {"true", "yes", "on"}:
        return True
    if lower in {"false", "no", "off"}:
        return False
    if lower in {"", "~", "null"}:
        return None
    if len(text) < _LONGEST_NUMBER and _INTEGER.match(text):
        return int(text)
    return float(text) if len(text) < _LONGEST_NUMBER and _FLOAT.match(text) else text


class _Reader:
    """Builds values from events."""

    def __init__(self, events: Iterator[Any], file: Path, environ: Mapping[str, str] | None) -> None:
        self.faults: list[tuple[Place, str, str | None]] = []
        self._events = events
        self._file = file
        self._environ = environ
        self._anchors: dict[str, Value | None] = {}
        self._aliased = 0

    def document(self) -> Value:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Value(None, Place(self._file))
        value = self._value(next(self._events), "", 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            what = "a second document begins here (---); a configuration is one"
            raise InvalidConfiguration([Fault(self._place(after, ""), what)])
        return value

    def _value(self, event: Any, key: str, depth: int) -> Value:
        place = self._place(event, key)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, place)
        if depth > DEEPEST:
            raise InvalidConfiguration([Fault(place, f"nested too deeply (allowed: {DEEPEST} levels)")])
        if event.anchor:
            self._anchors[event.anchor] = None
        match event:
            case yaml.ScalarEvent():
                value = self._scalar(event, place)
            case yaml.MappingStartEvent():
                value = self._mapping(place, depth)
            case _:
                value = self._sequence(place, depth)
        if event.tag is not None and event.tag not in (
            _SCALAR_TAGS if isinstance(event, yaml.ScalarEvent) else _COLLECTION_TAGS
        ):
            # The tag is not shown: a password that begins with "!" and has no quotes looks like one.
            value = self._refuse(place, "tags are not allowed (text that begins with ! must be in quotes)")
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, name: str | None, place: Place) -> Value:
        if name is None or name not in self._anchors:
            return self._refuse(place, "there is no such anchor (text that begins with * must be in quotes)")
        value = self._anchors[name]
        if value is None:
            return self._refuse(place, "it contains itself")
        self._aliased += value.size
        if self._aliased > MOST_ALIASED:
            what = f"aliases (*name) repeat too much (allowed: {MOST_ALIASED:,} values in all); write it out"
            raise InvalidConfiguration([Fault(place, what)])
        return replace(value, place=place)

    def _sequence(self, place: Place, depth: int) -> Value:
        values: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, f"{place.key}[{len(values)}]", depth + 1))
        return Value(values, place, size=1 + sum(value.size for value in values))

    def _mapping(self, place: Place, depth: int) -> Value:
        values: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._key(event, place, depth)
            path = place.key if name is None else f"{place.key}{'.' if place.key else ''}{_shown(name)}"
            key_place = self._place(event, path)
            value = self._value(next(self._events), path, depth + 1)
            size += value.size
            if name in keys:
                what = f"this key appears twice (first in line {keys[name].line}); keep one"
                self._fault(key_place, what, "duplicate key")
            elif name is not None:
                keys[name] = key_place
                values[name] = value
        return Value(values, place, keys=keys, size=size)

    def _key(self, event: Any, place: Place, depth: int) -> str | None:
        """Read a key. None where it is none, which is noted."""
        place = self._place(event, place.key)
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            self._value(event, place.key, depth + 1)
            self._fault(place, "a key must be a word")
            return None
        text: str = event.value
        if event.style in {None, ""}:
            data = read_plain(text)
            if isinstance(data, bool):
                what = f"`{text}` is a boolean in YAML 1.1, so it cannot be a key unless it is in quotes"
                self._fault(place, what)
                return None
            if not isinstance(data, str):
                self._fault(place, "a key must be text; put quotes around it")
                return None
            if text == "<<":
                self._fault(place, "merge keys (<<) are not supported; write it out")
                return None
        if event.anchor:
            self._anchors[event.anchor] = Value(text, place, text)
        return text

    def _scalar(self, event: Any, place: Place) -> Value:
        text: str = event.value
        if event.style == '"' and _HALVES.search(text):  # PyYAML's own scanner leaves the halves apart
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        # An unquoted ${NUMBER} may be a number; a value can become a scalar only, never structure.
        plain = event.style in {None, ""} if event.tag is None else event.tag != f"{_STANDARD}str"
        if "$" in text and self._environ is not None:
            source = marked(text, self._environ)
            text, wrong = substitute(text, self._environ)
            for what in wrong:
                self._fault(place, what)
            if wrong:
                return Value(BROKEN, place)
            return Value(read_plain(text) if plain else text, place, text, source=source)
        return Value(read_plain(text) if plain else text, place, text)

    def _fault(self, place: Place, what: str, kind: str | None = None) -> None:
        self.faults.append((place, what, kind))

    def _refuse(self, place: Place, what: str) -> Value:
        self._fault(place, what)
        return Value(BROKEN, place)

    def _place(self, event: Any, key: str) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1, key)


def _shown(name: str) -> str:
    """Show a key as far as it looks like one: ``{api_key:abc}``, with no space, is a key that holds a secret."""
    name = name.strip()
    match = _SHOWN_KEY.match(name)
    shown = match[0] if match else ""
    return shown if shown == name else f"{shown}…"


def _at(slip: Slip, file: Path, text: str) -> Fault:
    return Fault(Place(file, slip.line, slip.column), slip.what, excerpt(LINE_END.split(text), slip.line, slip.column))
