"""The circuit breakers of receivers: the owner of the table ``breakers``. Everything is done within a transaction."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.breaker import LONGEST_PROBE_WAIT, CircuitBreaker
from bridge.domain.retry import LONGEST_PAUSE
from bridge.store import row_mapping
from bridge.store.column_types import Instant, moved
from bridge.store.tables import breakers

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from bridge.store.engine import Database

_FIELDS = tuple(field.name for field in fields(CircuitBreaker) if field.name != "receiver")
_PAST = (breakers.c.failing_since, breakers.c.well_since, breakers.c.down_since)
_TIMES = (*_PAST, breakers.c.probe_at, breakers.c.paused_until)

_BREAKER = sa.select(breakers).where(breakers.c.receiver == sa.bindparam("receiver"))
_BREAKER_TO_CHANGE = _BREAKER.with_for_update()  # SQLite, which has one writer, knows no such words


def read(connection: sa.Connection, receiver: str, *, to_change: bool = False) -> CircuitBreaker | None:
    """Read a receiver's breaker; None for a receiver of which nothing was recorded yet.

    Args:
        connection: The transaction's.
        receiver: Which.
        to_change: Let nobody else change it until the end of the transaction.
    """
    row = connection.execute(_BREAKER_TO_CHANGE if to_change else _BREAKER, {"receiver": receiver}).one_or_none()
    return None if row is None else row_mapping.breaker(row)


def put(database: Database, connection: sa.Connection, breaker: CircuitBreaker) -> None:
    """Write a receiver's breaker."""
    values = {name: getattr(breaker, name) for name in _FIELDS} | {"refused": list(breaker.refused)}
    insert = database.insert(breakers).values(receiver=breaker.receiver, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=[breakers.c.receiver], set_=values))


def probe_at(connection: sa.Connection, receivers: Collection[str], at: datetime) -> None:
    """Let these receivers be probed then, if they are failing."""
    connection.execute(sa.update(breakers).where(breakers.c.receiver.in_(receivers)).values(probe_at=at))


def shift(connection: sa.Connection, step: timedelta) -> None:
    """Move all times: the clock was set."""
    connection.execute(sa.update(breakers).values({column: moved(column, step) for column in _TIMES}))


def clamp(connection: sa.Connection, now: datetime) -> None:
    """Let no probe be due, and no pause end, later than the rules allow: a clock that went wrong set it."""
    bounds = [(column, now) for column in _PAST]
    bounds += [(breakers.c.paused_until, now + LONGEST_PAUSE)]
    for column, latest in bounds:
        connection.execute(sa.update(breakers).where(column > latest).values({column: latest}))
    latest_probe = now + LONGEST_PROBE_WAIT
    paused = sa.func.coalesce(
        breakers.c.paused_until, sa.literal(now, Instant)
    )  # a probe waits for the end of a pause, too
    too_late = sa.and_(breakers.c.probe_at > latest_probe, breakers.c.probe_at > paused)
    connection.execute(sa.update(breakers).where(too_late).values(probe_at=latest_probe))
