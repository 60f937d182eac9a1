"""Several nodes may share the work of one PostgreSQL database.

Revision: 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the nodes, the receivers they deliver to, and who polls a message."""
    op.create_table(
        "nodes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("wants", sa.JSON, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outboxes",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("node", sa.BigInteger, sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
    )
    op.add_column("messages", sa.Column("holder", sa.BigInteger))
