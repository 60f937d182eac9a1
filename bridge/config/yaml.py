"""YAML, read strictly: every value keeps its place, and nothing surprising is let in.

The C parser makes the graph of nodes (it is ten times as fast as the Python one); from there, values are built here, so
that a fault can name its line and column, duplicate keys are found, and an anchor can't explode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from bridge.config.faults import Fault, InvalidConfiguration, Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST_FILE = 64 * 1024 * 1024
MOST_ALIASED = 10_000
"""Nodes that aliases may repeat, all together: enough for any honest use, too few for a bomb."""

BROKEN = object()
"""Stands for a value that was found wrong already: nothing more is said of it."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+\Z")
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\{)")


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its place. ``data`` is a scalar, a list of Values, or a dict from key to :class:`Value`.

    ``keys`` holds the places of a mapping's keys.
    """

    data: Any
    place: Place
    keys: Mapping[str, Place] | None = None


def read_text(file: Path) -> str:
    """Read a text file.

    Raises:
        InvalidConfiguration: It can't be read, is too large, or is no UTF-8.
    """
    place = Place(file)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise InvalidConfiguration([Fault(place, "there is no such file")]) from None
    except IsADirectoryError:
        raise InvalidConfiguration([Fault(place, "this is a folder, not a file")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise InvalidConfiguration([Fault(place, f"cannot be read: {reason}")]) from None
    if len(content) > LARGEST_FILE:
        raise InvalidConfiguration([Fault(place, f"larger than {LARGEST_FILE // 1024 // 1024} MiB")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        what = "not UTF-8 text (save the file with the encoding UTF-8)"
        raise InvalidConfiguration([Fault(Place(file, line, column), what)]) from None


def parse(text: str, file: Path, environ: Mapping[str, str]) -> tuple[Value, list[Fault]]:
    """Parse one YAML document and put the environment's variables in.

    Returns the root and the faults that leave a value to go on with.

    Raises:
        InvalidConfiguration: There is no value to go on with: it is no YAML, or not one document.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        what = f"not valid YAML: {error.problem or error.context}"
        lines = text.splitlines()
        if place.line <= len(lines) and "${" in lines[place.line - 1]:
            what += ' (inside { } and [ ], ${NAME} must stand in quotes: "${NAME}")'
        raise InvalidConfiguration([Fault(place, what)]) from None
    except (yaml.YAMLError, ValueError) as error:
        what = f"not valid YAML: {getattr(error, 'reason', 'it holds characters that YAML does not allow')}"
        raise InvalidConfiguration([Fault(Place(file), what)]) from None
    except RecursionError:
        raise InvalidConfiguration([Fault(Place(file), "nested too deeply")]) from None
    if node is None:
        return Value(None, Place(file)), []
    reader = _Reader(file, environ)
    try:
        return reader.read(node, ""), reader.faults
    except RecursionError:
        raise InvalidConfiguration([Fault(Place(file), "nested too deeply")]) from None


class _Reader:
    """Builds values from nodes."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._environ = environ
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._repeating = False
        self.faults: list[Fault] = []

    def read(self, node: yaml.Node, key: str) -> Value:
        place = self._place(node, key)
        self._count(place)
        kind = node.tag.removeprefix(_STANDARD)
        if isinstance(node, yaml.ScalarNode):
            if kind not in _SCALARS or not node.tag.startswith(_STANDARD):
                return self._refuse(place, f"the tag {node.tag!r} is not allowed here")
            return Value(self._scalar(node, kind, place), place)
        if node.tag not in {f"{_STANDARD}map", f"{_STANDARD}seq"}:
            return self._refuse(place, f"the tag {node.tag!r} is not allowed here")
        if id(node) in self._open:
            return self._refuse(place, "it contains itself")
        self._open.add(id(node))
        before, self._repeating = self._repeating, self._repeating or id(node) in self._seen
        self._seen.add(id(node))
        value = self._mapping(node, place) if isinstance(node, yaml.MappingNode) else self._sequence(node, place)
        self._repeating = before
        self._open.discard(id(node))
        return value

    def _sequence(self, node: yaml.Node, place: Place) -> Value:
        return Value([self.read(item, f"{place.key}[{number}]") for number, item in enumerate(node.value)], place)

    def _mapping(self, node: yaml.Node, place: Place) -> Value:
        values: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key_place = self._place(key_node, place.key)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_STANDARD}str":
                self.faults.append(Fault(key_place, _strange_key(key_node)))
                continue
            name = key_node.value
            path = f"{place.key}.{name}" if place.key else name
            if name in values:
                first = keys[name]
                self.faults.append(
                    Fault(self._place(key_node, path), f"this key stands twice (first in line {first.line})")
                )
                continue
            keys[name] = self._place(key_node, path)
            values[name] = self.read(value_node, path)
        return Value(values, place, keys)

    def _scalar(self, node: yaml.ScalarNode, kind: str, place: Place) -> object:
        text: str = node.value
        plain = node.style is None
        if "$" in text:
            replaced = self._substitute(text, place)
            if replaced is None:
                return BROKEN
            # An unquoted ${NUMBER} may be a number; a value can become a scalar only, never structure.
            return _plain(replaced) if plain else replaced
        if plain and kind == "timestamp":
            return text
        return _plain(text) if plain or kind != "str" else text

    def _substitute(self, text: str, place: Place) -> str | None:
        unset: list[str] = []

        def value_of(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            if match.group(0) == "$$":
                return "$"
            if name is None:
                unset.append("")
                return ""
            value = self._environ.get(name)
            if default is not None:
                return value or default
            if value is None:
                unset.append(name)
            return value or ""

        replaced = _VARIABLE.sub(value_of, text)
        for name in unset:
            what = (
                f"the variable {name} is not set (set it, or give a default: ${{{name}:-default}})"
                if name
                else "after a dollar comes ${NAME}, ${NAME:-default} or $$"
            )
            self.faults.append(Fault(place, what))
        return None if unset else replaced

    def _count(self, place: Place) -> None:
        """Bound what aliases repeat: ten lines of them could stand for more values than there is memory."""
        if self._repeating:
            self._aliased += 1
            if self._aliased > MOST_ALIASED:
                raise InvalidConfiguration([Fault(place, "aliases (*name) repeat too much: write it out")])

    def _refuse(self, place: Place, what: str) -> Value:
        self.faults.append(Fault(place, what))
        return Value(BROKEN, place)

    def _place(self, node: yaml.Node, key: str) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1, key)


def _plain(text: str) -> object:
    """Read an unquoted scalar: YAML 1.1's booleans and null as the parser knows them, decimal numbers, else text."""
    lower = text.lower()
    if lower in {"true", "yes", "on"}:
        return True
    if lower in {"false", "no", "off"}:
        return False
    if lower in {"", "~", "null"}:
        return None
    if _INTEGER.match(text) and len(text) < 40:  # noqa: PLR2004 -- longer than any number that is allowed anywhere
        return int(text)
    return float(text) if _FLOAT.match(text) and len(text) < 40 else text  # noqa: PLR2004 -- likewise


def _strange_key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}bool":
        return f"the key {node.value!r} is a boolean in YAML 1.1, not a word: no key is called so"
    if isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}merge":
        return "merge keys (<<) are not supported: write it out"
    return "a key must be a word"
