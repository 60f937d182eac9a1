"""Mutes and holds in a real database: who is left alone, what is dropped and counted, what the release does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain.event_data import HealthData, ReceiverData
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.mute import Hold, Mute, exempt
from bridge.domain.outcome import Retry
from bridge.domain.routing import Subscription
from bridge.server.auth import Access
from bridge.store.history import EventQuery
from tests.world import listed
from tests.world.api import TOKEN, Api
from tests.world.records import NOW, OK, SINCE, after, due, fail_some, observe, tried

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Delivery
    from bridge.store.store import Store

_HOUR = 3600
_NO = Retry("HTTP 500")
OPS = ReceiverData(receiver="ops", since=SINCE.since, reason=SINCE.reason)


def mute(store: Store, name: str = "crm", *, hours: float = 2, drops: bool = False) -> Mute:
    wanted = Mute(name, NOW, after(hours * _HOUR), "deploy", "anna", drops=drops)
    store.mutes.mute(wanted)
    return wanted


def of(store: Store, message_id: int) -> Delivery:
    (found,) = (each for each in listed.deliveries(store) if each.event.message_id == message_id)
    return found


def tell(store: Store, type_: EventType, data: HealthData, subject: str, at: datetime) -> None:
    with store._events.transaction() as connection:
        store._events.add_health(connection, [(type_, data, at)], subject, [Subscription("crm", ("*",))])


def sent_while_held(store: Store, types: Sequence[str]) -> list[tuple[int | None, EventType]]:
    found = store.exempt_deliveries(exempt(types)).due("crm", after(_HOUR), 100, ())
    return [(each.event.message_id, each.event.type) for each in found]


def test_mute_is_known_until_it_ends(store: Store) -> None:
    wanted = mute(store)
    assert store.mutes.state_of("crm")[:2] == (wanted, None)
    assert store.mutes.state_of("ops")[:2] == (None, None)
    assert store.summaries.summary().mutes == {"crm": wanted}
    assert store.mutes.end("crm", after(_HOUR)) is None
    assert store.mutes.end("crm", wanted.until) == wanted
    assert store.mutes.state_of("crm")[:2] == (None, None)
    assert store.mutes.end("crm", wanted.until) is None


def test_end_of_what_a_mute_dropped_is_dropped_after_it_and_the_next_is_told(store: Store) -> None:
    """Only what does nothing but end it: that a message was sent is news of its own."""
    store.messages.watch([1], NOW)
    mute(store, drops=True)
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", after(60))
    observe(store, 1, Status.FAILED, after(60))
    later = after(3 * _HOUR)
    store.mutes.end("crm", later)
    tell(store, EventType.SOURCE_UP, SINCE, "source", later)
    observe(store, 1, Status.SENT, later)
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", later)
    tell(store, EventType.SOURCE_UP, SINCE, "source", later)
    states = [(each.event.type, each.state) for each in reversed(listed.deliveries(store))]
    assert states == [
        ("source.down", "dropped"),
        ("message.failed", "dropped"),
        ("source.up", "dropped"),
        ("message.sent", "queued"),
        ("source.down", "queued"),
        ("source.up", "queued"),
    ]
    reasons = [each.reason for each in listed.deliveries(store) if each.event.type is EventType.SOURCE_UP]
    assert reasons == [None, "not sent, because what it ends was not sent either"]


def test_end_of_what_was_told_before_a_mute_that_drops_is_told_after_it(store: Store) -> None:
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", NOW)
    (down,) = due(store)
    tried(store, down, OK)
    mute(store, drops=True)
    tell(store, EventType.SOURCE_UP, SINCE, "source", after(60))
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", after(120))
    tell(store, EventType.SOURCE_UP, SINCE, "source", after(3 * _HOUR))
    assert [str(each.state) for each in reversed(listed.deliveries(store))] == [
        *("delivered", "dropped", "dropped", "queued"),
    ]


def test_end_of_what_was_dropped_and_then_sent_again_is_told(store: Store) -> None:
    mute(store, drops=True)
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", after(60))
    store.resending.resend(EventQuery(), [Subscription("crm", ("*",))], after(3 * _HOUR))
    tell(store, EventType.SOURCE_UP, SINCE, "source", after(3 * _HOUR))
    assert [str(each.state) for each in reversed(listed.deliveries(store))] == ["dropped", "queued", "queued"]


def test_mute_replaces_the_one_before(store: Store) -> None:
    mute(store, drops=True)
    fail_some(store, [1, 2], after(60))
    replaced = Mute("crm", after(120), after(600))
    store.mutes.mute(replaced)
    found, *_ = store.mutes.state_of("crm")
    assert found == Mute("crm", after(120), after(600), dropped=2)


def test_unmuting_ends_a_mute_now(store: Store) -> None:
    wanted = mute(store)
    assert store.mutes.unmute("crm", after(60)) == replace(wanted, until=after(60))
    assert store.mutes.unmute("crm", after(60)) is None
    assert store.mutes.end("crm", after(60)) is not None
    assert store.mutes.unmute("ops", after(60)) is None


def test_what_a_mute_holds_is_held_no_longer_than_it_lasts_though_no_daemon_runs(store: Store) -> None:
    wanted = mute(store)
    store.mutes.hold(Hold("crm", NOW, wanted.until))
    store.mutes.mute(replace(wanted, until=after(600)))
    assert store.mutes.holding(after(601)) == {}
    store.mutes.mute(wanted, after(4 * _HOUR))
    assert store.mutes.holding(after(3 * _HOUR)) == {"crm": Hold("crm", NOW, after(4 * _HOUR))}
    store.mutes.unmute("crm", after(60))
    assert store.mutes.holding(after(60)) == {}
    mute(store)
    store.mutes.unmute("crm", after(60), after(_HOUR))
    assert store.mutes.holding(after(60)) == {"crm": Hold("crm", NOW, after(_HOUR))}


def test_mute_that_drops_writes_why_and_counts(store: Store) -> None:
    fail_some(store, [1], after(-60))
    mute(store, drops=True)
    told: list[tuple[str, int]] = []
    store.when_dropped(lambda receiver, count: told.append((receiver, count)))
    fail_some(store, [2, 3], after(60), to=["crm", "ops"])
    assert of(store, 1).state is DeliveryState.QUEUED
    (dropped, queued) = sorted(
        (each for each in listed.deliveries(store) if each.event.message_id == 2), key=lambda each: each.receiver
    )
    assert (dropped.state, dropped.finished_at) == (DeliveryState.DROPPED, after(60))
    assert dropped.reason == "crm was muted by anna: deploy"
    assert queued.state is DeliveryState.QUEUED
    assert told == [("crm", 2)]
    found, *_ = store.mutes.state_of("crm")
    assert found is not None
    assert found.dropped == 2


def test_mute_drops_nothing_before_it_and_after_its_end(store: Store) -> None:
    mute(store, hours=1, drops=True)
    fail_some(store, [1], after(-1))
    fail_some(store, [2], after(_HOUR))
    assert {each.state for each in listed.deliveries(store)} == {DeliveryState.QUEUED}


def test_mute_does_not_drop_that_another_receiver_is_down(store: Store) -> None:
    mute(store, drops=True)
    tell(store, EventType.RECEIVER_DOWN, OPS, "receiver/ops", after(60))
    (told,) = listed.deliveries(store, receiver="crm")
    assert told.state is DeliveryState.QUEUED


def test_release_adds_the_held_time_once(store: Store) -> None:
    """What was due before waited without the hold until it began; what came meanwhile is due now; the rest waits on."""
    fail_some(store, [1], after(-300))
    tried(store, due(store, after(-300)), _NO, at=after(-300))
    later = of(store, 1)
    fail_some(store, [2], after(-60))
    store.mutes.hold(Hold("crm", NOW, after(_HOUR)))
    store.mutes.hold(Hold("crm", after(600), after(2 * _HOUR)))
    assert store.mutes.state_of("crm")[:2] == (None, Hold("crm", NOW, after(2 * _HOUR)))
    fail_some(store, [3], after(1000))
    assert store.mutes.release("crm", after(_HOUR))
    assert of(store, 1).first_due_at == after(_HOUR - 300)
    assert of(store, 1).due_at == later.due_at + timedelta(hours=1)
    assert (of(store, 2).first_due_at, of(store, 2).due_at) == (after(_HOUR - 60), after(_HOUR - 60))
    assert (of(store, 3).first_due_at, of(store, 3).due_at) == (after(_HOUR), after(_HOUR))
    assert of(store, 3).created_at == after(1000)
    before = listed.deliveries(store)
    assert not store.mutes.release("crm", after(2 * _HOUR))
    assert listed.deliveries(store) == before


def test_release_leaves_what_is_due_later_and_others_alone(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.FAILED, NOW, to=["crm", "ops"])
    store.mutes.hold(Hold("crm", after(-60), after(60)))
    assert store.mutes.release("crm", after(-30))
    assert {each.first_due_at for each in listed.deliveries(store)} == {NOW}


def test_release_moves_nothing_back_where_the_clock_was_set(store: Store) -> None:
    fail_some(store, [1], after(-60))
    store.mutes.hold(Hold("crm", NOW, after(_HOUR)))
    assert store.mutes.release("crm", after(-30))
    assert of(store, 1).first_due_at == after(-60)


def test_what_is_held_is_not_the_oldest_that_is_queued(store: Store) -> None:
    fail_some(store, [1], after(-600))
    fail_some(store, [2], after(-60), to=["ops"])
    assert store.summaries.summary().oldest_queued == after(-600)
    store.mutes.hold(Hold("crm", NOW, after(_HOUR)))
    assert store.summaries.summary().oldest_queued == after(-60)
    store.mutes.release("crm", after(_HOUR))
    assert store.summaries.summary().oldest_queued == after(-60)


def test_held_receiver_needs_a_look_at_the_start(store: Store) -> None:
    assert not store.deliveries.needs_look("crm")
    mute(store, "crm")
    store.mutes.hold(Hold("ops", NOW, after(_HOUR)))
    assert store.deliveries.needs_look("crm")
    assert store.deliveries.needs_look("ops")


def test_exempt_events_are_found_among_those_held(store: Store) -> None:
    fail_some(store, [1, 2], NOW)
    tell(store, EventType.SOURCE_DOWN, SINCE, "source", NOW)
    tell(store, EventType.RECEIVER_DOWN, OPS, "receiver/ops", NOW)
    assert sent_while_held(store, []) == [(None, EventType.RECEIVER_DOWN)]
    assert sent_while_held(store, ["source.down"]) == [
        (None, EventType.SOURCE_DOWN),
        (None, EventType.RECEIVER_DOWN),
    ]
    assert [id_ for id_, _ in sent_while_held(store, ["message.failed"])] == [1, 2, None]


def test_what_comes_before_an_exempt_event_of_its_subject_goes_with_it(store: Store) -> None:
    """The order of one message's events holds: what is held would else come after it."""
    store.messages.watch([1, 2], NOW)
    for id_ in (1, 2):
        observe(store, id_, Status.PENDING, NOW)
    observe(store, 1, Status.FAILED, after(10))
    assert sent_while_held(store, ["message.failed"]) == [(1, EventType.MESSAGE_PENDING)]


def test_clock_that_is_set_moves_since_when_it_is_held(store: Store) -> None:
    store.mutes.hold(Hold("crm", NOW, after(_HOUR)))
    store.shift_time(timedelta(minutes=10))
    assert store.mutes.state_of("crm")[:2] == (None, Hold("crm", after(600), after(_HOUR)))


def test_mute_of_a_wrong_clock_lasts_as_long_as_it_was_meant_to(store: Store) -> None:
    store.mutes.mute(Mute("crm", after(400 * 86400), after(400 * 86400 + 2 * _HOUR)))
    store.clamp_time(after(60), after(60), NOW)
    found, *_ = store.mutes.state_of("crm")
    assert found is not None
    assert (found.since, found.until) == (NOW, after(2 * _HOUR))


def test_mute_that_drops_does_so_although_the_clock_was_set_back(store: Store) -> None:
    mute(store, drops=True)
    store.clamp_time(NOW, NOW, after(-300))
    fail_some(store, [1], after(-200))
    assert of(store, 1).state is DeliveryState.DROPPED


def test_mute_of_a_receiver_that_is_no_longer_configured_can_be_ended(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:  # whose configuration has no receiver
        for end, answer in (
            *((by_page, "gone is no longer muted"), (by_page, "there is no such receiver")),
            *((by_api, "anna"), (by_api, "unknown")),
        ):
            if answer in {"gone is no longer muted", "anna"}:
                mute(sqlite_store, "gone")
            assert answer in end(api)


def by_page(api: Api) -> str:
    form = {"unmute": "gone", "token": TOKEN}
    return api.ask("POST", "/receivers/mute", data=form, headers={}).text


def by_api(api: Api) -> str:
    return api.ask("DELETE", "/v1/receivers/gone/mute").text
