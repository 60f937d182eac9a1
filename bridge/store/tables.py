"""The tables. Nothing outside ``bridge.store`` sees a row of them."""

from __future__ import annotations

import sqlalchemy as sa

from bridge.store.column_types import Document, Instant

HEAD = "0001"
"""The newest migration in ``migrations/versions``: what this version of the bridge needs."""

_BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only in an INTEGER

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("label", sa.Text),
    sa.Column("tags", Document(none_as_null=True)),
    # Who wants it watched: the configuration's list, somebody by command, the account's report. Polled while one does.
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("added", sa.Boolean, nullable=False),
    sa.Column("discovered", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("expected_at", Instant),
    sa.Column("status", sa.Text),
    sa.Column("since", Instant),
    sa.Column("error", sa.Text),
    sa.Column("reason", sa.Text),  # the class of the error; see bridge.domain.reasons
    sa.Column("sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unknown_since", Instant),
    sa.Column("stuck", sa.Boolean, nullable=False, server_default=sa.false()),  # and reported so, of this status
    sa.Column("watched_since", Instant, nullable=False),
    sa.Column("polled_at", Instant),
    sa.Column("due_at", Instant),  # NULL: not to be polled
    sa.Column("holder", sa.BigInteger),  # the node that polls it now, where there may be several
    sa.Column("seen", sa.Integer, nullable=False, server_default="0"),  # by how many polls; while few, it goes first
    sa.Column("hint", sa.Text),  # what the report last showed of it, and since when
    sa.Column("hinted_at", Instant),
    # Since when no answer about it could be read, why, and whether that was reported.
    sa.Column("unread_since", Instant),
    sa.Column("unread_why", sa.Text),
    sa.Column("unread_told", sa.Boolean, nullable=False, server_default=sa.false()),
)
sa.Index("messages_due", messages.c.due_at, messages.c.id, sqlite_where=messages.c.due_at.isnot(None),
         postgresql_where=messages.c.due_at.isnot(None))  # fmt: skip
_unread = sa.text("unread_told")
sa.Index("messages_unread", messages.c.id, sqlite_where=_unread, postgresql_where=_unread)
_new = sa.text("due_at IS NOT NULL AND seen < 3")
sa.Index("messages_new", messages.c.due_at, messages.c.id, sqlite_where=_new, postgresql_where=_new)
# As people look for them: by status, the latest change first. Those not seen yet changed when they came to be watched.
sa.Index("messages_status", messages.c.status, messages.c.since, messages.c.id)
_unseen = sa.text("since IS NULL")
sa.Index("messages_unseen", messages.c.watched_since, messages.c.id, sqlite_where=_unseen, postgresql_where=_unseen)

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", _BigId, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("data", Document, nullable=False),
    sqlite_autoincrement=True,  # a position is never used twice, so that a reader can go on from the last one it saw
)
sa.Index("events_subject", events.c.subject, events.c.sequence)
sa.Index("events_at", events.c.at)

_queued = sa.text("state = 'queued'")

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", _BigId, primary_key=True),
    sa.Column("event", _BigId, sa.ForeignKey("events.position"), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("receiver", sa.Text, nullable=False),  # its name, never its URL
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("first_due_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("probes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("resent", sa.Text),  # how, where somebody had the event sent again
    sa.Column("reminder", sa.Integer, nullable=False, server_default="0"),  # which one it is; 0 for none
    sa.Column("gathered", sa.Boolean, nullable=False, server_default=sa.false()),  # waits, or waited, for a digest
    sa.Column("withheld_until", Instant),  # until when `hold` keeps it back, or did
    sqlite_autoincrement=True,
)
sa.Index(
    "deliveries_due",
    deliveries.c.receiver,
    deliveries.c.due_at,
    deliveries.c.id,
    sqlite_where=_queued,
    postgresql_where=_queued,
)
sa.Index(
    "deliveries_order",
    deliveries.c.receiver,
    deliveries.c.subject,
    deliveries.c.id,
    sqlite_where=_queued,
    postgresql_where=_queued,
)
sa.Index("deliveries_event", deliveries.c.event)
sa.Index("deliveries_state", deliveries.c.state, deliveries.c.receiver)  # to count them
sa.Index("deliveries_newest", deliveries.c.state, deliveries.c.id)  # to list them

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", _BigId, primary_key=True),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("duration", sa.Float, nullable=False),  # seconds
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("http_status", sa.Integer),
    sa.Column("why", sa.Text),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("probe", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_autoincrement=True,
)
sa.Index("attempts_at", attempts.c.at)

# One attempt may carry many deliveries (a Slack digest), and a delivery may need many attempts.
carried = sa.Table(
    "carried",
    metadata,
    sa.Column("delivery", _BigId, sa.ForeignKey("deliveries.id"), primary_key=True),
    sa.Column("attempt", _BigId, sa.ForeignKey("attempts.id"), primary_key=True),
)
sa.Index("carried_attempt", carried.c.attempt)

breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", Instant),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("probe_at", Instant),
    sa.Column("paused_until", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("refused", sa.JSON, nullable=False),  # ids of deliveries
    sa.Column("allowed", sa.Integer),
    sa.Column("well_since", Instant),
    sa.Column("down_since", Instant),
)

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", _BigId, primary_key=True),  # never used twice
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("lease_until", Instant, nullable=False),  # by the database's clock
    sa.Column("share", sa.Float, nullable=False),  # of the account's rate
    sa.Column("wants", sa.JSON, nullable=False),  # the receivers in its configuration
    sa.Column("answered_at", Instant),  # when WbizTool last answered it
    sqlite_autoincrement=True,
)

# Which node delivers to a receiver. One does: breaker, pace and order are then as if it were alone.
dispatchers = sa.Table(
    "dispatchers",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("node", sa.BigInteger, sa.ForeignKey("nodes.id", ondelete="CASCADE"), nullable=False),
)

# What an internal error concerned: it is tried again at retry_at. One row for each message, delivery (item) or step of
# the daemon (name); gone when it works again.
internal_errors = sa.Table(
    "internal_errors",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("item", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("retry_at", Instant, nullable=False),
)

# Receivers that somebody has muted. One that drops never gets what happens meanwhile: dropped counts it.
mutes = sa.Table(
    "mutes",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("muted_by", sa.Text),
    sa.Column("drops", sa.Boolean, nullable=False),
    sa.Column("dropped", sa.Integer, nullable=False, server_default="0"),
)

# Receivers whose deliveries are held now, muted or in quiet hours, since when and until when, as far as is known.
# The release adds that time to theirs.
holds = sa.Table(
    "holds",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
)

# What is wrong now, one row for each subject: from the event that opened it to the one that ends it. A failed message
# stays until somebody acknowledges it and its event is forgotten.
incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("event", sa.BigInteger, nullable=False),  # its position
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("acknowledged_at", Instant),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("note", sa.Text),
)
_open = sa.text("acknowledged_at IS NULL")
sa.Index("incidents_open", incidents.c.since, incidents.c.subject, sqlite_where=_open, postgresql_where=_open)
sa.Index("incidents_event", incidents.c.event)

# When a receiver is reminded of an incident next, and how often it was.
reminders = sa.Table(
    "reminders",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("event", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("count", sa.Integer, nullable=False, server_default="0"),
)
sa.Index("reminders_due", reminders.c.receiver, reminders.c.due_at)

# The post in a chat under which what follows about a subject is written, and the attempt that made it.
threads = sa.Table(
    "threads",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("ts", sa.Text, nullable=False),
    sa.Column("configured", sa.Text, nullable=False),  # the channel, as the configuration named it
    sa.Column("event", sa.BigInteger),  # the position of the event that the post is about; NULL for a digest
    sa.Column("attempt", sa.BigInteger),
    sa.Column("posted_at", Instant, nullable=False),
)
sa.Index("threads_posted", threads.c.posted_at)

# What became of messages, in sums: how many came to have a status in a quarter of an hour (counted since 1970), among
# all and by reason, wait and tag.
activity = sa.Table(
    "activity",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
