"""Pages of what is listed: each goes on where the one before ended, whatever was added meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from bridge.domain.errors import UsageError
from bridge.store.column_types import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Row = TypeVar("Row")

_LARGEST = 2**63 - 1
_LATEST = to_millis(datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what was asked for; ``next`` is the cursor of the page after it, None where there is none."""

    items: tuple[T, ...]
    next: str | None = None


def cursor_pattern(kind: str, size: int) -> str:
    """Describe the cursors of a kind, as a regular expression."""
    return rf"^{kind}(\.[0-9]{{1,19}}){{{size}}}$"


def cursor_to(kind: str, *place: int) -> str:
    """Write the place where a page ended, for its reader to hand back; what is in it is ours alone."""
    return ".".join([kind, *map(str, place)])


def place_in(cursor: str, kind: str, size: int) -> tuple[int, ...]:
    """Read a cursor.

    Raises:
        UsageError: It is none that a page of this kind gave.
    """
    if not re.match(cursor_pattern(kind, size), cursor, re.ASCII) or cursor.endswith("\n"):
        raise UsageError("cursor: not one that a page of this list gave")
    return tuple(min(int(number), _LARGEST) for number in cursor.split(".")[1:])


def moment_in(millis: int) -> datetime:
    """Read a moment of a cursor."""
    return from_millis(min(millis, _LATEST))


def page_of(found: Sequence[Row], most: int, read: Callable[[Row], T], cursor: Callable[[Row], str]) -> Page[T]:
    """Make a page of rows, of which one more was asked for than it holds."""
    shown = found[:most]
    return Page(tuple(map(read, shown)), cursor(shown[-1]) if len(found) > most else None)


def before(columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Choose what comes after a place in a list that goes down."""
    return sa.tuple_(*columns) < _literal(columns, place)


def beyond(columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Choose what comes after a place in a list that goes up."""
    return sa.tuple_(*columns) > _literal(columns, place)


def _literal(columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any]) -> sa.Tuple:
    return sa.tuple_(*(sa.literal(value, column.type) for column, value in zip(columns, place, strict=True)))
