"""A receiver is reminded of what is still wrong: by the real dispatcher, with a clock that tests set."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.delivery_decision import Round, decide
from bridge.domain.model import Attempt, DeliveryState, EventType, Status
from bridge.domain.outcome import Delivered
from bridge.domain.routing import Subscription
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.simulator.faulty_server import Answer
from bridge.simulator.sink import Sink
from bridge.simulator.slack import Slack
from bridge.store.deliveries import DeliveryResult
from bridge.store.history import EventQuery
from bridge.store.store import Store
from tests.world import dispatching, listed
from tests.world.clock import START, FakeClock
from tests.world.records import SINCE, due, fail_some, known, polled, record_health, values
from tests.world.slack import bot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import Delivery
    from bridge.receivers.base_config import ReceiverConfig

EVERYTHING = [Subscription("crm", ("*",))]


class Bench(dispatching.Bench):
    """The dispatcher of a receiver with `remind: 1h`."""

    def __init__(self, store: Store, sink: Sink, *, slack: bool = False) -> None:
        kind: type[ReceiverConfig] = SlackReceiverConfig if slack else WebhookReceiverConfig
        settings = kind.model_validate({"name": "crm", "slack" if slack else "webhook": sink.url, "remind": "1h"})
        super().__init__(store, settings, FakeClock())
        self.sink = sink

    def tell(self, type_: EventType) -> None:
        record_health(self.store, type_, SINCE, self.clock.now(), EVERYTHING)

    def see(self, status: Status) -> None:
        self.store.record_polls([polled(known(self.store, 1), status, self.clock.now())], EVERYTHING)

    def wait(self, **lasting: float) -> None:
        """Let time pass, and do what is to be done."""
        self.clock.advance(timedelta(**lasting).total_seconds())
        self.work()

    def came(self) -> list[dict[str, Any]]:
        return [json.loads(record.body) for record in self.sink.records()]

    def numbers(self) -> list[tuple[str, int | None]]:
        """Name what came, and which reminder it was."""
        return [(event["type"], event["data"].get("reminder")) for event in self.came()]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as opened:
        yield opened


@pytest.fixture
def bench(store: Store, sink: Sink) -> Bench:
    return Bench(store, sink)


def test_reminded_every_hour_until_it_is_over(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.wait(minutes=59)
    assert bench.dispatcher.next_due() == 60
    bench.wait(minutes=1)
    bench.wait(hours=1)
    bench.tell(EventType.SOURCE_UP)
    bench.wait(hours=3)
    assert bench.numbers() == [("source.down", None), ("source.down", 1), ("source.down", 2), ("source.up", None)]
    first, *reminders = bench.came()[:3]
    assert [event["data"]["lasting_seconds"] for event in reminders] == [3600, 7200]
    assert len({event["id"] for event in bench.came()}) == 4
    assert {event["timestamp"] for event in reminders} == {first["timestamp"]}
    assert bench.dispatcher.next_due() is None


def test_reminder_is_the_same_on_every_attempt(store: Store) -> None:
    answers = iter([Answer(200), *[Answer(503)] * 3, Answer(200)])
    with Sink(lambda _: next(answers)) as sink:
        bench = Bench(store, sink)
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        bench.wait(hours=1)
        bench.wait(minutes=5)
        first, *rest = bench.sink.records()[1:]
    assert len(rest) == 3
    assert {(record.body, record.headers["webhook-id"]) for record in rest} == {
        (first.body, first.headers["webhook-id"])
    }


@pytest.mark.slow
def test_reminders_do_not_pile_up_while_the_receiver_is_away(store: Store) -> None:
    """One is queued at most; if it is over when the receiver is back, only that is told."""
    down = threading.Event()
    with Sink(lambda _: Answer(503 if down.is_set() else 200)) as sink:
        bench = Bench(store, sink)
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        down.set()
        for _ in range(30):
            bench.wait(minutes=20)
        (reminder,) = (each for each in listed.deliveries(store) if each.state is DeliveryState.QUEUED)
        assert reminder.reminder == 1
        bench.tell(EventType.SOURCE_UP)
        down.clear()
        bench.wait(hours=1)
        bench.wait(hours=5)
    up, reminder, _ = sorted(listed.deliveries(store), key=lambda each: -each.id)
    assert (up.state, reminder.state) == (DeliveryState.DELIVERED, DeliveryState.DROPPED)
    assert reminder.reason == "over, or acknowledged, before it was sent"


def test_failed_message_is_reminded_of_until_its_status_changes(bench: Bench) -> None:
    fail_some(bench.store, [1], bench.clock.now())
    bench.work()
    bench.wait(hours=1)
    bench.see(Status.SENT)
    bench.wait(hours=5)
    assert bench.numbers() == [("message.failed", None), ("message.failed", 1), ("message.sent", None)]


def test_new_failure_begins_anew(bench: Bench) -> None:
    for _ in range(2):
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        bench.wait(hours=1)
        bench.tell(EventType.SOURCE_UP)
        bench.work()
    assert [number for type_, number in bench.numbers() if type_ == "source.down"] == [None, 1, None, 1]


def test_reminders_count_on_after_the_event_was_sent_again(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.wait(hours=1)
    bench.store.resending.resend(EventQuery(), EVERYTHING, bench.clock.now())
    bench.work()
    bench.wait(hours=1)
    bench.wait(hours=1)
    assert bench.numbers() == [("source.down", number) for number in (None, 1, None, 2, 3)]
    assert len({event["id"] for event in bench.came()}) == 4, "only what is sent again has the id of before"


def test_other_events_are_told_once(bench: Bench) -> None:
    bench.store.messages.watch([1], bench.clock.now())
    bench.see(Status.CANCELLED)
    bench.work()
    bench.wait(days=1)
    assert bench.numbers() == [("message.cancelled", None)]


def test_reminders_of_a_chat_go_in_one_digest(store: Store, sink: Sink) -> None:
    bench = Bench(store, sink, slack=True)
    fail_some(store, range(1, 8), bench.clock.now())
    bench.work()
    bench.wait(hours=1)
    bench.wait(hours=1)
    assert bench.sink.count == 3
    assert len(listed.deliveries(store)) == 21


def test_reminders_of_a_chat_that_are_due_soon_go_along(store: Store, sink: Sink) -> None:
    """Ten failures, one every five minutes, are soon one digest an hour: after 60 min, 95, 155 and 215."""
    bench = Bench(store, sink, slack=True)
    for id_ in range(1, 11):
        fail_some(store, [id_], bench.clock.now())
        bench.work()
        bench.wait(minutes=5)
    assert sink.count == 10
    for _ in range(36):
        bench.wait(minutes=5)
    assert sink.count == 10 + 4
    assert Counter(each.reminder for each in listed.deliveries(store)) == {0: 10, 1: 10, 2: 10, 3: 10, 4: 7}


def test_reminders_by_a_bot_are_one_post_and_each_message_stays_in_its_thread(store: Store) -> None:
    """Of several threads, they are a digest of their own in the channel; once one is left, it is in its thread."""
    with Slack() as slack:
        bench = dispatching.Bench(
            store, SlackBotReceiverConfig.model_validate(bot(slack, "crm", remind="1h")), FakeClock()
        )
        for id_ in range(1, 5):
            fail_some(store, [id_], bench.clock.now())
            bench.work()
        for hour in range(1, 4):
            bench.clock.advance(3600)
            bench.work()
            if hour == 2:
                for id_ in (2, 3, 4):
                    store.record_polls([polled(known(store, id_), Status.SENT, bench.clock.now())], EVERYTHING)
                bench.work()
        first, digests, rest = slack.posts[:4], slack.posts[4:6], slack.posts[6:]
    assert all(
        (post.thread_ts, "REMINDER: 4 WhatsApp messages failed" in post.text) == (None, True) for post in digests
    )
    assert [post.thread_ts for post in rest] == [*(post.ts for post in first[1:]), first[0].ts]
    assert [post.broadcast for post in rest] == [False, False, False, True]
    assert [post.edits for post in first] == [0, 1, 1, 1]


def test_digest_with_an_event_and_its_reminder_plans_one_reminder(store: Store, sink: Sink) -> None:
    """The event is sent again by hand while a reminder of it waits."""
    bench = Bench(store, sink, slack=True)
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.store.resending.resend(EventQuery(), EVERYTHING, bench.clock.now())
    bench.clock.advance(3600)
    bench.work()
    assert bench.sink.count == 2
    assert [each.state for each in listed.deliveries(store)] == [DeliveryState.DELIVERED] * 3
    assert list(values(store, "SELECT count(*) FROM reminders")) == [(1,)]


def test_reminder_that_is_given_up_is_followed_by_the_next(store: Store) -> None:
    answers = iter([Answer(200), Answer(410), Answer(200)])
    with Sink(lambda _: next(answers)) as sink:
        bench = Bench(store, sink)
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        bench.wait(hours=1)
        assert listed.deliveries(store)[0].state is DeliveryState.DEAD
        bench.wait(hours=1)
        assert bench.numbers() == [("source.down", None), ("source.down", 1), ("source.down", 2)]


@pytest.mark.slow
def test_reminder_that_is_given_up_with_its_receiver_is_followed_by_the_next(store: Store) -> None:
    """It is away for longer than 75 hours; newer events are the probes, so that no probe carries the reminder."""
    down = threading.Event()
    with Sink(lambda _: Answer(503 if down.is_set() else 200)) as sink:
        bench = Bench(store, sink)
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        down.set()
        for hour in range(1, 80):
            fail_some(store, [hour], bench.clock.now())
            bench.wait(hours=1)
        of_source = (each for each in listed.deliveries(store) if each.event.type is EventType.SOURCE_DOWN)
        (reminder,) = (each for each in of_source if each.reminder == 1)
        assert reminder.state is DeliveryState.DEAD
        assert "the receiver is down" in (reminder.reason or ""), "no attempt of its own"
        down.clear()
        bench.wait(hours=1)
        bench.wait(minutes=1)
        assert ("source.down", 2) in bench.numbers()


def test_reminder_that_is_given_up_after_internal_errors_is_followed_by_the_next(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.clock.advance(3600)
    bench.store.reminders.queue_due("crm", bench.clock.now())
    (reminder, _) = listed.deliveries(bench.store)
    later = bench.clock.now() + timedelta(hours=76)
    every = timedelta(hours=1)
    assert bench.store.quarantine.set_delivery_aside(reminder.id, "x", later, remind=every)
    assert bench.store.reminders.next_due("crm") == later + every


def test_event_that_is_given_up_is_reminded_of_while_it_lasts(store: Store) -> None:
    """Or nobody would ever hear of it: the receiver may take the reminder."""
    answers = iter([Answer(410), Answer(200), Answer(200)])
    with Sink(lambda _: next(answers)) as sink:
        bench = Bench(store, sink)
        bench.tell(EventType.SOURCE_DOWN)
        bench.work()
        assert store.reminders.next_due("crm") == bench.clock.now() + timedelta(hours=1)
        bench.wait(hours=1)
        assert bench.numbers() == [("source.down", None), ("source.down", 1)]
        bench.tell(EventType.SOURCE_UP)
        bench.work()
        bench.wait(hours=2)
        assert bench.numbers()[2:] == [("source.up", None)]


def test_receiver_that_wants_none_any_more_gets_none(bench: Bench) -> None:
    """What was planned stays, for a node whose configuration differs may have planned it, until it is over."""
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.store.reminders.configure({"ops": timedelta(hours=1)}, bench.clock.now())
    wanted = bench.settings
    bench.settings = wanted.model_copy(update={"remind": None})
    bench.restart()
    bench.wait(hours=2)
    assert bench.dispatcher.next_due() is None
    assert bench.numbers() == [("source.down", None)]
    bench.settings = wanted
    bench.restart()
    bench.work()
    assert bench.numbers() == [("source.down", None), ("source.down", 1)]
    bench.store.prune(bench.clock.now())
    assert bench.store.reminders.next_due("crm") is not None
    bench.tell(EventType.SOURCE_UP)
    bench.store.prune(bench.clock.now())
    assert list(values(bench.store, "SELECT count(*) FROM reminders")) == [(0,)]


def test_reminder_comes_sooner_where_the_configuration_says_so_now(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    bench.store.reminders.configure({"crm": timedelta(minutes=1)}, bench.clock.now())
    assert bench.store.reminders.next_due("crm") == bench.clock.now() + timedelta(minutes=1)


def test_receiver_with_a_reminder_to_come_is_looked_at_after_a_start(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    assert bench.store.needs_look("crm")
    assert not bench.store.needs_look("ops")


def test_reminder_follows_a_clock_that_was_set(bench: Bench) -> None:
    bench.tell(EventType.SOURCE_DOWN)
    bench.work()
    before = bench.store.reminders.next_due("crm")
    assert before is not None
    bench.store.shift_time(timedelta(days=1))
    assert bench.store.reminders.next_due("crm") == before + timedelta(days=1)


@pytest.mark.slow
@pytest.mark.postgres
def test_two_nodes_make_each_reminder_once(postgres_url: str) -> None:
    with Store(postgres_url) as store:
        fail_some(store, range(1, 51), START)
        for delivery in due(store, START):
            made = Attempt(START, 0.1, Delivered(), 200)
            store.record_deliveries("crm", partial(_decided, delivery, made), remind=timedelta(hours=1))
    with Store(postgres_url, node=True) as one, Store(postgres_url, node=True) as other:
        at = START + timedelta(hours=1)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda store: store.reminders.queue_due("crm", at), [one, other] * 5))
        made_of = [each.event.message_id for each in listed.deliveries(one) if each.reminder]
        assert sorted(filter(None, made_of)) == list(range(1, 51))


def _decided(delivery: Delivery, made: Attempt, breaker: CircuitBreaker) -> list[DeliveryResult]:
    decision = decide(Round((delivery,), made.outcome, START, START), breaker, concurrency=1, jitter=lambda: 0)
    return [DeliveryResult((made,), decision, START)]
