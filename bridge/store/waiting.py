"""What holds up deliveries, read within one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.outcome import Delivered, name_of
from bridge.domain.waits import Waits
from bridge.store import mutes
from bridge.store.tables import attempts, breakers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta, tzinfo


def read_waits(connection: sa.Connection, now: datetime, zone: tzinfo, gathers: Mapping[str, timedelta]) -> Waits:
    """Read what holds up deliveries at ``now``; the rest is as :func:`next_posts` and ``Waits`` have it."""
    down = connection.scalars(sa.select(breakers.c.receiver).where(breakers.c.is_open)).all()
    return Waits(mutes.holding(connection, now), zone, next_posts(connection, gathers, now), down)


def next_posts(connection: sa.Connection, gathers: Mapping[str, timedelta], now: datetime) -> dict[str, datetime]:
    """Tell when receivers may get their next post, where that is not now.

    Args:
        connection: The transaction's.
        gathers: How long after a post the next one goes to a receiver, at the earliest.
        now: When. A last post that lies ahead does not count, nor does it for who sends.
    """
    if not gathers:
        return {}
    latest = sa.select(attempts.c.receiver, sa.func.max(attempts.c.at).label("at")).where(
        attempts.c.at > now - max(gathers.values()),
        attempts.c.at <= now,
        attempts.c.outcome == name_of(Delivered()),
        attempts.c.receiver.in_(sorted(gathers)),
    )
    found = connection.execute(latest.group_by(attempts.c.receiver))
    return {row.receiver: at for row in found if (at := row.at + gathers[row.receiver]) > now}
