"""The threads in both databases: which post a subject is written about under, and how long that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.delivery_decision import Round, decide
from bridge.domain.model import Attempt, EventType, Post, Status
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.routing import Subscription
from bridge.domain.threads import Thread
from bridge.store.deliveries import DeliveryResult
from tests.world.records import NOW, SINCE, after, due, fail_some, observe, record_health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.model import Delivery
    from bridge.domain.outcome import Outcome
    from bridge.store.store import Store

FIRST, SECOND = (Post("C0000001", f"1700000000.00000{number}", "#ops") for number in (1, 2))


def posted(store: Store, told: Sequence[Delivery], post: Post | None, outcome: Outcome | None = None) -> None:
    """Record that these deliveries went in one post."""
    made = Attempt(NOW, 0.1, outcome or Delivered(), 200, posted=post)

    def decided(breaker: CircuitBreaker) -> list[DeliveryResult]:
        judged = decide(Round(tuple(told), made.outcome, NOW, NOW), breaker, concurrency=1, jitter=lambda: 0)
        return [DeliveryResult((made,), judged, NOW)]

    store.record_deliveries(told[0].receiver, decided)


def observe_first(store: Store, id_: int, status: Status) -> None:
    store.messages.watch([id_], NOW)
    observe(store, id_, status)


def test_post_of_one_event_is_its_parent(store: Store) -> None:
    (failed,) = fail_some(store, [1])
    posted(store, due(store), FIRST)
    assert store.threads.of("crm", "#ops", ["message/1", "message/2"]) == {"message/1": Thread(FIRST, failed)}
    assert store.threads.of("ops", "#ops", ["message/1"]) == {}


def test_digest_is_the_post_of_all_in_it_and_the_parent_of_none(store: Store) -> None:
    ids = range(1, 1201)  # more than one statement takes
    fail_some(store, ids)
    posted(store, due(store, most=2000), FIRST)
    found = store.threads.of("crm", "#ops", [f"message/{id_}" for id_ in ids])
    assert len(found) == len(ids)
    assert set(found.values()) == {Thread(FIRST)}


def test_post_of_several_events_of_one_subject_is_noted_once(store: Store) -> None:
    for type_ in (EventType.SOURCE_DOWN, EventType.SOURCE_UP):
        record_health(store, type_, SINCE, NOW, [Subscription("crm", ("*",))])
    told = store.deliveries.due_together("crm", NOW, 100)
    assert [each.event.type for each in told] == ["source.down", "source.up"]
    posted(store, told, FIRST)
    whole = Thread(FIRST, None, tuple(each.event for each in told))
    assert store.threads.of("crm", "#ops", ["source"]) == {"source": whole}


def test_thread_in_another_channel_than_the_configured_one_does_not_count(store: Store) -> None:
    fail_some(store, [1])
    posted(store, due(store), FIRST)
    assert store.threads.of("crm", "#alerts", ["message/1"]) == {}
    assert store.threads.of("crm", "#ops", ["message/1"])["message/1"].post.configured == "#ops"


def test_digest_is_known_whole_once_nothing_of_it_is_wrong(store: Store) -> None:
    """An outage that began anew is told elsewhere: it does not count."""
    wants = [Subscription("crm", ("*",))]
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, wants)
    fail_some(store, [1, 2])
    told = store.deliveries.due_together("crm", NOW, 100)
    posted(store, told, FIRST)
    observe(store, 1, Status.SENT, after(60))
    record_health(store, EventType.SOURCE_UP, SINCE, after(60), wants)
    record_health(store, EventType.SOURCE_DOWN, SINCE, after(120), wants)
    down = store.deliveries.due_together("crm", after(120), 100)[-1]
    assert down.event.type is EventType.SOURCE_DOWN
    found = store.threads.of("crm", "#ops", ["message/1", "message/2"])
    assert found == {"message/1": Thread(FIRST), "message/2": Thread(FIRST)}
    observe(store, 2, Status.SENT, after(180))
    assert store.threads.of("crm", "#ops", ["message/2"]) == {"message/2": Thread(FIRST)}, "the source is down"
    posted(store, [down], SECOND)
    whole = Thread(FIRST, None, tuple(each.event for each in told))
    assert store.threads.of("crm", "#ops", ["message/2"]) == {"message/2": whole}


def test_reply_and_failure_change_nothing_and_a_new_post_replaces_the_old(store: Store) -> None:
    fail_some(store, [1])
    posted(store, due(store), None, Retry("not_in_channel"))
    assert store.threads.of("crm", "#ops", ["message/1"]) == {}
    posted(store, due(store, after(3600)), FIRST)
    (sent,) = observe(store, 1, Status.SENT, after(60))
    posted(store, due(store, after(60)), None)
    assert store.threads.of("crm", "#ops", ["message/1"])["message/1"].post == FIRST
    observe(store, 1, Status.FAILED, after(120))
    (again,) = due(store, after(120))
    posted(store, [again], SECOND)
    assert store.threads.of("crm", "#ops", ["message/1"]) == {"message/1": Thread(SECOND, again.event)}
    assert again.event != sent


def test_each_part_of_a_pack_goes_to_its_thread(store: Store) -> None:
    fail_some(store, [1])
    posted(store, due(store), FIRST)
    observe(store, 1, Status.SENT, after(60))
    fail_some(store, [2], after(60))
    record_health(store, EventType.SOURCE_DOWN, SINCE, after(60), [Subscription("crm", ("*",))])
    parts = store.threads.divide("crm", "#ops", due(store, after(60)))
    told = [([each.event.subject for each in part], thread and thread.post) for part, thread in parts]
    assert told == [(["message/2", "source"], None), (["message/1"], FIRST)]


def test_thread_goes_with_the_retention_and_its_parent_may_go_before(store: Store) -> None:
    observe_first(store, 1, Status.SENT)
    posted(store, due(store), FIRST)
    store.prune(NOW)
    assert "message/1" in store.threads.of("crm", "#ops", ["message/1"])
    store.prune(after(0.001))
    assert store.threads.of("crm", "#ops", ["message/1"]) == {}


def test_thread_that_is_in_use_stays(store: Store) -> None:
    """A source that is down for longer than the retention, and a number that comes and goes."""
    wants = [Subscription("crm", ("*",))]
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, wants)
    posted(store, due(store), FIRST)
    store.prune(after(3600))
    assert "source" in store.threads.of("crm", "#ops", ["source"])
    record_health(store, EventType.SOURCE_UP, SINCE, after(7200), wants)
    posted(store, due(store, after(7200)), None)
    store.prune(after(7200))
    assert "source" in store.threads.of("crm", "#ops", ["source"]), "its end was just told"
    store.prune(after(7201))
    assert store.threads.of("crm", "#ops", ["source"]) == {}
