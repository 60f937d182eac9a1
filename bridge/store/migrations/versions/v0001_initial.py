"""The first schema.

Revision: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DUE = sa.text("due_at IS NOT NULL")
_NEW = sa.text("due_at IS NOT NULL AND seen < 3")
_UNREAD = sa.text("unread_told")
_UNSEEN = sa.text("since IS NULL")
_QUEUED = sa.text("state = 'queued'")
_OPEN = sa.text("acknowledged_at IS NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attempts",
        sa.Column("id", _BigId, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("why", sa.Text),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("probe", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("attempts_at", "attempts", ["at"])
    op.create_table(
        "breakers",
        sa.Column("receiver", sa.Text, nullable=False),
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
        sa.PrimaryKeyConstraint("receiver"),
    )
    op.create_table(
        "events",
        sa.Column("position", _BigId, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_at", "events", ["at"])
    op.create_index("events_subject", "events", ["subject", "sequence"])
    op.create_table(
        "internal_errors",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("item", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "item", "name"),
    )
    op.create_table(
        "messages",
        sa.Column("id", _BigId, autoincrement=False, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("tags", sa.JSON),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("added", sa.Boolean, nullable=False),
        sa.Column("discovered", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("expected_at", sa.BigInteger),
        sa.Column("status", sa.Text),
        sa.Column("since", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("sequence", sa.Integer, server_default="0", nullable=False),
        sa.Column("unknown_since", sa.BigInteger),
        sa.Column("stuck", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("watched_since", sa.BigInteger, nullable=False),
        sa.Column("polled_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("holder", sa.BigInteger),
        sa.Column("seen", sa.Integer, server_default="0", nullable=False),
        sa.Column("hint", sa.Text),
        sa.Column("hinted_at", sa.BigInteger),
        sa.Column("unread_since", sa.BigInteger),
        sa.Column("unread_why", sa.Text),
        sa.Column("unread_told", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("messages_due", "messages", ["due_at", "id"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("messages_new", "messages", ["due_at", "id"], sqlite_where=_NEW, postgresql_where=_NEW)
    op.create_index("messages_status", "messages", ["status", "since", "id"])
    op.create_index("messages_unread", "messages", ["id"], sqlite_where=_UNREAD, postgresql_where=_UNREAD)
    op.create_index(
        "messages_unseen", "messages", ["watched_since", "id"], sqlite_where=_UNSEEN, postgresql_where=_UNSEEN
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "nodes",
        sa.Column("id", _BigId, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("wants", sa.JSON, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _BigId, nullable=False),
        sa.Column("event", _BigId, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("first_due_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("probes", sa.Integer, server_default="0", nullable=False),
        sa.Column("resent", sa.Text),
        sa.Column("reminder", sa.Integer, server_default="0", nullable=False),
        sa.Column("gathered", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("withheld_until", sa.BigInteger),
        sa.ForeignKeyConstraint(["event"], ["events.position"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "deliveries_due", "deliveries", ["receiver", "due_at", "id"], sqlite_where=_QUEUED, postgresql_where=_QUEUED
    )
    op.create_index("deliveries_event", "deliveries", ["event"])
    op.create_index("deliveries_newest", "deliveries", ["state", "id"])
    op.create_index(
        "deliveries_order", "deliveries", ["receiver", "subject", "id"], sqlite_where=_QUEUED, postgresql_where=_QUEUED
    )
    op.create_index("deliveries_state", "deliveries", ["state", "receiver"])
    op.create_table(
        "dispatchers",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("node", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("receiver"),
    )
    op.create_table(
        "carried",
        sa.Column("delivery", _BigId, nullable=False),
        sa.Column("attempt", _BigId, nullable=False),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"]),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"]),
        sa.PrimaryKeyConstraint("delivery", "attempt"),
    )
    op.create_index("carried_attempt", "carried", ["attempt"])
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
        sa.Column("configured", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger),
        sa.Column("attempt", sa.BigInteger),
        sa.Column("posted_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("receiver", "subject"),
    )
    op.create_index("threads_posted", "threads", ["posted_at"])
    op.create_table(
        "activity",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kind", "slot", "value", "status"),
        sqlite_with_rowid=False,
    )
