"""Messages may be discovered by the account's report, and expected at a moment; the first polls of each go first.

Revision: 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NEW = sa.text("due_at IS NOT NULL AND seen < 3")


def upgrade() -> None:
    """Add the columns, and the index of what is new. What has a status already is not new."""
    op.add_column("messages", sa.Column("discovered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("expected_at", sa.BigInteger()))
    op.add_column("messages", sa.Column("seen", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("hint", sa.Text()))
    op.add_column("messages", sa.Column("hinted_at", sa.BigInteger()))
    op.execute("UPDATE messages SET seen = 3 WHERE status IS NOT NULL")
    op.create_index("messages_new", "messages", ["due_at", "id"], sqlite_where=_NEW, postgresql_where=_NEW)
