"""What happened can be read again: in pages, from a position on, and as one message's story, from a real database."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.domain.errors import UsageError
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.outcome import Dead, Retry
from bridge.store.history import DeliveryQuery, EventQuery, GivenUp
from tests.world.plans import plans
from tests.world.records import NOW, OK, after, due, fail_some, observe, statements, tried

if TYPE_CHECKING:
    from bridge.store.store import Store


@pytest.fixture
def told(store: Store) -> Store:
    """1 was pending, then failed; 2 failed. crm took all of it, at the second try; ops refused the failures."""
    store.messages.watch([1], after(-60))
    observe(store, 1, Status.PENDING, NOW, to=("crm",))
    tried(store, due(store), Retry("503 Service Unavailable"), after(1), answer="not now")
    tried(store, due(store, after(60)), OK, after(60), answer="ok")
    observe(store, 1, Status.FAILED, after(100), to=("crm", "ops"))
    fail_some(store, [2], after(101), to=("crm", "ops"))
    tried(store, due(store, after(101)), OK, after(102))
    tried(store, due(store, after(101), receiver="ops"), Dead("410 Gone"), after(103))
    return store


def test_what_holds_up_deliveries_is_read_at_once(told: Store) -> None:
    """crm took something at 102 s, ops nothing: only to crm a digest goes that what follows waits for."""
    gathers = {"crm": timedelta(seconds=30), "ops": timedelta(hours=1)}
    waits = told.history.waits(after(110), UTC, gathers)
    assert (waits.posts, waits.held, list(waits.down)) == ({"crm": after(132)}, {}, ["ops"])
    assert told.history.waits(after(132), UTC, gathers).posts == {}
    assert told.history.waits(after(50), UTC, gathers).posts == {}, "the clock was set back"
    assert told.history.waits(after(110), UTC).posts == {}


def about(store: Store, query: EventQuery) -> list[tuple[int | None, str]]:
    return [(event.message_id, event.type.removeprefix("message.")) for event in store.history.events(query).items]


def queued(store: Store, query: DeliveryQuery) -> list[tuple[str, int | None, int]]:
    found = store.history.deliveries(query).items
    return [(each.receiver, each.event.message_id, each.event.sequence) for each in found]


def test_events_are_found_newest_first(told: Store) -> None:
    for query, expected in (
        (EventQuery(), [(2, "failed"), (1, "failed"), (1, "pending")]),
        (EventQuery(message_id=1), [(1, "failed"), (1, "pending")]),
        (EventQuery(types=[EventType.MESSAGE_FAILED]), [(2, "failed"), (1, "failed")]),
        (EventQuery(types=()), []),
        (EventQuery(since=NOW, until=after(101)), [(1, "failed"), (1, "pending")]),
        (EventQuery(message_id=2, until=after(101)), []),
    ):
        assert about(told, query) == expected, query


def test_deliveries_are_found_newest_first(told: Store) -> None:
    for query, expected in (
        (DeliveryQuery(receiver="ops"), [("ops", 2, 1), ("ops", 1, 2)]),
        (DeliveryQuery(states=[DeliveryState.DEAD]), [("ops", 2, 1), ("ops", 1, 2)]),
        (DeliveryQuery(states=[DeliveryState.QUEUED]), []),
        (DeliveryQuery(message_id=1), [("ops", 1, 2), ("crm", 1, 2), ("crm", 1, 1)]),
        (DeliveryQuery(message_id=1, types=[EventType.MESSAGE_PENDING]), [("crm", 1, 1)]),
        (DeliveryQuery(since=after(101), receiver="crm"), [("crm", 2, 1)]),
        (DeliveryQuery(until=after(100)), [("crm", 1, 1)]),
    ):
        assert queued(told, query) == expected, query


def test_pages_hold_everything_once_whatever_comes_meanwhile(store: Store) -> None:
    fail_some(store, range(1, 6), NOW, to=("crm", "ops"))
    events = store.history.events(most=2)
    deliveries = store.history.deliveries(most=3)
    fail_some(store, [6], after(1), to=("crm", "ops"))
    rest = store.history.events(cursor=events.next, most=9)
    assert [event.message_id for page in (events, rest) for event in page.items] == [5, 4, 3, 2, 1]
    rest_queued = store.history.deliveries(cursor=deliveries.next, most=7)
    assert [each.id for page in (deliveries, rest_queued) for each in page.items] == list(
        range(deliveries.items[0].id, deliveries.items[0].id - 10, -1)
    )
    assert rest.next is rest_queued.next is None
    with pytest.raises(UsageError, match="cursor"):
        store.history.events(cursor=deliveries.next)


def test_a_story_tells_everything_about_a_message(told: Store) -> None:
    story = told.history.story(1)
    assert story is not None
    assert (story.message.message.id, story.whole) == (1, True)
    assert [
        (
            each.event.type,
            [
                (
                    queued.delivery.receiver,
                    queued.delivery.state,
                    [(made.outcome, made.answer) for made in queued.attempts],
                )
                for queued in each.deliveries
            ],
        )
        for each in story.events
    ] == [
        (
            EventType.MESSAGE_PENDING,
            [("crm", DeliveryState.DELIVERED, [("failed", "not now"), ("delivered", "ok")])],
        ),
        (
            EventType.MESSAGE_FAILED,
            [
                ("crm", DeliveryState.DELIVERED, [("delivered", "")]),
                ("ops", DeliveryState.DEAD, [("refused", "")]),
            ],
        ),
    ]
    assert told.history.story(99) is None


def test_of_a_very_long_story_the_latest_is_told(told: Store) -> None:
    story = told.history.story(1, most=1)
    assert story is not None
    assert ([each.event.type for each in story.events], story.whole) == ([EventType.MESSAGE_FAILED], False)


def test_one_delivery_comes_with_its_attempts(told: Store) -> None:
    (first,) = told.history.deliveries(DeliveryQuery(until=after(1))).items
    undertaken = told.history.delivery(first.id)
    assert undertaken is not None
    assert undertaken.delivery == first
    assert [(made.at, made.http_status) for made in undertaken.attempts] == [(after(1), 500), (after(60), 200)]
    assert told.history.delivery(10**9) is None


def test_dead_letters_are_counted_by_their_reason(told: Store) -> None:
    newest = told.history.deliveries(DeliveryQuery(states=[DeliveryState.DEAD])).items[0].id
    assert told.history.given_up() == (GivenUp("ops", "410 Gone", 2, newest),)


def test_events_are_followed_from_a_position(told: Store) -> None:
    first = told.history.position(told.history.events(EventQuery(message_id=1)).items[-1].id)
    assert first is not None
    found, place = told.history.follow(first, after(1000))
    assert [event.message_id for _, event in found] == [1, 2]
    assert place == found[-1][0] == told.history.place(after(1000))
    assert told.history.follow(place, after(1000)) == ([], place)
    assert told.history.position("evt_none") is None


def test_who_follows_goes_on_behind_what_he_did_not_ask_for(told: Store) -> None:
    found, place = told.history.follow(0, after(1000), EventQuery(types=[EventType.MESSAGE_PENDING]))
    assert ([event.message_id for _, event in found], place) == ([1], told.history.place(after(1000)))


def test_an_event_that_may_yet_be_committed_behind_a_later_one_is_waited_for(store: Store) -> None:
    fail_some(store, [1, 2, 3], NOW, to=())
    last = store.history.place(after(1000))
    statements(store, f"DELETE FROM events WHERE position = {last - 1}")  # as if its transaction was open still
    after_first = last - 2
    alone = store._database.path is not None  # on SQLite nothing is ever committed behind
    found, place = store.history.follow(after_first, after(10))
    assert ([event.message_id for _, event in found], place) == (([3], last) if alone else ([], after_first))
    assert store.history.follow(after_first, after(10.001))[1] == last
    assert store.history.place(after(10)) == (last if alone else after_first), "nor does who begins now skip it"
    assert store.history.place(after(10.001)) == last


def test_an_empty_database_has_no_history(store: Store) -> None:
    assert store.history.place(NOW) == 0
    assert store.history.follow(0, NOW) == ([], 0)
    assert store.history.events().items == ()
    assert store.history.deliveries().items == ()
    assert store.history.given_up() == ()


@pytest.mark.slow
def test_a_page_among_many_reads_no_more_than_itself(store: Store) -> None:
    for second in range(5):
        fail_some(store, range(300 * second + 1, 300 * second + 301), after(second - 5))
    tried(store, store.deliveries.due_together("crm", after(1), 1400), OK)
    page = store.history.deliveries(DeliveryQuery(states=[DeliveryState.QUEUED]), most=5)
    with plans(store) as how:
        store.history.events(most=5)
        store.history.events(EventQuery(message_id=7), most=5)
        store.history.deliveries(DeliveryQuery(states=[DeliveryState.QUEUED]), page.next, most=5)
        store.history.deliveries(DeliveryQuery(states=[DeliveryState.DEAD]), most=5)
        store.history.story(7)
    about_many = [plan for plan in how if "attempts" not in plan]  # there was one, and reading it as a whole is best
    read_whole = [plan for plan in about_many if "Seq Scan" in plan or ("SCAN" in plan and "USING INDEX" not in plan)]
    assert len(about_many) == len(how) - 1
    assert not read_whole
