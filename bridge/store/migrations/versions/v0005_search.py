"""Messages and deliveries are listed page by page, the latest change first, however many there are.

Revision: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_UNSEEN = sa.text("since IS NULL")


def upgrade() -> None:
    """Let the indexes hold the order of the pages."""
    op.drop_index("messages_status", "messages")
    op.create_index("messages_status", "messages", ["status", "since", "id"])
    op.create_index(
        "messages_unseen", "messages", ["watched_since", "id"], sqlite_where=_UNSEEN, postgresql_where=_UNSEEN
    )
    op.create_index("deliveries_newest", "deliveries", ["state", "id"])
