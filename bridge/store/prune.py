"""Forgets what is over and older than the retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.events import MESSAGE_SUBJECT
from bridge.domain.model import Status
from bridge.store import activity, quarantine, reminders
from bridge.store.engine import CHUNK
from bridge.store.facts import SequenceFloor, set_meta
from bridge.store.tables import attempts, carried, deliveries, events, incidents, messages, threads

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.store.engine import Database


def prune(database: Database, before: datetime, messages_before: datetime) -> int:
    """Delete what was over before then, in steps that lock nobody out for long. Returns how many events went.

    Events go with their deliveries and attempts. Kept: an event that is queued for anybody, the deliveries that are
    newer (a dead letter sent again), and the latest event of each subject that is not a message, which holds the
    subject's sequence. Then go the messages that are finished, or no longer watched, and have no event left; those
    that the configuration lists stay, and those that were over no sooner than ``messages_before``. A thread goes when
    its first post is older than ``before``, nothing is wrong with its subject, and nothing has happened to it since
    then; sums go as :func:`bridge.store.activity.prune` says.
    """
    with database.write() as connection:
        quarantine.forget_what_is_over(connection)
        reminders.forget_what_is_over(connection)
    gone = _prune_events(database, before)
    _prune_messages(database, messages_before)
    with database.write() as connection:
        connection.execute(_forgotten_threads(before))
        activity.prune(connection, before)
    return gone


def _forgotten_threads(before: datetime) -> sa.Delete:
    is_wrong = sa.select(sa.literal(1)).where(incidents.c.subject == threads.c.subject)
    goes_on = sa.select(sa.literal(1)).where(events.c.subject == threads.c.subject, events.c.at >= before)
    return sa.delete(threads).where(threads.c.posted_at < before, ~is_wrong.exists(), ~goes_on.exists())


def _prune_messages(database: Database, before: datetime) -> None:
    subject = sa.literal(MESSAGE_SUBJECT) + sa.cast(messages.c.id, sa.Text)  # the index of subjects finds them
    has_events = sa.select(sa.literal(1)).where(events.c.subject == subject).exists()
    over = sa.select(messages.c.id, messages.c.sequence).where(
        ~messages.c.listed, messages.c.due_at.is_(None), ~has_events
    )
    # Two parts, each by the index that has the order: what is finished and not old yet is not looked at.
    seen = over.where(messages.c.status.in_(list(map(str, Status))), messages.c.since < before)
    unseen = over.where(messages.c.since.is_(None), messages.c.watched_since < before)
    old = sa.union_all(seen, unseen).limit(CHUNK)
    while True:
        with database.write() as connection:
            database.serialize(connection)  # or two nodes would write the floor that each knows
            found = connection.execute(old).all()
            if not found:
                return
            # Watched again, such a message must not have the ids of its old events once more.
            floor = SequenceFloor.read(connection).over({row.id: row.sequence for row in found})
            set_meta(database, connection, SequenceFloor.KEY, floor.written())
            connection.execute(sa.delete(messages).where(messages.c.id.in_([row.id for row in found])))


def _prune_events(database: Database, before: datetime) -> int:
    later = events.alias()
    latest_of_subject = ~(
        sa.select(sa.literal(1))
        .where(later.c.subject == events.c.subject, later.c.sequence > events.c.sequence)
        .exists()
    )
    needed = (
        sa.select(sa.literal(1))
        .where(
            deliveries.c.event == events.c.position,
            sa.or_(deliveries.c.finished_at.is_(None), deliveries.c.finished_at >= before),
        )
        .exists()
    )
    old = (
        sa.select(events.c.position)
        .where(events.c.at < before, ~needed, ~(events.c.message_id.is_(None) & latest_of_subject))
        .order_by(events.c.at)
        .limit(CHUNK)
    )
    gone = 0
    while True:
        with database.write() as connection:
            database.serialize(connection)
            positions = list(connection.scalars(old))
            if not positions:
                return gone
            _delete(connection, positions)
        gone += len(positions)


def _delete(connection: sa.Connection, positions: list[int]) -> None:
    of_events = sa.select(deliveries.c.id).where(deliveries.c.event.in_(positions))
    tried = set(connection.scalars(sa.select(carried.c.attempt).where(carried.c.delivery.in_(of_events)).distinct()))
    connection.execute(sa.delete(carried).where(carried.c.delivery.in_(of_events)))
    connection.execute(sa.delete(deliveries).where(deliveries.c.event.in_(positions)))
    connection.execute(sa.delete(incidents).where(incidents.c.event.in_(positions)))
    connection.execute(sa.delete(events).where(events.c.position.in_(positions)))
    still_carries = sa.select(sa.literal(1)).where(carried.c.attempt == attempts.c.id).exists()
    listed = sorted(tried)
    for start in range(0, len(listed), CHUNK):
        connection.execute(sa.delete(attempts).where(attempts.c.id.in_(listed[start : start + CHUNK]), ~still_carries))
