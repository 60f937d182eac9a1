"""Messages remember that they were told to be stuck.

Revision: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("messages", sa.Column("stuck", sa.Boolean(), nullable=False, server_default=sa.false()))
