"""The attempts of deliveries: the owner of the tables ``attempts`` and ``carried`` (which deliveries each one sent)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.outcome import name_of, why_of
from bridge.store.engine import chunks
from bridge.store.tables import attempts, carried

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bridge.domain.delivery_decision import Decision
    from bridge.domain.model import Attempt

_PROBES_KEPT = 2


def write(connection: sa.Connection, made: Sequence[tuple[Sequence[Attempt], Decision]]) -> None:
    """Write attempts, each round with what was decided of it, within a transaction.

    Of a delivery's failed probes, only the first and the last are kept.
    """
    probed = [each for _, decision in made if decision.probe for each in decision.deliveries]
    _forget_last_probe(connection, [each.id for each in probed if each.probes > _PROBES_KEPT])
    single = [(attempt, decision) for round_, decision in made for attempt in round_]
    rows = [_row(decision.breaker.receiver, attempt, probe=decision.probe) for attempt, decision in single]
    ids = connection.scalars(_WRITE_ATTEMPTS, rows).all()
    links = [
        {"delivery": delivery.id, "attempt": id_}
        for id_, (_, decision) in zip(ids, single, strict=True)
        for delivery in decision.deliveries
    ]
    connection.execute(_WRITE_CARRIED, links)


def _forget_last_probe(connection: sa.Connection, ids: Collection[int]) -> None:
    """Make room for the next failed probe of these deliveries."""
    if not ids:
        return  # nearly always, and making the expressions takes longer than sending a delivery
    of_delivery = carried.alias()
    last = (
        sa.select(sa.func.max(of_delivery.c.attempt))
        .join(attempts, attempts.c.id == of_delivery.c.attempt)
        .where(of_delivery.c.delivery == carried.c.delivery, attempts.c.probe)
        .scalar_subquery()
    )
    still_carries = sa.select(sa.literal(1)).where(carried.c.attempt == attempts.c.id).exists()
    for part in chunks(ids):
        mine = carried.c.delivery.in_(part)
        gone = connection.scalars(
            sa.delete(carried).where(mine, carried.c.attempt == last).returning(carried.c.attempt)
        )
        connection.execute(sa.delete(attempts).where(attempts.c.id.in_(set(gone)), ~still_carries))


_WRITE_ATTEMPTS = sa.insert(attempts).returning(attempts.c.id, sort_by_parameter_order=True)
_WRITE_CARRIED = sa.insert(carried)


def _row(receiver: str, attempt: Attempt, *, probe: bool) -> dict[str, Any]:
    return {
        "receiver": receiver,
        "at": attempt.at,
        "duration": attempt.duration,
        "outcome": name_of(attempt.outcome),
        "http_status": attempt.http_status,
        "why": why_of(attempt.outcome),
        "answer": attempt.answer,
        "probe": probe,
    }
