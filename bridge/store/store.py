"""The store: what is watched, what happened, what is queued for whom. Nothing is sent before it is committed here."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from bridge.domain import numbers
from bridge.domain.breaker import CircuitBreaker
from bridge.domain.clock import isoformat
from bridge.domain.errors import NotNowError
from bridge.domain.events import SOURCE, health_event, receiver_subject, transition_event
from bridge.domain.model import EventType
from bridge.domain.quarantine import Kind
from bridge.store import breakers, copy, opening, owner, poll_results, quarantine
from bridge.store.backup import open_backup, sqlite_file
from bridge.store.cluster_node import ClusterNode
from bridge.store.deliveries import DeliveryQueue, Tried
from bridge.store.engine import Database
from bridge.store.errors import DatabaseError
from bridge.store.facts import SWEPT, get_meta, set_meta
from bridge.store.history import History
from bridge.store.membership import Membership, SingleNode
from bridge.store.prune import prune
from bridge.store.report_hints import ReportHints
from bridge.store.resending import Resending
from bridge.store.search import Search
from bridge.store.summaries import Summaries
from bridge.store.watchlist import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import timedelta

    import sqlalchemy as sa

    from bridge.domain.model import AccountId, Event, Expired
    from bridge.domain.numbers import Number
    from bridge.domain.routing import Subscription
    from bridge.domain.watchlist import Watchlist
    from bridge.store.lock import DaemonLock
    from bridge.store.poll_results import Polled

_QUEUED = "queued for"
_WELL = "{}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What followed from deliveries that were tried: the receiver's breaker, and others given up with them."""

    tried: Sequence[Tried]
    expired: list[Expired]
    breaker: CircuitBreaker


class Store:
    """The database, opened. Safe to use from several threads.

    Args:
        url: ``sqlite:////path``, or PostgreSQL's.
        exclusive: Have it to oneself.
        node: Poll and deliver: on PostgreSQL beside other nodes, on SQLite alone. The others (the command line) read,
            and write what is safe beside a running daemon.
        account: The account of the configuration. The database belongs to the first one that uses it; who only has it
            to oneself, to copy it, changes nothing.
        new_address: The account is the same, and only its address has changed.

    Raises:
        NotNowError: It is locked, out of reach, or who runs on it does not share it.
        DatabaseError: It cannot be used as it is.
        OtherAccountError: It belongs to another account.
        ConfigurationError: It cannot be used at all: its encoding, or a pooler before it, or there is no such database.
        CredentialsError: It refuses the user or the password.
    """

    def __init__(
        self,
        url: str,
        *,
        exclusive: bool = False,
        node: bool = False,
        account: AccountId | None = None,
        new_address: bool = False,
    ) -> None:
        self._database = Database(url)
        self._lock: DaemonLock | None = None
        self.node: Membership = SingleNode()
        several = node and self._database.path is None
        try:
            if account is not None and opening.has_schema(self._database):
                # First, so that another account's bridge is neither waited for nor upgraded.
                owner.check(self.name, self.fact(owner.ACCOUNT), account, new_address=new_address)
            self._lock = opening.prepare(self._database, exclusive=exclusive or (node and not several))
            self.id = opening.identify(self._database)
            if account is not None and (node or not exclusive):
                self._adopt(account, new_address=new_address, must=node)
            if several:
                self.node = ClusterNode(self._database)
        except BaseException:
            self.close()
            raise
        self._queued: Callable[[Collection[str]], None] = lambda _: None
        self.messages = Messages(self._database, self.node)
        self.deliveries = DeliveryQueue(self._database)
        self.resending = Resending(self._database)
        self.summaries = Summaries(self._database)
        self.search = Search(self._database)
        self.history = History(self._database)
        self.report_hints = ReportHints(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The database's place, without a password."""
        return self._database.name

    def open_backup(self) -> BinaryIO:
        """Copy the database as it is at one moment, and open the copy; see :func:`bridge.store.backup.open_backup`.

        Raises:
            UsageError: It is PostgreSQL's, which has its own ways.
            BridgeError: It can't be copied.
        """
        return open_backup(sqlite_file(self._database.url))

    def on_write_fault(self, tell: Callable[[], None]) -> None:
        """Call this when the database can't be written any more, for another reason, or can be again."""

        def changed(why: str) -> None:
            if self._lock is not None:
                self._lock.note(why)
            tell()

        self._database.write_fault.changed = changed

    def close(self) -> None:
        """Close the connections and release the lock."""
        self.node.close()
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def when_queued(self, wake: Callable[[Collection[str]], None]) -> None:
        """Let ``wake`` be called with the receivers for which something was queued, once that is committed."""
        self._queued = wake

    def record_polls(self, polls: Sequence[Polled], subscriptions: Sequence[Subscription]) -> list[Event]:
        """Write what polls found. New status, event and its deliveries are one transaction; events are returned."""
        with self._telling() as connection:
            told = self._events_of(connection, poll_results.record(connection, polls, self.node.holder))
            quarantine.forget(connection, Kind.MESSAGE, [poll.message.id for poll in polls])
            self._add(connection, told, subscriptions)
        return told

    def record_deliveries(
        self,
        receiver: str,
        judge: Callable[[CircuitBreaker], Sequence[Tried]],
    ) -> Recorded:
        """Write what became of deliveries to one receiver, in one transaction.

        Args:
            receiver: Which.
            judge: Decides, given the receiver's breaker as it is then; about one delivery at least, in order.
        """
        with self._database.write() as connection:
            breaker = breakers.read(connection, receiver, to_change=True)
            tried = judge(breaker or CircuitBreaker(receiver))
            expired = self.deliveries.record(connection, tried, breaker)
            carried = [each.id for result in tried for each in result.decision.deliveries]
            quarantine.forget(connection, Kind.DELIVERY, carried)
        return Recorded(tried, expired, tried[-1].decision.breaker)

    def record_receiver(
        self,
        receiver: str,
        at: datetime,
        change: Callable[[CircuitBreaker], tuple[CircuitBreaker, EventType, Mapping[str, Any]] | None],
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Write that a receiver is down, or up again, with the event and its deliveries, in one transaction.

        Args:
            receiver: Which.
            at: When.
            change: Given the receiver's breaker as it is then, returns the one from now on and what others are sent;
                None for nothing.
            subscriptions: Who wants which events.
        """
        with self._telling() as connection:
            before = breakers.read(connection, receiver, to_change=True)
            changed = None if before is None else change(before)
            if changed is None:
                return []
            breaker, type_, data = changed
            breakers.put(self._database, connection, breaker)
            return self._add_health(connection, [(type_, data, at)], receiver_subject(receiver), subscriptions)

    def set_message_aside(self, message_id: int, why: str, now: datetime) -> None:
        """Poll a message again later, for it can't be now: an internal error."""
        with self._database.write() as connection:
            retry_at = quarantine.note(self._database, connection, Kind.MESSAGE, message_id, "", why, now)
            self.messages.put_off(connection, [message_id], retry_at)

    def set_delivery_aside(self, delivery_id: int, why: str, now: datetime) -> list[Expired]:
        """Try a delivery again later, for it can't be now: an internal error. Returned where its time is over."""
        with self._database.write() as connection:
            retry_at = quarantine.note(self._database, connection, Kind.DELIVERY, delivery_id, "", why, now)
            return self.deliveries.put_off(connection, delivery_id, why, now, retry_at)

    def step_failed(self, name: str, why: str, now: datetime) -> None:
        """Note that a step of the daemon failed by an internal error."""
        with self._database.write() as connection:
            quarantine.note(self._database, connection, Kind.STEP, 0, name, why, now)

    def step_worked(self, name: str) -> None:
        """Note that a step works again."""
        with self._database.write() as connection:
            quarantine.forget_step(connection, name)

    def try_set_aside_now(self, now: datetime) -> None:
        """Let everything be tried at once that internal errors set aside: a new version may know better."""
        with self._database.write() as connection:
            quarantine.forget_step(connection)
            self.messages.put_off(connection, quarantine.items(Kind.MESSAGE), now)
            self.deliveries.try_now(connection, quarantine.items(Kind.DELIVERY), now)
            quarantine.try_now(connection, now)

    def record_source(
        self,
        type_: EventType,
        data: Mapping[str, Any],
        at: datetime,
        subscriptions: Sequence[Subscription],
        *,
        fact: str,
        failing_since: datetime | None = None,
    ) -> Event | None:
        """Write that the source went down or came back, with its deliveries, and the fact that tells so.

        None where another node has told it, or where WbizTool answers others, so that it is this node's own trouble.

        Args:
            type_: Which of the two.
            data: The event's.
            at: When.
            subscriptions: Who wants which events.
            fact: What is known of the source from now on; ``{}`` while it is well.
            failing_since: Since when nothing was answered, for one that went down.
        """
        with self._telling() as connection:
            self._database.serialize(connection)
            if ((get_meta(connection, SOURCE) or _WELL) == _WELL) == (fact == _WELL):
                return None
            if failing_since is not None and self.node.answered_elsewhere(connection, failing_since):
                return None
            set_meta(self._database, connection, SOURCE, fact)
            return self._add_health(connection, [(type_, data, at)], SOURCE, subscriptions)[0]

    def record_numbers(
        self,
        seen: Sequence[Number],
        at: datetime,
        settle: timedelta,
        good_until: datetime,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        """Write how the account's numbers are, and the events of those that changed, in one transaction.

        Args:
            seen: All of them.
            at: When they were seen so.
            settle: For how long a number must have been as it is before that is reported.
            good_until: Until when that counts as known.
            subscriptions: Who wants which events.
        """
        told: list[Event] = []
        with self._telling() as connection:
            self._database.serialize(connection)
            known, changes = numbers.look(numbers.read(get_meta(connection, numbers.NUMBERS)), seen, at, settle)
            set_meta(self._database, connection, numbers.NUMBERS, numbers.written(known, good_until))
            for change in changes:
                told += self._add_health(connection, [(change.type, change.data, at)], change.subject, subscriptions)
        return told

    def fact(self, key: str) -> str | None:
        """Read one of the database's own facts."""
        with self._database.read() as connection:
            return get_meta(connection, key)

    def set_fact(self, key: str, value: str) -> None:
        """Write one of the database's own facts."""
        with self._database.write() as connection:
            set_meta(self._database, connection, key, value)

    def configure(
        self, watchlist: Watchlist, now: datetime, facts: Mapping[str, str], switch: Callable[[], None] = lambda: None
    ) -> None:
        """Write what a configuration asks of the store, in one transaction: its watch list, and facts.

        Args:
            watchlist: What the configuration lists.
            now: When.
            facts: Written with it.
            switch: Called last, when nothing but the commit can fail any more, and nobody has seen the new list yet.
        """
        with self._database.write() as connection:
            self.messages.sync_in(connection, watchlist, now)
            for key, value in facts.items():
                set_meta(self._database, connection, key, value)
            switch()

    def shift_time(self, step: timedelta) -> None:
        """Move everything that is scheduled: the clock was set by that much."""
        with self._database.write() as connection:
            self.messages.shift(connection, step)
            self.deliveries.shift(connection, step)
            self._shift_fact(connection, numbers.NUMBERS, lambda fact: numbers.shifted(fact, step))
            self._shift_fact(connection, SWEPT, lambda fact: isoformat(datetime.fromisoformat(fact) + step))

    def clamp_time(self, latest_poll: datetime, latest_lazy_poll: datetime, now: datetime) -> None:
        """Let nothing be due later than the rules allow, whatever a wrong clock scheduled before this start."""
        with self._database.write() as connection:
            self.messages.clamp(connection, latest_poll, latest_lazy_poll)
            self.deliveries.clamp(connection, now)

    def prune(self, before: datetime, reported: datetime | None = None) -> int:
        """Forget what was over before then; nothing queued is ever pruned. Returns how many events went.

        Args:
            before: When.
            reported: How far back the account's report goes, where it is read: a message that is in it would be
                taken for new if it was forgotten.
        """
        with self._database.write() as connection:
            quarantine.forget_what_is_over(connection)
        return prune(self._database, before, before if reported is None else min(before, reported))

    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        return copy.counts(self._database)

    def copy_to(self, target: Store, tell: Callable[[int], None]) -> None:
        """Copy everything into an empty store of PostgreSQL (:func:`bridge.store.copy.copy`). Both must be exclusive.

        Raises:
            UsageError: The target is not empty.
        """
        copy.copy(self._database, target._database, tell)
        target.id = self.id

    def _shift_fact(self, connection: sa.Connection, key: str, shifted: Callable[[str], str]) -> None:
        fact = get_meta(connection, key)
        if not fact:
            return
        with suppress(ValueError, KeyError, TypeError):  # somebody has damaged it: who writes it writes it again
            set_meta(self._database, connection, key, shifted(fact))

    def _adopt(self, account: AccountId, *, new_address: bool, must: bool) -> None:
        """Let the database belong to the account. A command that only reads, and may not write, goes without."""
        if owner.parse(self.fact(owner.ACCOUNT)) == account:
            return
        try:
            with self._database.write() as connection:
                owner.adopt(self._database, connection, account, new_address=new_address)
        except (DatabaseError, NotNowError):
            if must:
                raise

    def _events_of(self, connection: sa.Connection, polls: Sequence[Polled]) -> list[Event]:
        told = []
        for poll in polls:
            verdict = poll.verdict
            assert verdict is not None
            assert verdict.event is not None
            lost = None
            if verdict.event is EventType.MESSAGE_STUCK and verdict.unread is None:
                lost = numbers.disconnected(get_meta(connection, numbers.NUMBERS), poll.at)
            told.append(
                transition_event(self.id, poll.message, verdict.state, verdict.event, poll.at, lost, verdict.unread)
            )
        return told

    def _add_health(
        self,
        connection: sa.Connection,
        health: Sequence[tuple[EventType, Mapping[str, Any], datetime]],
        subject: str,
        subscriptions: Sequence[Subscription],
    ) -> list[Event]:
        told = []
        if health:
            self._database.serialize(connection)  # two that number the same subject would find the same number
        for type_, data, at in health:
            sequence = self.deliveries.next_sequence(connection, subject)
            event = health_event(self.id, type_, subject, sequence, at, data)
            self._add(connection, [event], subscriptions)
            told.append(event)
        return told

    def _add(self, connection: sa.Connection, told: Sequence[Event], subscriptions: Sequence[Subscription]) -> None:
        if told:
            self._database.keep_order(connection)
            queued = self.deliveries.add(connection, told, subscriptions)
            connection.info.setdefault(_QUEUED, set()).update(queued)
            self.node.tell(connection, queued)

    @contextmanager
    def _telling(self) -> Iterator[sa.Connection]:
        """Give a transaction. Once it is committed, those are woken who deliver what it queued."""
        with self._database.write() as connection:
            connection.info.pop(_QUEUED, None)
            yield connection
            queued: set[str] = connection.info.pop(_QUEUED, set())
        if queued:
            self._queued(queued)
