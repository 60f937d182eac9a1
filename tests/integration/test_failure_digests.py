"""While messages fail too often, people get the single failures as digests, and programs each as it comes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bridge.domain.failure_rate import FAILING, Counts, Failing, Group, written
from bridge.domain.model import DeliveryState, Status
from bridge.domain.outcome import Retry
from bridge.domain.routing import Subscription
from bridge.simulator.sink import Sink
from bridge.store.store import Store
from bridge.store.tables import incidents
from tests.integration.test_failure_rates import ALL, BY_TEAM, MINUTE, World, in_a_hurry
from tests.world import listed
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, write_config
from tests.world.records import NOW, due, observe, tried
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.domain.failure_rate import Alert
    from bridge.simulator.api import Simulator

HOUR = timedelta(hours=1)


class People(World):
    """``ops`` gets digests, ``crm`` everything as it comes, and ``quiet`` is not told of ``account.failing``."""

    def __init__(self, store: Store, *alerts: Alert) -> None:
        super().__init__(store, *alerts)
        self.start = self.clock.now()
        self.routes.subscriptions = (
            Subscription("ops", ("account.*", "message.failed", "message.expired"), digests=HOUR),
            Subscription("crm", ("*",)),
            Subscription("quiet", ("message.*",), digests=HOUR),
        )

    def due(self, receiver: str = "ops", subject: str = "message/") -> list[tuple[str, timedelta]]:
        """Say of what is queued when it is due, from the start on."""
        queued = [
            each for each in listed.deliveries(self.store, receiver=receiver) if each.event.subject.startswith(subject)
        ]
        assert all(each.due_at == each.first_due_at for each in queued)
        return sorted((str(each.event.subject), each.due_at - self.start) for each in queued)

    def reasons(self) -> set[str | None]:
        """Say why messages' deliveries to ``ops`` wait."""
        queued = listed.deliveries(self.store, state=DeliveryState.QUEUED, receiver="ops")
        return {each.reason for each in queued if each.event.message_id is not None}


def test_what_is_queued_for_long_stays_as_it_is(store: Store) -> None:
    """The receiver was away for hours: what it missed goes when it is back."""
    world = People(store)
    world.end(3, Status.FAILED)
    world.clock.advance(2 * 3600)
    world.end(10, Status.FAILED)
    world.look()
    assert [at for _, at in world.due()].count(timedelta(0)) == 3
    assert [at for _, at in world.due()].count(3 * HOUR) == 10


def test_what_fails_meanwhile_waits_for_the_next_digest(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    assert {at for _, at in world.due()} == {timedelta(0)}
    world.look()
    assert {at for _, at in world.due()} == {HOUR}, "what was queued already waits, too"
    assert world.reasons() == {"waits for a digest: too many messages fail"}
    assert world.due(subject="account") == [("account", timedelta(0))]
    world.clock.advance(20 * 60)
    world.end(1, Status.FAILED)
    world.end(1, Status.EXPIRED)
    assert {at for _, at in world.due()} == {HOUR}
    world.clock.advance(50 * 60)
    world.end(1, Status.FAILED)
    assert ("message/13", 2 * HOUR) in world.due()
    assert {at for _, at in world.due("crm")} == {timedelta(0), 20 * MINUTE, 70 * MINUTE}
    assert {at for _, at in world.due("quiet")} == {timedelta(0), 20 * MINUTE, 70 * MINUTE}


def test_what_was_sent_meanwhile_is_no_matter_of_the_digest(store: Store) -> None:
    world = People(store)
    world.routes.subscriptions = (Subscription("ops", ("*",), digests=HOUR),)
    world.end(10, Status.FAILED)
    world.look()
    world.end(1, Status.SENT)
    world.end(1, Status.CANCELLED)
    assert [at for subject, at in world.due() if subject in {"message/11", "message/12"}] == [timedelta(0)] * 2


def test_only_the_group_that_fails_waits(store: Store) -> None:
    world = People(store, BY_TEAM)
    world.end(10, Status.FAILED, team="billing")
    world.end(1, Status.FAILED, team="sales")
    world.look()
    world.end(1, Status.FAILED, team="billing")
    world.end(1, Status.FAILED, team="sales")
    world.end(1, Status.FAILED)
    at_once = [subject for subject, at in world.due() if at == timedelta(0)]
    assert at_once == ["message/11", "message/13", "message/14"]


def test_the_recovery_lets_go_what_is_left(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    world.look()
    woken: list[set[str]] = []
    store.when_queued(lambda receivers: woken.append(set(receivers)))
    assert world.look(16) == []
    assert world.look(15) == [("account.recovered", "account")]
    assert {at for _, at in world.due()} == {31 * MINUTE}
    assert woken == [{"ops", "crm"}]
    assert world.reasons() == {None}
    world.end(1, Status.FAILED)
    assert ("message/11", 31 * MINUTE) in world.due()


def test_what_another_group_still_holds_waits_for_its_digest(store: Store) -> None:
    world = People(store, ALL, BY_TEAM)
    world.end(10, Status.FAILED, team="billing")
    world.look()
    world.look(10)
    world.alerts = (BY_TEAM,)
    world.look(10)
    assert {at for _, at in world.due()} == {HOUR}
    world.alerts = ()
    world.look(10)
    assert {at for _, at in world.due()} == {30 * MINUTE}


def test_what_is_due_is_not_put_off_once_more(store: Store) -> None:
    """Another group begins to fail while a digest is on its way."""
    world = People(store, ALL, BY_TEAM)
    world.alerts = (ALL,)
    world.end(10, Status.FAILED, team="billing")
    world.look()
    world.clock.advance(3600)
    world.end(10, Status.FAILED, team="billing")
    world.alerts = (ALL, BY_TEAM)
    assert world.look() == [("account.failing", "account/tags.team=billing")]
    assert [at for _, at in world.due()].count(HOUR) == 10


def test_hold_goes_on_meanwhile(store: Store) -> None:
    """What `hold` keeps back waits for the digest, too, no recovery sends it early, and it is dropped if it is over."""
    world = People(store)
    world.routes.subscriptions = (Subscription("ops", ("*",), hold=2 * HOUR, digests=HOUR),)
    world.end(10, Status.FAILED)
    world.look()
    assert {at for _, at in world.due()} == {2 * HOUR}
    world.routes.subscriptions = (Subscription("ops", ("*",), hold=MINUTE, digests=HOUR),)
    world.end(2, Status.FAILED)
    assert {("message/11", HOUR), ("message/12", HOUR)} <= set(world.due())
    held = "held back: sent if it is not over or acknowledged within 2 h (`hold`)"
    assert world.reasons() == {held, "waits for a digest: too many messages fail"}, "of each what it waits for longest"
    observe(store, 11, Status.SENT, world.clock.now(), to=[])
    assert [each.event.message_id for each in listed.deliveries(store, state=DeliveryState.DROPPED)] == [11]
    world.look(16)
    assert world.look(15) == [("account.recovered", "account")]
    assert {("message/12", 31 * MINUTE), ("message/10", 2 * HOUR)} <= set(world.due())
    assert world.reasons() == {held, None}


def test_hold_is_what_is_waited_for_once_no_digest_is(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    world.look()
    world.routes.subscriptions = (Subscription("ops", ("*",), hold=50 * MINUTE, digests=HOUR),)
    world.end(1, Status.FAILED)
    assert world.reasons() == {"waits for a digest: too many messages fail"}
    world.look(16)
    world.look(15)
    assert ("message/11", 50 * MINUTE) in world.due()
    assert world.reasons() == {"held back: sent if it is not over or acknowledged within 50 min (`hold`)", None}


def test_digests_come_although_a_wrong_clock_dated_the_alert(store: Store) -> None:
    """The clock was a year ahead when the group began to fail, and is right after the next start."""
    world = People(store)
    ahead = timedelta(days=365)
    store.set_fact(FAILING, written({Group(): Failing(NOW + ahead, Counts(10, 10), NOW + ahead)}))
    store.clamp_time(NOW, NOW, NOW)
    world.end(5, Status.FAILED)
    assert {at for _, at in world.due()} == {HOUR}
    assert world.look(16) == [("account.recovered", "account")]


def test_what_waits_for_a_digest_is_told_even_if_it_is_over(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    world.look()
    observe(store, 3, Status.SENT, world.clock.now(), to=[])
    assert listed.deliveries(store, state=DeliveryState.DROPPED) == []
    assert ("message/3", HOUR) in world.due()


def test_an_alert_that_is_removed_leaves_nothing_open(store: Store) -> None:
    world = People(store)
    world.routes.subscriptions += (Subscription("boss", ("account.*",), hold=HOUR),)
    world.end(10, Status.FAILED)
    world.look()
    world.alerts = ()
    world.look(10)
    assert {at for _, at in world.due()} == {10 * MINUTE}
    (held,) = (each for each in listed.deliveries(store, receiver="boss") if each.withheld_until)
    assert store.reminders.drop_over("boss", [held.id], NOW + 2 * HOUR) == {held.id}
    with store._database.read() as connection:
        subjects = connection.scalars(sa.select(incidents.c.subject)).all()
    assert "account" not in subjects
    assert "message/1" in subjects


def test_what_was_tried_keeps_its_schedule(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    first = due(store, receiver="ops")[0]
    tried(store, first, Retry("HTTP 503"))
    world.look()
    (again,) = (each for each in listed.deliveries(store, receiver="ops") if each.id == first.id)
    assert (again.due_at - NOW, again.first_due_at) == (timedelta(seconds=5), NOW)


def test_digests_go_on_when_the_clock_is_set(store: Store) -> None:
    world = People(store)
    world.end(10, Status.FAILED)
    world.clock.advance(0.0004567)
    world.look()
    world.alerts = ()
    store.shift_time(timedelta(hours=1, microseconds=777))
    world.clock.follow(timedelta(hours=1, microseconds=777))
    world.look()
    assert {at // timedelta(seconds=1) for _, at in world.due()} == {3600}, "released at the new time"


@pytest.mark.slow
def test_a_banned_number_is_one_alert_for_people_and_each_failure_for_programs(
    simulator: Simulator, tmp_path: Path
) -> None:
    """200 messages fail at once: the real daemon, from the first of them to the recovery."""
    ids = range(1, 201)
    for id_ in ids:
        simulator.account.put(id_)
    messages = [{"id": id_, "tags": {"team": "billing"}} for id_ in ids]
    with Sink() as slack, Sink() as crm:
        ops = {"name": "ops", "slack": slack.url, "events": ["failed", "account.*"], "group": {"wait": "1s"}}
        receivers = [ops, {"name": "crm", "webhook": crm.url, "batch": {"max": 1000, "wait": "0s"}}]
        alerts = [{"failing": "20%", "of": 50, "within": "1m", "by": "tags.team"}]
        write_config(tmp_path, bridge_config(simulator, receivers, messages, alerts=alerts))
        with Daemon(tmp_path, first=in_a_hurry) as running:
            running.wait_until_ready()
            for id_ in ids:
                simulator.account.put(id_, Status.FAILED, "Invalid phone number")
            until(lambda: events_of(crm).count("account.failing") == 1)
            until(lambda: events_of(crm).count("message.failed") == 200)
            until(lambda: any("messages failed in the last" in post for post in posts(slack)))
            assert len(posts(slack)) <= 2
            until(lambda: events_of(crm).count("account.recovered") == 1)
            with Store(f"sqlite:///{tmp_path}/bridge.db") as store:
                until(lambda: len(listed.deliveries(store, state=DeliveryState.DELIVERED, receiver="ops")) == 202)
            assert len(posts(slack)) <= 4
    assert events_of(crm).count("account.failing") == 1


def events_of(sink: Sink) -> list[str]:
    """The types of the events that a program got in batches."""
    return [str(event["type"]) for record in sink.records() for event in json.loads(record.body)]


def posts(slack: Sink) -> list[str]:
    return [record.body.decode() for record in slack.records()]
