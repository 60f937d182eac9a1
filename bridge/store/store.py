"""The store: what is watched, what happened, what is queued for whom. Nothing is sent before it is committed here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Self

from bridge.domain import failure_rate, numbers
from bridge.domain.breaker import CircuitBreaker, paused_with_another
from bridge.domain.clock import isoformat
from bridge.domain.incidents import OPENS
from bridge.domain.model import DeliveryState
from bridge.domain.quarantine import Kind
from bridge.store import breakers, copy, export, mutes, opening, owner, poll_results, quarantine, reminders
from bridge.store.acknowledging import Incidents
from bridge.store.activity import ActivityLog
from bridge.store.backup import open_backup, sqlite_file
from bridge.store.cluster_node import ClusterNode
from bridge.store.deliveries import DeliveryQueue, DeliveryResult
from bridge.store.engine import Database
from bridge.store.event_log import EventLog
from bridge.store.facts import SWEPT, get_meta, set_meta, shift_meta
from bridge.store.failure_rates import FailureRates
from bridge.store.finding import Finder
from bridge.store.health_events import HealthEvents
from bridge.store.history import History
from bridge.store.membership import Membership, SingleNode
from bridge.store.mutes import Mutes
from bridge.store.prune import prune
from bridge.store.quarantine import Quarantine
from bridge.store.reminders import Reminders
from bridge.store.report_hints import ReportHints
from bridge.store.resending import Resending
from bridge.store.summaries import Summaries
from bridge.store.summary_events import SummaryEvents
from bridge.store.threads import Threads
from bridge.store.watchlist import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import timedelta

    from bridge.domain.account import AccountId
    from bridge.domain.model import Event, EventType, Expired
    from bridge.domain.routing import Subscription
    from bridge.domain.watchlist import Watchlist
    from bridge.store.lock import DaemonLock
    from bridge.store.poll_results import PollResult


@dataclass(frozen=True, slots=True)
class Recorded:
    """What followed from deliveries that were tried: the receiver's breaker, and others given up with them."""

    tried: Sequence[DeliveryResult]
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
            database_id = opening.identify(self._database)
            if account is not None and (node or not exclusive):
                owner.adopt(self._database, account, new_address=new_address, must=node)
            if several:
                self.node = ClusterNode(self._database)
        except BaseException:
            self.close()
            raise
        self.messages = Messages(self._database, self.node)
        self.deliveries = DeliveryQueue(self._database)
        self.threads = Threads(self._database)
        self.quarantine = Quarantine(self._database, self.messages, self.deliveries)
        self.mutes = Mutes(self._database, self.node)
        self.resending = Resending(self._database)
        self.summaries = Summaries(self._database)
        self.search = Finder(self._database)
        self.history = History(self._database)
        self.export = export.Export(self._database, self.history)
        self.activity = ActivityLog(self._database)
        self.report_hints = ReportHints(self._database)
        self._events = EventLog(self._database, database_id, self.deliveries, self.node)
        self.reminders = Reminders(self._database, self._events)
        self.incidents = Incidents(self._database, self._events)
        self.health_events = HealthEvents(self._database, self._events, self.node)
        self.failure_rates = FailureRates(self._database, self._events)
        self.summary_events = SummaryEvents(self._database, self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exempt_deliveries(self, types: Collection[EventType]) -> DeliveryQueue:
        """Give the queue as if it held only events of these types: what is sent while the others are held."""
        return DeliveryQueue(self._database, types)

    @property
    def id(self) -> str:
        """The database's id, from which the ids of its events are made."""
        return self._events.database_id

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
        self._events.when_queued = wake

    def when_dropped(self, tell: Callable[[str, int], None]) -> None:
        """Let ``tell`` be called with a receiver and how many of its deliveries were dropped, once committed."""
        self._events.when_dropped = tell

    def record_polls(self, polls: Sequence[PollResult], subscriptions: Sequence[Subscription]) -> list[Event]:
        """Write what polls found. New status, event and its deliveries are one transaction; events are returned."""
        with self._events.transaction() as connection:
            moved = poll_results.record(connection, polls, self.node.holder)
            new_events = self._events.transitions(connection, moved)
            quarantine.forget(connection, Kind.MESSAGE, [poll.message.id for poll in polls])
            self._events.add(connection, new_events, subscriptions)
            self.activity.record(connection, moved)
        return new_events

    def record_deliveries(
        self,
        receiver: str,
        judge: Callable[[CircuitBreaker], Sequence[DeliveryResult]],
        *,
        remind: timedelta | None = None,
    ) -> Recorded:
        """Write what became of deliveries to one receiver, in one transaction.

        Args:
            receiver: Which.
            judge: Decides, given the receiver's breaker as it is then; about one delivery at least, in order.
            remind: How long after something was sent to the receiver it is reminded of it; None for never.
        """
        with self._database.write() as connection:
            breaker = breakers.read(connection, receiver, to_change=True)
            tried = judge(breaker or CircuitBreaker(receiver))
            expired = self.deliveries.record(connection, tried, breaker)
            carried = [each for result in tried for each in result.decision.deliveries]
            quarantine.forget(connection, Kind.DELIVERY, [each.id for each in carried])
            for result in tried:
                self.threads.note(connection, result.attempts[-1].posted, result.decision.deliveries, result.at)
            if remind is not None:
                opened = (each for each in carried if each.event.type in OPENS)
                over = [each.id for each in opened if each.state is not DeliveryState.QUEUED]
                over += [each.id for each in expired]
                reminders.plan(self._database, connection, over, tried[-1].at, remind)
        return Recorded(tried, expired, tried[-1].decision.breaker)

    def pause(self, receivers: Collection[str], why: str, until: datetime) -> None:
        """Let nothing go to these receivers until then: another, with which they share a limit, was asked to wait."""
        if not receivers:
            return
        with self._database.write() as connection:
            for name in sorted(receivers):  # two that pause the same ones must not wait for each other
                before = breakers.read(connection, name, to_change=True) or CircuitBreaker(name)
                breakers.put(self._database, connection, paused_with_another(before, until, why))

    def needs_look(self, receiver: str) -> bool:
        """Tell whether there is anything to do for a receiver now, or later."""
        return self.deliveries.needs_look(receiver) or self.reminders.next_due(receiver) is not None

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
            self.messages.sync(connection, watchlist, now)
            for key, value in facts.items():
                set_meta(self._database, connection, key, value)
            switch()

    def shift_time(self, step: timedelta) -> None:
        """Move everything that is scheduled: the clock was set by that much."""
        with self._database.write() as connection:
            self.messages.shift(connection, step)
            self.deliveries.shift(connection, step)
            mutes.shift(connection, step)
            reminders.shift(connection, step)
            shift_meta(self._database, connection, numbers.NUMBERS, lambda fact: numbers.shifted(fact, step))
            shift_meta(self._database, connection, failure_rate.FAILING, lambda fact: failure_rate.shifted(fact, step))
            shift_meta(self._database, connection, SWEPT, lambda fact: isoformat(datetime.fromisoformat(fact) + step))

    def clamp_time(self, latest_poll: datetime, latest_lazy_poll: datetime, now: datetime) -> None:
        """Let nothing be due later than the rules allow, whatever a wrong clock scheduled before this start."""
        with self._database.write() as connection:
            self.messages.clamp(connection, latest_poll, latest_lazy_poll)
            self.deliveries.clamp(connection, now)
            mutes.clamp(connection, now)
            shift_meta(self._database, connection, failure_rate.FAILING, lambda fact: failure_rate.clamped(fact, now))

    def prune(self, before: datetime, reported: datetime | None = None) -> int:
        """Forget what was over before then; nothing queued is ever pruned. Returns how many events went.

        Args:
            before: When.
            reported: How far back the account's report goes, where it is read: a message that is in it would be
                taken for new if it was forgotten.
        """
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
        target._events.database_id = self.id
