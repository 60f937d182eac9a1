"""A receiver that is muted, or in its quiet hours, by a clock that tests set: what is held, sent, and released."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.event_data import HealthData, ReceiverData
from bridge.domain.incidents import Acknowledged
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.mute import Mute
from bridge.domain.observer import Listener
from bridge.domain.routing import Subscription
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.simulator.faulty_server import Answer
from tests.world import dispatching, listed
from tests.world.clock import FakeClock
from tests.world.records import SINCE, fail_some, known, polled, record_health, statements

if TYPE_CHECKING:
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.simulator.sink import Sink
    from bridge.store.store import Store

pytestmark = pytest.mark.slow

EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
BERLIN = {"from": "22:00", "to": "08:00", "timezone": "Europe/Berlin"}
OPS = ReceiverData(receiver="ops", since=SINCE.since, reason=SINCE.reason)


class Heard(Listener):
    """Remembers what it heard of mutes."""

    def __init__(self) -> None:
        self.mutes: list[tuple[str, Mute]] = []

    def muted(self, mute: Mute) -> None:
        self.mutes.append(("muted", mute))

    def unmuted(self, mute: Mute) -> None:
        self.mutes.append(("unmuted", mute))


class Bench(dispatching.Bench):
    """The dispatcher of a receiver that is muted, or has quiet hours."""

    def __init__(
        self, store: Store, sink: Sink, start: datetime = EVENING, *, slack: bool = False, **more: Any
    ) -> None:
        kind: type[ReceiverConfig] = SlackReceiverConfig if slack else WebhookReceiverConfig
        settings = kind.model_validate({"name": "crm", "slack" if slack else "webhook": sink.url, **more})
        self.heard = Heard()
        super().__init__(store, settings, FakeClock(start), listener=self.heard)
        self.sink = sink
        self._seen = 0

    def at(self, moment: str) -> None:
        """Let time pass until then, and do what is to be done."""
        self.clock.advance((datetime.fromisoformat(moment) - self.clock.now()).total_seconds())
        self.work()

    def owe(self, *ids: int) -> None:
        fail_some(self.store, ids, self.clock.now())

    def tell(self, type_: EventType, subject: str, data: HealthData = SINCE) -> None:
        record_health(self.store, type_, data, self.clock.now(), [Subscription("crm", ("*",))], subject=subject)

    def mute(self, **lasting: float) -> None:
        now = self.clock.now()
        self.store.mutes.mute(Mute("crm", now, now + timedelta(**lasting)))

    def sent(self) -> list[int | str]:
        """List what came since it was last asked, by message or type."""
        bodies = [json.loads(record.body) for record in self.sink.records()[self._seen :]]
        self._seen += len(bodies)
        return [each["data"].get("message_id", each["type"]) for each in bodies]

    def states(self) -> set[DeliveryState]:
        return {each.state for each in listed.deliveries(self.store)}


def test_muted_receiver_gets_everything_in_order_at_the_end(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink)
    bench.mute(hours=2)
    for id_ in (3, 1, 2):
        bench.owe(id_)
        bench.clock.advance(60)
        bench.work()
    assert bench.sent() == []
    assert bench.dispatcher.next_due() == pytest.approx(2 * 3600 - 180)
    bench.at("2026-11-23T21:59:59+00:00")
    assert bench.sent() == []
    bench.at("2026-11-23T22:00:00+00:00")
    assert bench.sent() == [3, 1, 2]
    assert [what for what, _ in bench.heard.mutes] == ["muted", "unmuted"]
    assert store.mutes.state_of("crm")[:2] == (None, None)


def test_muted_slack_gets_one_digest_at_the_end(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True)
    bench.mute(hours=2)
    for id_ in (1, 2, 3):
        bench.owe(id_)
        bench.clock.advance(60)
        bench.work()
    store.mutes.unmute("crm", bench.clock.now())
    bench.work()
    assert len(sink.records()) == 1
    assert bench.states() == {DeliveryState.DELIVERED}


def test_muted_slack_gets_what_began_and_ended_meanwhile_in_one_digest(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True)
    bench.mute(hours=2)
    for type_ in (EventType.SOURCE_DOWN, EventType.SOURCE_UP) * 2:
        bench.tell(type_, "source")
    bench.owe(1)
    bench.at("2026-11-23T22:00:00+00:00")
    assert len(sink.records()) == 1
    assert bench.states() == {DeliveryState.DELIVERED}


def test_slack_that_was_away_gets_what_began_and_ended_meanwhile_in_one_digest(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True)
    sink.answer = lambda _: Answer.status(500)
    bench.tell(EventType.SOURCE_DOWN, "source")
    bench.owe(1)
    for _ in range(4):
        bench.work()
        bench.clock.advance(60)
    bench.tell(EventType.SOURCE_UP, "source")
    assert store.deliveries.breaker("crm").is_open
    before = len(sink.records())
    sink.answer = lambda _: Answer.ok()
    bench.clock.advance(60)
    bench.work()
    assert len(sink.records()) == before + 1
    assert bench.states() == {DeliveryState.DELIVERED}


def test_muted_webhook_gets_each_event_of_a_subject_in_order(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink)
    bench.mute(hours=2)
    for type_ in (EventType.SOURCE_DOWN, EventType.SOURCE_UP) * 2:
        bench.tell(type_, "source")
    bench.at("2026-11-23T22:00:00+00:00")
    assert bench.sent() == ["source.down", "source.up"] * 2


def test_excepted_event_takes_along_what_precedes_it_and_nothing_that_follows(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True, quiet={**BERLIN, "except": ["source.down"]})
    bench.at("2026-11-23T21:00:00+00:00")
    for type_ in (EventType.SOURCE_UP, EventType.SOURCE_DOWN, EventType.SOURCE_UP):
        bench.tell(type_, "source")
    bench.owe(1)
    bench.work()
    assert [each.state for each in reversed(listed.deliveries(store))] == ["delivered", "delivered", "queued", "queued"]
    assert len(sink.records()) == 1


def test_what_cannot_be_read_holds_up_what_follows_about_its_subject_in_a_digest(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True)
    bench.mute(hours=2)
    for type_ in (EventType.SOURCE_DOWN, EventType.SOURCE_UP, EventType.SOURCE_DOWN):
        bench.tell(type_, "source")
    bench.owe(1)
    statements(store, "UPDATE events SET type = 'source.upp' WHERE sequence = 2")
    bench.at("2026-11-23T22:00:00+00:00")
    assert [each.state for each in reversed(listed.deliveries(store))] == ["queued", "queued", "queued", "delivered"]
    bench.clock.advance(31)
    bench.work()
    assert [each.state for each in reversed(listed.deliveries(store))] == ["delivered", "queued", "queued", "delivered"]


def test_mute_goes_on_after_a_restart_and_is_told_once_more(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink)
    bench.mute(hours=2)
    bench.owe(1)
    bench.work()
    bench.restart()
    bench.work()
    assert bench.sent() == []
    assert [what for what, _ in bench.heard.mutes] == ["muted", "muted"]


def test_what_was_claimed_before_a_mute_is_not_sent(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink)
    bench.owe(1, 2)
    first, second = bench.dispatcher.claim(2)
    bench.mute(hours=2)
    assert not bench.dispatcher.claim(16)
    bench.dispatcher.record([bench.send(first), bench.send(second)])
    assert bench.sent() == []
    bench.at("2026-11-23T22:00:00+00:00")
    assert bench.sent() == [1, 2]


def test_mute_holds_all_but_that_others_are_down(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, quiet={**BERLIN, "except": ["source.down"]})
    bench.mute(hours=1)
    bench.tell(EventType.SOURCE_DOWN, "source")
    bench.tell(EventType.RECEIVER_DOWN, "receiver/ops", OPS)
    bench.work()
    assert bench.sent() == ["receiver.down"]


def test_quiet_hours_hold_all_but_what_is_excepted(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, quiet={**BERLIN, "except": ["source.down"]})
    bench.at("2026-11-23T21:00:00+00:00")
    bench.owe(1)
    bench.tell(EventType.SOURCE_DOWN, "source")
    bench.tell(EventType.SOURCE_UP, "source")
    bench.work()
    assert bench.sent() == ["source.down"]
    bench.at("2026-11-24T07:00:00+00:00")
    assert bench.sent() == [1, "source.up"]


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        pytest.param("2026-03-28T21:00:00+00:00", "2026-03-29T06:00:00+00:00", id="forward"),
        pytest.param("2026-10-24T20:00:00+00:00", "2026-10-25T07:00:00+00:00", id="back"),
    ],
)
def test_quiet_hours_follow_clocks_that_are_set(store: Store, sink: Sink, begins: str, ends: str) -> None:
    """From 22:00 to 08:00 in Berlin: 9 hours in the night of spring, 11 in that of autumn."""
    begin, end = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    bench = Bench(store, sink, begin - timedelta(hours=1), quiet=BERLIN)
    bench.at((begin - timedelta(seconds=1)).isoformat())
    bench.owe(1)
    bench.work()
    assert bench.sent() == [1]
    assert not bench.holding.begins(bench.clock.now())
    bench.clock.advance(1)
    assert bench.holding.begins(bench.clock.now())
    bench.owe(2)
    bench.work()
    assert bench.sent() == []
    assert not bench.holding.begins(bench.clock.now())
    bench.at((begin + timedelta(hours=5)).isoformat())
    bench.owe(3)
    bench.work()
    assert bench.dispatcher.next_due() == (end - bench.clock.now()).total_seconds()
    bench.at((end - timedelta(seconds=1)).isoformat())
    assert bench.sent() == []
    bench.at(end.isoformat())
    assert bench.sent() == [2, 3]


def test_failing_receiver_is_not_probed_while_it_is_muted_and_gives_up_nothing(store: Store, sink: Sink) -> None:
    """A mute of 30 days is longer than the 75 hours for which a delivery is tried."""
    bench = Bench(store, sink)
    sink.answer = lambda _: Answer.status(500)
    bench.owe(1, 2)
    for _ in range(4):
        bench.work()
        bench.clock.advance(60)
    bench.mute(days=30)
    bench.work()
    assert bench.sent() != []
    bench.clock.advance(29 * 86400)
    bench.work()
    assert bench.sent() == []
    bench.tell(EventType.RECEIVER_DOWN, "receiver/ops", OPS)
    bench.work()
    assert "receiver.down" in bench.sent()
    assert bench.states() == {DeliveryState.QUEUED}
    bench.clock.advance(86400)
    bench.work()
    assert bench.states() == {DeliveryState.QUEUED}
    sink.answer = lambda _: Answer.ok()
    bench.clock.advance(4 * 3600)
    bench.work()
    assert bench.states() == {DeliveryState.DELIVERED}


def test_mute_within_quiet_hours_ends_without_a_release(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, quiet=BERLIN)
    bench.at("2026-11-23T21:00:00+00:00")
    bench.owe(1)
    bench.mute(hours=1)
    bench.work()
    bench.at("2026-11-23T22:30:00+00:00")
    assert bench.sent() == []
    assert [what for what, _ in bench.heard.mutes] == ["muted", "unmuted"]
    bench.at("2026-11-24T07:00:00+00:00")
    assert bench.sent() == [1]
    (delivery,) = listed.deliveries(store)
    assert delivery.first_due_at == bench.clock.now()


@pytest.mark.parametrize("slack", [False, True])
def test_what_is_over_while_a_mute_holds_it_is_not_sent_to_a_receiver_with_hold(
    store: Store, sink: Sink, slack: bool
) -> None:
    """One failure is acknowledged and then sent, an outage is over; another one lasts. All of it within one mute."""
    bench = Bench(store, sink, slack=slack)
    wants = [Subscription("crm", hold=timedelta(minutes=10))]
    bench.mute(hours=2)
    record_health(store, EventType.SOURCE_DOWN, SINCE, bench.clock.now(), wants)
    store.messages.watch([1], bench.clock.now())
    store.record_polls([polled(known(store, 1), Status.FAILED, bench.clock.now())], wants)
    bench.at("2026-11-23T21:00:00+00:00")
    store.incidents.acknowledge(["message/1"], Acknowledged(bench.clock.now(), "anna"))
    bench.clock.advance(60)
    store.record_polls([polled(known(store, 1), Status.SENT, bench.clock.now())], wants)
    record_health(store, EventType.SOURCE_UP, SINCE, bench.clock.now(), wants)
    record_health(store, EventType.SOURCE_DOWN, SINCE, bench.clock.now(), wants)
    bench.at("2026-11-23T22:00:00+00:00")
    while bench.dispatcher.next_due() == 0:  # what was dropped no longer holds up what follows it
        bench.work()
    assert len(sink.records()) == 1
    told = [(each.event.type, each.state) for each in reversed(listed.deliveries(store))]
    assert told == [
        ("source.down", "dropped"),
        ("message.failed", "dropped"),
        ("message.sent", "dropped"),
        ("source.up", "dropped"),
        ("source.down", "delivered"),
    ]


def test_what_is_acknowledged_while_a_mute_holds_it_is_not_sent(store: Store, sink: Sink) -> None:
    """The mute lasts longer than the receiver's own `hold`: it was not told yet."""
    bench = Bench(store, sink)
    wants = [Subscription("crm", hold=timedelta(minutes=10))]
    bench.mute(hours=2)
    record_health(store, EventType.SOURCE_DOWN, SINCE, bench.clock.now(), wants)
    bench.owe(1)
    bench.at("2026-11-23T21:00:00+00:00")
    store.incidents.acknowledge(["source"], Acknowledged(bench.clock.now(), "anna"))
    bench.at("2026-11-23T22:00:00+00:00")
    record_health(store, EventType.SOURCE_UP, SINCE, bench.clock.now(), wants)
    bench.work()
    assert bench.sent() == [1]
    down, up = (each for each in reversed(listed.deliveries(store)) if each.event.subject == "source")
    assert down.state is up.state is DeliveryState.DROPPED
    assert down.reason == "acknowledged by anna"
