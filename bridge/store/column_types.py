"""What columns hold that no database has a type for: moments and JSON documents.

Moments are milliseconds since 1970 in UTC: they sort, compare and index alike in SQLite and PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
"""What is read where a stored time is none: so that one row which somebody has damaged does not stop the others from
being read. The bridge itself never writes either."""

UNREADABLE: Any = object()
"""The same for a stored document that is no JSON."""


def to_millis(moment: datetime) -> int:
    """Count a moment's milliseconds, exactly: floating point would lose some."""
    return (moment - _EPOCH) // _MILLISECOND


def moved(column: sa.ColumnElement[Any], step: timedelta) -> sa.ColumnElement[int]:
    """Write a stored moment, moved by a step."""
    return sa.cast(column, sa.BigInteger) + step // _MILLISECOND


@lru_cache(maxsize=256)  # a delivery's times are mostly those of its event
def from_millis(millis: Any) -> datetime:
    """Turn milliseconds back into a moment; into EARLIEST or LATEST where they are beyond all dates, or no number."""
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except (OverflowError, TypeError, ValueError):
        return LATEST if isinstance(millis, int | float) and millis > 0 else EARLIEST


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment, kept as milliseconds. One that is beyond all dates is read as EARLIEST or LATEST."""

    impl = sa.BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:  # noqa: ARG002 -- SQLAlchemy's signature
        """Write a moment. By way of ``process_bind_param``, it would take three times as long."""
        return lambda value: None if value is None else (value - _EPOCH) // _MILLISECOND

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any | None], datetime | None]:  # noqa: ARG002 -- SQLAlchemy's signature
        """Read a moment."""
        return lambda value: None if value is None else from_millis(value)


class Document(sa.types.TypeDecorator[Any]):
    """A JSON document. One that can't be read is UNREADABLE."""

    impl = sa.JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any | None], Any | None]:
        """Read a document."""
        read = super().result_processor(dialect, coltype)

        def total(value: Any | None) -> Any | None:
            try:
                return value if read is None else read(value)
            except (ValueError, TypeError, RecursionError):
                return UNREADABLE

        return total
