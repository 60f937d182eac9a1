"""A message whose answers can't be read is told of once.

Revision: 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Add since when, why, and whether it was told."""
    op.add_column("messages", sa.Column("unread_since", sa.BigInteger))
    op.add_column("messages", sa.Column("unread_why", sa.Text))
    op.add_column("messages", sa.Column("unread_told", sa.Boolean, nullable=False, server_default=sa.false()))
    told = sa.text("unread_told")
    op.create_index("messages_unread", "messages", ["id"], sqlite_where=told, postgresql_where=told)
