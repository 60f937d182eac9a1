"""Objects of JSON as values whose fields have names and types: read from JSON, and written to it again. Pure.

Keys are the fields of the class, in their order, and those of a base class last; a field whose default is None is left
out where it is None. What is read may be of another version, or damaged by somebody: what the class has no field for,
and what is of another type, is kept in ``more``, and what is missing reads as empty. So nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from inspect import get_annotations
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonObject:
    """What all such classes have. Their fields are texts, numbers, mappings of texts, tuples, and such objects."""

    more: Mapping[str, Any] = field(default_factory=dict)


_Kind = TypeVar("_Kind", bound=JsonObject)


def read(kind: type[_Kind], json: object) -> _Kind:
    """Read an object; what is none reads as an empty one."""
    shape = _shape(kind)
    values, more = dict(shape.empty), {}
    for key, value in json.items() if isinstance(json, Mapping) else ():
        try:
            values[key] = shape.readers[key](value)
        except (KeyError, _OtherTypeError):
            more[key] = value
    return kind(**values, more=more)


def written(value: JsonObject) -> dict[str, Any]:
    """Write an object."""
    shape, values = _shape(type(value)), {}
    for name in shape.readers:
        part = getattr(value, name)
        if part is not None or name not in shape.left_out:
            values[name] = part if part is None or isinstance(part, _SCALAR) else _plain(part)
    values.update(value.more)
    return values


_SCALAR = (str, int, float)  # bool is an int


class _OtherTypeError(Exception):
    """A value is of another type than its field."""


class _Shape(NamedTuple):
    """What reads each field of a class, what stands for those that are missing, and which are left out where None."""

    readers: Mapping[str, Callable[[Any], Any]]
    empty: Mapping[str, Any]
    left_out: frozenset[str]


_SHAPES: dict[type[JsonObject], _Shape] = {}


def _shape(kind: type[JsonObject]) -> _Shape:
    if (known := _SHAPES.get(kind)) is not None:
        return known
    types = get_type_hints(kind)
    by_name = {each.name: each for each in fields(kind) if each.name != "more"}
    named = [by_name[name] for base in kind.__mro__ for name in get_annotations(base) if name in by_name]
    _SHAPES[kind] = shape = _Shape(
        {each.name: _reader(types[each.name]) for each in named},
        {each.name: _empty(types[each.name]) for each in named if each.default is MISSING},
        frozenset(each.name for each in named if each.default is None),
    )
    return shape


def _reader(type_: Any) -> Callable[[Any], Any]:
    """Make what reads a value of a type, and raises for one of another."""
    inner = get_args(type_)
    if NoneType in inner:
        read_one = _reader(inner[0])
        return lambda value: None if value is None else read_one(value)
    match get_origin(type_) or type_:
        case made if made is tuple:
            read_each = _reader(inner[0])
            return lambda value: tuple(map(read_each, _checked(list, value)))
        case made if made is Mapping:
            return _texts
        case made if issubclass(made, JsonObject):
            return lambda value: read(type_, _checked(dict, value))
    return partial(_checked, (int, float) if type_ is float else type_)


def _empty(type_: Any) -> Any:
    """Make what stands for a value of a type that is missing."""
    inner = get_args(type_)
    if NoneType in inner:
        return None
    made = get_origin(type_) or type_
    if made is Mapping:
        return {}
    return read(made, {}) if issubclass(made, JsonObject) else made()


def _checked(kind: type | tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _OtherTypeError
    return value


def _texts(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _OtherTypeError
    return value


def _plain(value: Any) -> Any:
    """Write what is no scalar."""
    if isinstance(value, JsonObject):
        return written(value)
    if isinstance(value, tuple):
        return [part if isinstance(part, str) else written(part) for part in value]
    return dict(value)
