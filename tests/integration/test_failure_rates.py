"""Too many messages fail: in a real database, with several nodes, and by the real daemon."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bridge.cli.output import about
from bridge.config import models
from bridge.daemon import daemon
from bridge.daemon.rate_watch import RateWatch
from bridge.domain.events import envelope
from bridge.domain.failure_rate import FAILING, Alert, Counts, Failing, Group, read
from bridge.domain.model import Details, EventType, Status
from bridge.domain.routing import Routes, Subscription
from bridge.domain.samples import samples
from tests.world import listed
from tests.world.clock import FakeClock
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, write_config
from tests.world.heard import Heard
from tests.world.nodes import leases
from tests.world.records import NOW, known, polled, statements
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.domain.model import Event
    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink
    from bridge.store.store import Store

MINUTE = timedelta(minutes=1)
ALL = Alert(Decimal(20), of=10, within=15 * MINUTE)
BY_TEAM = replace(ALL, by="tags.team")


class World:
    """A store with messages that end, and somebody who watches the rate of failures."""

    def __init__(self, store: Store, *alerts: Alert) -> None:
        self.store = store
        self.alerts = alerts or (ALL,)
        self.clock = FakeClock(NOW)
        self.routes = Routes((Subscription("crm", ("account.*",)),))
        self.heard = Heard()
        self.watch = self.watcher()
        self._next = 0

    def watcher(self) -> RateWatch:
        """Another node, or the same after a restart."""
        return RateWatch(self.store, routes=self.routes, clock=self.clock, listener=self.heard)

    @property
    def told(self) -> list[Event]:
        """What was told since the latest look."""
        return self.heard.events

    def end(self, count: int, status: Status, error: str | None = None, **tags: str) -> None:
        """Let new messages get a final status."""
        ids = range(self._next + 1, self._next + count + 1)
        self._next += count
        now = self.clock.now()
        self.store.messages.watch(ids, now, Details(tags=tags))
        error = (error or "Invalid phone number") if status is Status.FAILED else None
        polls = [polled(known(self.store, id_), status, now, error=error) for id_ in ids]
        self.store.record_polls(polls, self.routes.subscriptions)

    def look(self, minutes: float = 0) -> list[tuple[str, str]]:
        """Let time pass, look, and return what was told."""
        self.clock.advance(60 * minutes)
        self.told.clear()
        self.watch.look(self.alerts)
        return [(str(event.type), event.subject) for event in self.told]


def test_too_many_failures_are_told_once_and_the_recovery_once(store: Store) -> None:
    world = World(store)
    world.end(8, Status.SENT)
    assert world.look() == []
    world.end(2, Status.FAILED)
    world.end(1, Status.EXPIRED)
    assert world.look() == [("account.failing", "account")]
    (event,) = world.told
    assert event.json["reasons"] == [{"reason": "Invalid phone number", "count": 2}, {"reason": "expired", "count": 1}]
    assert (event.json["failed"], event.json["of"], event.json["share"]) == (3, 11, 27.3)
    assert [each.event.type for each in listed.deliveries(store)] == [EventType.ACCOUNT_FAILING]
    assert [world.look(minutes) for minutes in (1, 15, 14)] == [[], [], []]
    assert world.look(1) == [("account.recovered", "account")]
    assert world.told[0].json["failing_since"] == event.json["since"]
    assert world.told[0].sequence == 2
    assert read(store.fact(FAILING)) == {}


def test_groups_are_those_of_the_tag_even_with_a_strange_name(store: Store) -> None:
    strange = """a "b" 'c'.$[0]\\ü"""
    world = World(store, Alert(Decimal(50), 4, MINUTE, f"tags.{strange}"))
    world.end(4, Status.FAILED, **{strange: 'x"y'})
    world.end(4, Status.SENT, **{strange: "z"})
    world.end(4, Status.FAILED)
    assert sorted(world.look()) == [
        ("account.failing", f"account/tags.{strange}"),
        ("account.failing", f'account/tags.{strange}=x"y'),
    ]


def test_another_node_goes_on_where_the_first_one_ended(store: Store) -> None:
    world = World(store)
    world.end(9, Status.FAILED)
    assert world.look() == []
    world.watch = world.watcher()
    world.end(1, Status.FAILED)
    assert world.look() == [("account.failing", "account")], "what was counted before is read again"
    world.watch = world.watcher()
    assert world.look() == []
    assert world.look(15) == []
    world.watch = world.watcher()
    assert world.look(15) == [("account.recovered", "account")], "calm since the look of another node"


def test_two_that_look_at_once_tell_it_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that nothing was told before either of them writes."""
    world = World(store)
    world.end(10, Status.FAILED)
    monkeypatch.setattr(store.failure_rates, "known", dict)
    for each in (world.watcher(), world.watcher()):
        each.look(world.alerts)
    assert [event.type for event in world.told] == [EventType.ACCOUNT_FAILING]


def test_an_alert_that_is_removed_is_forgotten(store: Store) -> None:
    world = World(store, ALL, BY_TEAM)
    world.end(10, Status.FAILED, team="billing")
    assert len(world.look()) == 2
    world.alerts = (BY_TEAM,)
    assert world.look() == []
    assert list(read(store.fact(FAILING))) == [Group("tags.team", "billing")]
    world.alerts = ()
    assert world.look() == []
    assert read(store.fact(FAILING)) == {}
    world.alerts = (ALL,)
    assert world.look() == [("account.failing", "account")], "it is news again"


def test_an_event_that_somebody_has_damaged_keeps_nothing_back(store: Store) -> None:
    world = World(store, ALL, BY_TEAM)
    world.end(10, Status.FAILED, team="billing")
    statements(store, """UPDATE events SET data = '[1]' WHERE message_id = 3""")
    assert ("account.failing", "account") in world.look()
    store.set_fact(FAILING, "{")
    assert ("account.failing", "account") in world.look(), "nobody knows that it was told"


def test_state_moves_with_a_clock_that_was_set(store: Store) -> None:
    world = World(store)
    world.end(10, Status.FAILED)
    world.look()
    store.shift_time(timedelta(hours=1))
    assert read(store.fact(FAILING)) == {Group(): Failing(NOW + timedelta(hours=1), Counts(10, 10))}


@pytest.mark.slow
def test_a_look_costs_little_however_many_were_counted(sqlite_store: Store) -> None:
    """100,000 in the window: read once, and then counted."""
    world = World(sqlite_store, ALL, BY_TEAM)
    world.end(1, Status.FAILED, team="billing")
    sql = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) "
    sql += "INSERT INTO events (id, type, at, subject, sequence, message_id, data) "
    sql += "SELECT 'evt_' || i, type, at, 'message/' || i, 1, i, data FROM n, events WHERE events.sequence = 1 "
    statements(sqlite_store, sql.format(most=20_009) + "AND events.message_id = 1")
    assert len(world.look()) == 2
    started = time.perf_counter()
    assert world.look(1) == []
    assert time.perf_counter() - started < 0.1


def in_a_hurry() -> None:
    """Let the daemon look often, and a minute of an alert be two seconds, and a lease three."""
    daemon.WATCH_EVERY = timedelta(seconds=0.5)
    rules = models.Config.rules.fget  # type: ignore[attr-defined] # it is a property
    models.Config.rules = property(  # type: ignore[assignment] # in a process of its own
        lambda self: tuple(replace(rule, within=rule.within / 30) for rule in rules(self))
    )
    leases(3.0)()


@pytest.mark.waits
@pytest.mark.postgres
def test_two_nodes_tell_it_once_and_the_one_that_is_left_the_recovery(
    simulator: Simulator, sink: Sink, postgres_url: str, tmp_path: Path
) -> None:
    """Real daemons; the one that told that messages fail is killed."""
    ids = range(1, 61)
    for id_ in ids:
        simulator.account.put(id_)
    alerts = [{"failing": "20%", "of": 50, "within": "1m"}]
    crm = webhook(sink, events=["account.*"])
    nodes = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        settings = bridge_config(simulator, [crm], ids, alerts=alerts, database=postgres_url)
        write_config(tmp_path / name, settings)
        nodes.append(Daemon(tmp_path / name, first=in_a_hurry))
        nodes[-1].wait_until_ready()
    one, other = nodes
    with one, other:
        for id_ in ids:
            simulator.account.put(id_, Status.FAILED, "Invalid phone number")
        until(lambda: told_to(sink) == ["account.failing"])
        one.kill()
        until(lambda: told_to(sink) == ["account.failing", "account.recovered"])


def told_to(sink: Sink) -> list[str]:
    """The types of the events that a program got; the node that was killed may have sent one that it did not record."""
    events = [json.loads(record.body) for record in sink.records()]
    return [str(type_) for type_ in {event["id"]: event["type"] for event in events}.values()]


def test_listings_say_whose_messages_fail() -> None:
    (event, _, without_tag, *_) = (each for each in samples({}) if each.type is EventType.ACCOUNT_FAILING)
    assert about(envelope(event)) == "messages of team billing · 12 of 50 failed"
    assert about(envelope(without_tag)) == "messages without team · 3 of 200000 failed"
