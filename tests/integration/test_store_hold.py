"""What is wrong is told to a receiver with `hold` only if it lasts: by the real rules, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count, zip_longest
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.event_data import NumberData
from bridge.domain.incidents import GOOD_NEWS, OPENS, Acknowledged
from bridge.domain.model import DeliveryState, EventType, Observation, Status
from bridge.domain.mute import Hold
from bridge.domain.poll_schedule import Interval, Schedule
from bridge.domain.retry import LONGEST_WAIT
from bridge.domain.routing import Subscription
from bridge.store.poll_results import PollResult
from bridge.store.store import Store
from tests.world import listed
from tests.world.records import NOW, OK, SINCE, after, due, fail_some, known, polled, record_health, tried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.domain.model import Delivery, Event

HOLD = timedelta(minutes=10)
LATER = Subscription("later", ("*",), hold=HOLD)
AT_ONCE = Subscription("now", ("*",))
BOTH = (AT_ONCE, LATER)

_STUCK = Schedule((Interval(timedelta(seconds=30)),), stuck_after=timedelta(seconds=1))
_NUMBER = NumberData(number="+49151", whatsapp_client_id=7, since=SINCE.since)
_ids = count(1)


def minutes(count: float) -> datetime:
    return after(60 * count)


def see(store: Store, status: Status, at: datetime, error: str | None = None) -> list[Event]:
    """Record that a poll saw a status of the one message."""
    return store.record_polls([polled(known(store, 1), status, at, error=error)], BOTH)


def deliveries(store: Store, receiver: str = "later") -> list[Delivery]:
    """List them, oldest first."""
    return sorted((each for each in listed.deliveries(store) if each.receiver == receiver), key=lambda each: each.id)


def came(store: Store, receiver: str = "later") -> list[tuple[str, str]]:
    """List what became of each event."""
    return [(str(each.event.type), str(each.state)) for each in deliveries(store, receiver)]


def send_what_is_due(store: Store, at: datetime, receiver: str = "later") -> list[str]:
    """Deliver as a dispatcher does, and name what was sent."""
    found = due(store, at, receiver=receiver)
    over = store.reminders.drop_over(receiver, [each.id for each in found if each.withheld_until], at)
    sent = [each for each in found if each.id not in over]
    for each in sent:
        tried(store, each, OK, at)
    return [str(each.event.type) for each in sent]


@pytest.fixture
def watching(store: Store) -> Store:
    store.messages.watch([1], NOW)
    return store


def test_what_is_over_before_its_time_is_told_neither_with_its_end(store: Store) -> None:
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, BOTH)
    (held,) = deliveries(store)
    assert held.due_at == held.first_due_at == NOW + HOLD
    assert held.reason == "held back: sent if it is not over or acknowledged within 10 min (`hold`)"
    assert send_what_is_due(store, minutes(9)) == []
    dropped: list[tuple[str, int]] = []
    store.when_dropped(lambda receiver, count: dropped.append((receiver, count)))
    record_health(store, EventType.SOURCE_UP, SINCE, minutes(3), BOTH)
    down, up = deliveries(store)
    assert (down.state, down.finished_at) == (DeliveryState.DROPPED, minutes(3))
    assert down.reason == "over after 3 min: not sent, because `hold` is 10 min"
    assert (up.state, up.reason) == (
        DeliveryState.DROPPED,
        "not sent, because what it ends was not sent either",
    )
    assert dropped == [("later", 2)]
    assert send_what_is_due(store, minutes(30)) == []
    assert send_what_is_due(store, minutes(30), "now") == ["source.down"]
    assert send_what_is_due(store, minutes(30), "now") == ["source.up"]


def test_what_lasts_is_told_with_its_end(store: Store) -> None:
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, BOTH)
    assert store.deliveries.next_due("later", NOW) == NOW + HOLD
    assert send_what_is_due(store, minutes(10)) == ["source.down"]
    record_health(store, EventType.SOURCE_UP, SINCE, minutes(11), BOTH)
    assert send_what_is_due(store, minutes(11)) == ["source.up"]


def test_what_was_over_before_the_receiver_took_anything_is_not_told_either(store: Store) -> None:
    """It lasted longer than `hold`, but the receiver was muted, or away; what was over is dropped with its end."""
    dropped: list[tuple[str, int]] = []
    store.when_dropped(lambda receiver, count: dropped.append((receiver, count)))
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, BOTH)
    record_health(store, EventType.SOURCE_UP, SINCE, minutes(12), BOTH)
    record_health(store, EventType.SOURCE_DOWN, SINCE, minutes(13), BOTH)
    assert send_what_is_due(store, minutes(30)) == []
    assert send_what_is_due(store, minutes(30)) == ["source.down"]
    assert came(store) == [("source.down", "dropped"), ("source.up", "dropped"), ("source.down", "delivered")]
    down, up, _ = deliveries(store)
    assert down.reason == "over before it was sent (`hold`)"
    assert up.reason == "not sent, because what it ends was not sent either"
    assert dropped == [("later", 2)]


def test_what_was_acknowledged_and_over_before_the_receiver_took_anything_is_not_told(watching: Store) -> None:
    store = watching
    see(store, Status.FAILED, NOW)
    store.incidents.acknowledge(["message/1"], Acknowledged(minutes(20), "anna"))
    see(store, Status.SENT, minutes(30))
    assert send_what_is_due(store, minutes(60)) == []
    assert came(store) == [("message.failed", "dropped"), ("message.sent", "dropped")]


def test_end_is_told_to_who_believes_that_something_is_wrong_although_the_latest_failure_was_not_sent(
    watching: Store,
) -> None:
    """It got `message.stuck`; the failure that followed was over before it could be sent."""
    store = watching
    see(store, Status.PENDING, NOW)
    assert send_what_is_due(store, NOW) == ["message.pending"]
    _stuck(store, minutes(1))
    assert send_what_is_due(store, minutes(11)) == ["message.stuck"]
    see(store, Status.FAILED, minutes(12))
    see(store, Status.SENT, minutes(25))
    see(store, Status.FAILED, minutes(26))
    see(store, Status.SENT, minutes(40))
    for _ in range(4):
        send_what_is_due(store, minutes(60))
    states = ["delivered", "dropped", "delivered", "dropped", "dropped"]
    assert [state for _, state in came(store)[1:]] == states


def test_stuck_that_fails_is_dropped_and_the_failure_held_anew(watching: Store) -> None:
    store = watching
    see(store, Status.PENDING, NOW)
    assert send_what_is_due(store, NOW) == ["message.pending"]
    _stuck(store, minutes(1))
    see(store, Status.FAILED, minutes(4), "Invalid phone number")
    assert came(store)[1:] == [("message.stuck", "dropped"), ("message.failed", "queued")]
    assert send_what_is_due(store, minutes(13)) == []
    assert send_what_is_due(store, minutes(14)) == ["message.failed"]


def test_stuck_that_is_sent_in_time_is_never_told(watching: Store) -> None:
    store = watching
    see(store, Status.PENDING, NOW)
    assert send_what_is_due(store, NOW) == ["message.pending"]
    _stuck(store, minutes(1))
    see(store, Status.SENT, minutes(4))
    assert came(store)[1:] == [("message.stuck", "dropped"), ("message.sent", "dropped")]


def test_sent_is_told_after_a_stuck_that_was_told_and_a_failure_that_was_not(watching: Store) -> None:
    store = watching
    see(store, Status.PENDING, NOW)
    assert send_what_is_due(store, NOW) == ["message.pending"]
    _stuck(store, minutes(1))
    assert send_what_is_due(store, minutes(11)) == ["message.stuck"]
    see(store, Status.FAILED, minutes(12))
    see(store, Status.SENT, minutes(13))
    assert came(store)[2:] == [("message.failed", "dropped"), ("message.sent", "queued")]


def test_other_events_are_not_held(watching: Store) -> None:
    store = watching
    see(store, Status.CANCELLED, NOW)
    assert send_what_is_due(store, NOW) == ["message.cancelled"]


def test_nothing_held_goes_in_a_digest_or_as_a_probe_or_at_a_release(store: Store) -> None:
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, BOTH)
    store.messages.watch([1], NOW)
    see(store, Status.CANCELLED, NOW)
    (only,) = store.deliveries.due_together("later", NOW, 100)
    assert only.event.type is EventType.MESSAGE_CANCELLED
    assert [each.id for each in store.deliveries.probes("later", NOW, 9, (), together=True)] == [only.id]
    assert [each.id for each in store.deliveries.probes("later", NOW, 9, ())] == [only.id]
    store.deliveries.release("later", NOW)
    assert send_what_is_due(store, minutes(1)) == ["message.cancelled"]


def test_hold_longer_than_any_wait_survives_bounding_the_schedule(store: Store) -> None:
    days = Subscription("later", hold=timedelta(days=7))
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, (days,))
    store.clamp_time(NOW, NOW, NOW)
    assert deliveries(store)[0].due_at == NOW + timedelta(days=7)
    store.shift_time(timedelta(hours=1))
    assert deliveries(store)[0].due_at == NOW + timedelta(days=7, hours=1)
    assert send_what_is_due(store, NOW + timedelta(days=7)) == []


def test_hold_that_a_wrong_clock_dated_is_bounded(store: Store) -> None:
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW + timedelta(days=365), BOTH)
    store.clamp_time(NOW, NOW, NOW)
    (held,) = deliveries(store)
    assert held.due_at == NOW + LONGEST_WAIT
    assert send_what_is_due(store, held.due_at) == ["source.down"]


def test_clock_that_is_set_back_changes_nothing_about_what_is_over_before_its_time(store: Store) -> None:
    record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, BOTH)
    store.shift_time(timedelta(hours=-1))
    record_health(store, EventType.SOURCE_UP, SINCE, minutes(-57), BOTH)
    assert {state for _, state in came(store)} == {"dropped"}


def test_what_a_mute_held_back_is_not_taken_for_what_hold_does(store: Store) -> None:
    """A receiver without `hold` is told, whoever has seen to it; another node's clock may be behind."""
    (event,) = fail_some(store, [2], NOW, to=["now"])
    store.mutes.hold(Hold("now", NOW, minutes(2)))
    store.mutes.release("now", minutes(2))
    store.incidents.acknowledge([event.subject], Acknowledged(minutes(1), "anna"))
    assert send_what_is_due(store, minutes(2), "now") == ["message.failed"]


def test_most_events_cost_one_query_more(store: Store) -> None:
    """Whoever has neither incidents nor `hold` pays one query for all events of a transaction."""
    ids = range(1, 101)
    store.messages.watch(ids, NOW)
    polls = [polled(each.message, Status.SENT) for each in listed.messages(store, ids=list(ids))]
    asked = _statements(store)
    store.record_polls(polls, [AT_ONCE])
    concerned = [statement for statement in asked if "incidents" in statement]
    assert len(concerned) == 1
    assert concerned[0].startswith("SELECT")
    assert sum("INSERT INTO deliveries" in statement for statement in asked) == 1


def _statements(store: Store) -> list[str]:
    asked: list[str] = []
    sa.event.listen(store._database._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    return asked


def _stuck(store: Store, at: datetime, id_: int = 1) -> None:
    """Record that a message has been pending for long."""
    message = known(store, id_)
    verdict = _STUCK.judge(message, Observation(Status.PENDING, at))
    store.record_polls([PollResult(message, verdict, at, None)], BOTH)


@pytest.mark.slow
@pytest.mark.postgres
def test_end_that_another_node_writes_meanwhile_is_not_told_alone(postgres_url: str) -> None:
    """One node is about to send what somebody has acknowledged, the other one records that it is over."""
    with Store(postgres_url) as one, Store(postgres_url) as other, ThreadPoolExecutor(2) as pool:
        for number in range(25):
            at = minutes(60 * number)
            record_health(one, EventType.SOURCE_DOWN, SINCE, at, (LATER,))
            (down,) = due(one, at + HOLD, receiver="later")
            one.incidents.acknowledge(["source"], Acknowledged(at + HOLD, "anna"))
            over = pool.submit(record_health, other, EventType.SOURCE_UP, SINCE, at + HOLD, (LATER,))
            dropped = pool.submit(one.reminders.drop_over, "later", [down.id], at + HOLD)
            assert down.id in dropped.result()
            assert over.result()
        assert {state for _, state in came(one)} == {"dropped"}


_STEPS = st.lists(
    st.sampled_from(["stuck", "pending", "failed", "sent", "down", "up", "wait", "wait longer", "deliver"]),
    min_size=3,
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_no_end_is_told_without_its_beginning_and_nothing_that_was_over(sqlite_store: Store, steps: list[str]) -> None:
    """Whatever happens to a message and a number, and whenever the receiver takes what is due."""
    store, id_ = sqlite_store, next(_ids)
    at = NOW
    store.messages.watch([id_], at)
    for step in [*steps, "wait longer", *["deliver"] * len(steps)]:
        at += timedelta(seconds=1)
        match step:
            case "wait":
                at += timedelta(minutes=4)
            case "wait longer":
                at += timedelta(minutes=11)
            case "deliver":
                send_what_is_due(store, at)
            case "stuck":
                _stuck(store, at, id_)
            case "down" | "up":
                type_ = EventType.NUMBER_DISCONNECTED if step == "down" else EventType.NUMBER_CONNECTED
                with store._events.transaction() as connection:
                    store._events.add_health(connection, [(type_, _NUMBER, at)], f"number/{id_}", BOTH)
            case _:
                store.record_polls([polled(known(store, id_), Status(step), at)], BOTH)
    for subject in (f"number/{id_}", f"message/{id_}"):
        happened = [each.event for each in deliveries(store, "now") if each.event.subject == subject]
        told = {each.event.id: each for each in deliveries(store) if each.event.subject == subject}
        assert all(each.state is not DeliveryState.QUEUED for each in told.values())
        taken = [each for each in told.values() if each.state is DeliveryState.DELIVERED]
        _assert_sound(happened, {each.event.id: each.finished_at for each in taken if each.finished_at is not None})


def _assert_sound(happened: Sequence[Event], told: Mapping[str, datetime]) -> None:
    believed_wrong, wrong = False, False
    for event, following in zip_longest(happened, happened[1:]):
        heard = event.id in told
        if event.type in OPENS:
            lasts = following is None or (heard and following.at > told[event.id] >= event.at + HOLD)
            assert heard == lasts, "what still lasts is told, and nothing else that is wrong"
        elif event.type in GOOD_NEWS and wrong:
            assert heard == believed_wrong, "an end is told to who heard the beginning"
        else:
            assert heard, "what opens and ends nothing is not held back"
        wrong = event.type in OPENS
        believed_wrong = wrong if heard else believed_wrong
