"""Batches over real HTTP from a real store: several events in a POST, each accounted for on its own."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from bridge.client import verify_batch
from bridge.domain.events import envelope
from bridge.domain.model import DeliveryState, Status
from bridge.domain.routing import Subscription
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.receivers.webhook.receiver import batch_id
from bridge.simulator.faulty_server import Answer
from bridge.simulator.sink import Recorded, Sink
from bridge.store.store import Store
from tests.world import dispatching, listed
from tests.world.clock import START, FakeClock
from tests.world.records import observe, polled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bridge.domain.model import Event

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
POISON = 7


class Bench(dispatching.Bench):
    """The dispatcher of a webhook that gets batches."""

    def __init__(self, store: Store, sink: Sink, **more: Any) -> None:
        settings = WebhookReceiverConfig.model_validate(
            {"name": "crm", "webhook": sink.url, "secret": [SECRET], "batch": {"max": 100, "wait": "2s"}, **more}
        )
        super().__init__(store, settings, FakeClock())
        self.sink = sink

    def lists(self) -> list[list[Any]]:
        return [json.loads(record.body) for record in self.sink.records()]

    def sizes(self) -> list[int]:
        return [len(each) for each in self.lists()]

    def states(self) -> dict[int | None, tuple[DeliveryState, int]]:
        shown = listed.deliveries(self.store)
        return {each.event.message_id: (each.state, each.attempts) for each in shown}

    def owe(self, ids: Sequence[int]) -> list[Event]:
        """Let messages fail now."""
        now = self.clock.now()
        self.store.messages.watch(ids, now)
        found = [shown.message for shown in listed.messages(self.store, ids=ids)]
        found.sort(key=lambda message: message.id)
        polls = [polled(message, Status.FAILED, now, error="Invalid phone number") for message in found]
        return self.store.record_polls(polls, [Subscription("crm", ("*",))])


@pytest.fixture
def store(sqlite_url: str, tmp_path: Path, _sqlite_made: Path) -> Iterator[Store]:
    """On SQLite only: what differs between databases is tested where the queue is."""
    shutil.copy(_sqlite_made, tmp_path / "bridge.db")
    with Store(sqlite_url, exclusive=True) as opened:
        yield opened


def test_wish_to_be_left_alone_holds_though_another_batch_is_set_aside(store: Store) -> None:
    """An internal error with one batch, between the answer 429 to another and the moment when that is recorded."""
    with Sink() as sink:
        bench = Bench(store, sink, batch={"max": 2, "wait": "2s"})
        bench.owe([1, 2, 3, 4, 5, 6])
        first, second = bench.dispatcher.claim(2)
        sink.answer_next(Answer.status(429, retry_after="60"))
        asked = bench.send(first)
        bench.dispatcher.set_aside(second, RuntimeError("nobody expected this"))
        assert bench.dispatcher.claim(16) == ()
        bench.dispatcher.record([asked])
        assert bench.dispatcher.claim(16) == ()
        assert sink.count == 1


@contextmanager
def bench(store: Store, answer: Callable[[Recorded], Answer] | None = None, **more: Any) -> Iterator[Bench]:
    with Sink(answer) as sink:
        made = Bench(store, sink, **more)
        try:
            yield made
        finally:
            made.sender.close()


def refusing(ids: Sequence[int], answer: Answer) -> Callable[[Recorded], Answer]:
    """Answer so whenever one of these messages is in a batch."""

    def respond(record: Recorded) -> Answer:
        held = {event["data"]["message_id"] for event in json.loads(record.body)}
        return answer if held & {*ids} else Answer.ok()

    return respond


def test_a_batch_is_a_signed_list_of_events_each_as_it_would_be_alone(store: Store) -> None:
    with bench(store) as crm:
        told = crm.owe([1, 2, 3])
        crm.clock.advance(2)
        crm.work()
        (record,) = crm.sink.records()
    assert json.loads(record.body) == [envelope(event) for event in told]
    assert record.headers["webhook-id"] == batch_id(told)
    body = record.body.decode()
    assert record.headers["webhook-signature"] == Webhook(SECRET).sign(batch_id(told), crm.clock.now(), body)
    at = crm.clock.now().timestamp()
    assert verify_batch(record.body, record.headers, SECRET, clock=lambda: at) == [envelope(event) for event in told]
    assert crm.states() == dict.fromkeys([1, 2, 3], (DeliveryState.DELIVERED, 1))


def test_an_event_waits_for_others_no_longer_than_it_may_and_a_full_batch_goes_at_once(store: Store) -> None:
    with bench(store, batch={"max": 3, "wait": "2s"}) as crm:
        crm.owe([1, 2])
        crm.work()
        assert (crm.sizes(), crm.dispatcher.next_due()) == ([], 2.0)
        crm.clock.advance(1.5)
        crm.owe([3, 4])
        crm.work()
        assert (crm.sizes(), crm.dispatcher.next_due()) == ([3], 2.0)
        crm.clock.advance(1.9)
        crm.owe([5])
        crm.clock.advance(0.1)
        crm.work()
        assert crm.sizes() == [3, 2], "what came later goes along"
        assert crm.dispatcher.next_due() is None


def test_a_batch_holds_one_event_of_a_message_and_the_next_follows_it(store: Store) -> None:
    with bench(store) as crm:
        store.messages.watch([1, 2], START)
        wanted = ["crm"]
        for status in (Status.PENDING, Status.FAILED):
            for id_ in (1, 2):
                observe(store, id_, status, START, to=wanted)
        crm.clock.advance(2)
        crm.work()
    told = [[(each["data"]["message_id"], each["type"]) for each in batch] for batch in crm.lists()]
    assert told == [
        [(1, "message.pending"), (2, "message.pending")],
        [(1, "message.failed"), (2, "message.failed")],
    ]


@pytest.mark.parametrize("status", [400, 413])
def test_one_event_that_is_refused_costs_the_others_nothing(store: Store, status: int) -> None:
    with bench(store, refusing([POISON], Answer.status(status))) as crm:
        crm.owe(range(1, 101))
        crm.clock.advance(2)
        crm.work()
        states = crm.states()
        assert states.pop(POISON) == (DeliveryState.QUEUED, 1), "it alone is on the schedule"
        assert set(states.values()) == {(DeliveryState.DELIVERED, 1)}
        assert not store.deliveries.breaker("crm").is_open
        assert sorted(crm.sizes(), reverse=True)[:3] == [100, 50, 50]
        assert crm.sink.count <= 15
        crm.clock.advance(5)
        crm.owe(range(201, 204))
        crm.clock.advance(2)
        crm.work()
        assert crm.sizes()[-2:] == [1, 3], "tried again by itself, it spoils no other batch"


@pytest.mark.slow
def test_one_event_at_which_the_receiver_s_server_fails_costs_the_others_nothing(store: Store) -> None:
    with bench(store, refusing([POISON], Answer.status(500))) as crm:
        crm.owe([6, POISON])
        crm.clock.advance(2)
        crm.work()
    assert crm.states() == {6: (DeliveryState.DELIVERED, 1), POISON: (DeliveryState.QUEUED, 1)}
    assert sorted(crm.sizes()) == [1, 1, 1, 1, 2, 2, 2], "each with its quick tries"


def test_an_address_that_is_gone_takes_no_whole_batch_with_it(store: Store) -> None:
    """410 ends the one that is sent by itself; the others are queued until the receiver takes something again."""
    with bench(store, lambda _: Answer.status(410)) as crm:
        crm.owe(range(1, 101))
        crm.clock.advance(2)
        crm.work(room=1)
        dead = [id_ for id_, (state, _) in crm.states().items() if state is DeliveryState.DEAD]
        assert dead == [1]
        assert store.deliveries.breaker("crm").is_open
        crm.sink.answer = lambda _: Answer.ok()
        crm.clock.advance(30)
        crm.work()
    assert [state for state, _ in crm.states().values()].count(DeliveryState.DELIVERED) == 99
    assert crm.sizes()[-2:] == [1, 98], "the first that is taken lets the others go together again"


def test_a_receiver_that_refuses_everything_is_found_out_after_few_calls(store: Store) -> None:
    with bench(store, lambda _: Answer.status(404)) as crm:
        crm.owe(range(1, 501))
        crm.clock.advance(2)
        crm.work()
        assert store.deliveries.breaker("crm").is_open
        assert crm.sink.count <= 40
        assert {state for state, _ in crm.states().values()} == {DeliveryState.QUEUED}
        probes = crm.sink.count
        crm.clock.advance(3600)
        crm.sink.answer = lambda _: Answer.ok()
        crm.work()
        assert crm.sizes()[probes] == 1
        assert {state for state, _ in crm.states().values()} == {DeliveryState.DELIVERED}
        assert crm.sink.count - probes <= 10, "in batches again"


def test_a_pause_that_the_receiver_asks_for_holds_for_the_whole_batch(store: Store) -> None:
    with bench(store, lambda _: Answer.status(429, retry_after="30")) as crm:
        crm.owe([1, 2])
        crm.clock.advance(2)
        crm.work()
        assert crm.sizes() == [2]
        crm.sink.answer = lambda _: Answer.ok()
        crm.clock.advance(29)
        crm.work()
        crm.clock.advance(1)
        crm.work()
    assert crm.sizes() == [2, 2]
    first, again = crm.sink.records()
    assert first.headers["webhook-id"] == again.headers["webhook-id"]


def test_every_attempt_is_recorded_for_each_event_that_it_carried(store: Store) -> None:
    with bench(store, refusing([POISON], Answer.status(400, b"no such customer"))) as crm:
        crm.owe([6, POISON])
        crm.clock.advance(2)
        crm.work()
        ids = {each.event.message_id: each.id for each in listed.deliveries(store)}
        made = {id_: [attempt.answer for attempt in listed.attempts(store, ids[id_])] for id_ in (6, POISON)}
        (refused,) = listed.deliveries(store, state=DeliveryState.QUEUED)
    assert made == {6: ["no such customer", "ok"], POISON: ["no such customer", "no such customer"]}
    assert refused.reason == "HTTP 400 Bad Request: the receiver refuses it"
