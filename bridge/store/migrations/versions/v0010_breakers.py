"""A receiver that is back is found within a minute: circuit breakers instead of gates, and probes that are counted.

Revision: 0010. In versions that were never released it was 0006, out of order: see ``bridge.store.migrate``.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_LONGEST_STEP = 3 * 60 * 60 * 1000
_LONGEST_PROBE_WAIT = 55 * 1000


def upgrade() -> None:
    """Keep who is down, who was told so, and who asked for a pause; nothing waits for the long steps of before."""
    now = time.time_ns() // 1_000_000
    op.create_table(
        "breakers",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("probe_at", sa.BigInteger),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("refused", sa.JSON, nullable=False),
        sa.Column("allowed", sa.Integer),
        sa.Column("well_since", sa.BigInteger),
        sa.Column("down_since", sa.BigInteger),
    )
    # Who was shut had been announced as down at once.
    op.execute(
        sa.text(
            "INSERT INTO breakers (receiver, failures, failing_since, is_open, probe_at, paused_until, reason, "
            "refused, down_since) "
            "SELECT receiver, failures, failing_since, shut, "
            "CASE WHEN probe_at > :latest THEN :latest ELSE probe_at END, "
            "paused_until, reason, '[]', CASE WHEN shut THEN failing_since END FROM gates"
        ).bindparams(sa.bindparam("latest", now + _LONGEST_PROBE_WAIT, sa.BigInteger))
    )
    op.drop_table("gates")
    op.add_column("deliveries", sa.Column("probes", sa.Integer, nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("probe", sa.Boolean, nullable=False, server_default=sa.false()))
    latest = now + _LONGEST_STEP
    deliveries = sa.table("deliveries", sa.column("state", sa.Text), sa.column("due_at", sa.BigInteger))
    op.execute(
        sa.update(deliveries).where(deliveries.c.state == "owed", deliveries.c.due_at > latest).values(due_at=latest)
    )
