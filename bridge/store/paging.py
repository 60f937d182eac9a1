"""Pages of what is listed: each goes on where the one before ended, whatever was added meanwhile."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from bridge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Row = TypeVar("Row")

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what was asked for; ``next`` is the cursor of the page after it, None where there is none."""

    items: tuple[T, ...]
    next: str | None = None


def cursor_to(kind: str, *place: int) -> str:
    """Write the place where a page ended, for its reader to hand back; what is in it is ours alone."""
    text = ".".join([kind, *map(str, place)])
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place_in(cursor: str, kind: str, size: int) -> tuple[int, ...]:
    """Read a cursor.

    Raises:
        UsageError: It is none that a page of this kind gave.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        found, *numbers = text.split(".")
        place = tuple(map(int, numbers))
    except (binascii.Error, ValueError):
        found, place = "", ()
    if found != kind or len(place) != size or not all(abs(each) <= _LARGEST for each in place):
        raise UsageError("cursor: not one that a page of this list gave")
    return place


def page_of(found: Sequence[Row], most: int, read: Callable[[Row], T], cursor: Callable[[Row], str]) -> Page[T]:
    """Make a page of rows, of which one more was asked for than it holds."""
    shown = found[:most]
    return Page(tuple(map(read, shown)), cursor(shown[-1]) if len(found) > most else None)


def before(columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Choose what comes after a place in a list that goes down."""
    values = [sa.literal(value, column.type) for column, value in zip(columns, place, strict=True)]
    return sa.tuple_(*columns) < sa.tuple_(*values)
