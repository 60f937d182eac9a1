"""The filters that templates have beside Jinja's."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Undefined

from bridge.domain.redaction import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["e", "escape", "hmac_sha256", "join", "replace", "string", "tojson", "unixtime", "urlencode"]

_LARGEST = 1_000_000


class Encoded(str):
    """Text that is encoded for an address already."""

    __slots__ = ()


class UnfitError(ValueError):
    """A filter was given what it can't take. The text says so without the value."""


def as_text(value: Any) -> str:
    """Write a value: null as nothing, and mappings and lists as JSON, for nobody wants Python's way."""
    match value:
        case None:
            return ""
        case str() | int() | float() | Undefined():
            return str(value)
        case dict() | list() | tuple():
            return tojson(value)
        case _:
            raise UnfitError("what map, select and their like give wants `| join(', ')` or `| list` after it")


def string(value: object) -> str:
    """Write a value as text."""
    return as_text(value)


def tojson(value: Any) -> str:
    """Write a value as compact JSON, and not for HTML as Jinja's own filter does."""
    return clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_no_json))


def hmac_sha256(value: object, key: str) -> str:
    """Sign a text: hexadecimal, as GitHub and adnanh/webhook want it."""
    return hmac.new(key.encode(errors="replace"), as_text(value).encode(errors="replace"), hashlib.sha256).hexdigest()


def urlencode(value: object) -> str:
    """Encode a text for an address or a form, its slashes too."""
    return Encoded(quote(as_text(value), safe="", errors="replace"))


def escape(value: object) -> str:
    """Write a text within HTML."""
    return html.escape(as_text(value))


e = escape


def join(items: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    """Put texts together."""
    parts = [as_text(item[attribute] if attribute is not None else item) for item in items]  # type: ignore[index]
    _bound(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def replace(value: object, old: str, new: str) -> str:
    """Put one text in place of another."""
    text = as_text(value)
    _bound(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def unixtime(value: object) -> int:
    """Turn a time as events hold it into seconds since 1970."""
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        raise UnfitError("unixtime takes a time as events hold it") from None


def _bound(size: int) -> None:
    if size > _LARGEST:
        raise UnfitError("the text grows too large")


def _no_json(value: object) -> object:
    if isinstance(value, Undefined):
        str(value)  # a missing value says itself that it is
    raise UnfitError("this can't be written as JSON; what map, select and their like give wants `| list` after it")
