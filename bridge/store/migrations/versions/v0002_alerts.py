"""Mutes, quiet hours, incidents, reminders and threads.

Revision: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OPEN = sa.text("acknowledged_at IS NULL")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("deliveries", sa.Column("reminder", sa.Integer, server_default="0", nullable=False))
    op.add_column("deliveries", sa.Column("gathered", sa.Boolean, server_default=sa.false(), nullable=False))
    op.add_column("deliveries", sa.Column("withheld_until", sa.BigInteger))
    op.create_table(
        "mutes",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("muted_by", sa.Text),
        sa.Column("drops", sa.Boolean, nullable=False),
        sa.Column("dropped", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("receiver"),
    )
    op.create_table(
        "holds",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("receiver"),
    )
    op.create_table(
        "incidents",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_index("incidents_open", "incidents", ["since", "subject"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("incidents_event", "incidents", ["event"])
    op.create_table(
        "reminders",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("receiver", "subject"),
    )
    op.create_index("reminders_due", "reminders", ["receiver", "due_at"])
    op.create_table(
        "threads",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger),
        sa.Column("posted_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("receiver", "subject"),
    )
    op.create_index("threads_posted", "threads", ["posted_at"])
