"""What happened and what is queued for whom, in a real database: one transaction, one event, and order."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.delivery_decision import Round, decide
from bridge.domain.event_data import ReceiverData
from bridge.domain.events import event_id
from bridge.domain.json_object import written
from bridge.domain.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Details,
    Event,
    EventType,
    Expired,
    Observation,
    Status,
)
from bridge.domain.outcome import Dead, Retry
from bridge.domain.retry import LIFETIME, LONGEST_PAUSE, LONGEST_WAIT
from bridge.domain.routing import Subscription
from bridge.domain.transition_detector import judge
from bridge.store import breakers
from bridge.store.deliveries import DeliveryResult
from bridge.store.errors import DatabaseError
from bridge.store.facts import NUDGED
from bridge.store.poll_results import PollResult
from tests.world import listed
from tests.world.plans import is_slow, plans
from tests.world.records import (
    NOW,
    OK,
    SINCE,
    about,
    after,
    due,
    fail_some,
    known,
    observe,
    polled,
    record_health,
    statements,
    tried,
    values,
)

if TYPE_CHECKING:
    from bridge.store.store import Store

_EVERYTHING = Subscription("crm", ("*",))
_NO = Retry("500 Internal Server Error")
_REFUSED = Retry("HTTP 422", about_event=True)


def deliveries(store: Store) -> dict[int, Delivery]:
    return {delivery.id: delivery for delivery in listed.deliveries(store)}


def states(store: Store) -> list[DeliveryState]:
    return [delivery.state for _, delivery in sorted(deliveries(store).items())]


def of(store: Store, id_: int, sequence: int | None = None) -> Delivery:
    found = (each for each in deliveries(store).values() if each.event.message_id == id_)
    (only,) = (each for each in found if sequence in {None, each.event.sequence})
    return only


# A transition


def test_a_transition_writes_status_event_and_deliveries(store: Store) -> None:
    store.messages.watch([12346], after(-31), Details(label="Invoice 88", tags={"team": "billing"}))
    observe(store, 12346, Status.PENDING, after(-31), to=())
    seen = polled(known(store, 12346), Status.FAILED, NOW, error="Invalid phone number")
    (told,) = store.record_polls([seen], [_EVERYTHING, Subscription("ops"), Subscription("sent", ("message.sent",))])
    expected = Event(
        id=event_id(store.id, "message/12346", 2, "message.failed", "failed", 2, "Invalid phone number"),
        type=EventType.MESSAGE_FAILED,
        at=NOW,
        subject="message/12346",
        sequence=2,
        json={
            "message_id": 12346,
            "label": "Invoice 88",
            "tags": {"team": "billing"},
            "sequence": 2,
            "previous": {"status": "pending", "code": 0, "since": "2026-11-23T19:59:29.000Z"},
            "current": {
                "status": "failed",
                "code": 2,
                "since": "2026-11-23T20:00:00.000Z",
                "error": "Invalid phone number",
            },
        },
        message_id=12346,
    )
    assert told == expected
    assert [event for _, event in listed.events(store)][-1] == expected
    assert known(store, 12346).sequence == 2
    queued = listed.deliveries(store)
    assert {delivery.receiver for delivery in queued} == {"crm", "ops"}
    assert all(delivery.event == expected for delivery in queued)
    assert all(delivery.state is DeliveryState.QUEUED and delivery.attempts == 0 for delivery in queued)
    assert all(delivery.due_at == delivery.first_due_at == delivery.created_at == NOW for delivery in queued)


def test_a_transition_that_nobody_wants_is_recorded_all_the_same(store: Store) -> None:
    store.messages.watch([1], NOW)
    assert len(observe(store, 1, Status.FAILED, to=())) == 1
    assert len(listed.events(store)) == 1
    assert listed.deliveries(store) == []


def test_status_event_and_deliveries_are_written_together_or_not_at_all(own_store: Store) -> None:
    statements(own_store, "CREATE UNIQUE INDEX one_only ON deliveries (receiver)")
    own_store.messages.watch([1, 2], NOW)
    polls = [polled(known(own_store, id_), Status.FAILED) for id_ in (1, 2)]
    with pytest.raises(DatabaseError):
        own_store.record_polls(polls, [_EVERYTHING])
    assert listed.events(own_store) == []
    assert listed.deliveries(own_store) == []
    assert [known(own_store, id_).state for id_ in (1, 2)] == [None, None]
    assert [message.id for message in own_store.messages.claim(NOW, 10, ())] == [1, 2]

    statements(own_store, "DROP INDEX one_only")
    assert [event.sequence for event in own_store.record_polls(polls, [_EVERYTHING])] == [1, 1]
    assert about(due(own_store)) == [(1, 1), (2, 1)]


def test_the_same_poll_recorded_twice_is_one_event(store: Store) -> None:
    store.messages.watch([1], NOW)
    seen = polled(known(store, 1), Status.FAILED)
    assert len(store.record_polls([seen], [_EVERYTHING])) == 1
    assert store.record_polls([seen], [_EVERYTHING]) == []
    assert len(listed.events(store)) == len(listed.deliveries(store)) == known(store, 1).sequence == 1


def test_two_polls_of_a_message_that_were_in_flight_at_once_are_one_event(store: Store) -> None:
    store.messages.watch([1], NOW)
    before = known(store, 1)
    polls = [polled(before, Status.PENDING), polled(before, Status.FAILED, after(1))]
    assert [event.type for event in store.record_polls(polls, [_EVERYTHING])] == [EventType.MESSAGE_PENDING]
    late = PollResult(
        before, judge(before, Observation(Status.UNKNOWN, after(2)), timedelta(minutes=1)), after(2), None
    )
    assert store.record_polls([late], [_EVERYTHING]) == []
    assert known(store, 1).unknown_since is None


def test_many_transitions_at_once_each_get_the_delivery_of_their_own_event(store: Store) -> None:
    told = fail_some(store, range(1, 301), to=("crm", "ops"))
    assert [event.message_id for event in told] == list(range(1, 301))
    queued = listed.deliveries(store)
    assert len(queued) == 600
    assert sorted(about(queued)) == sorted([(id_, 1) for id_ in range(1, 301)] * 2)


# Order


def test_an_event_waits_until_the_one_before_it_is_delivered(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    observe(store, 1, Status.SENT, after(1))
    assert about(due(store, after(9))) == [(1, 1)]
    tried(store, due(store), OK, after(2))
    assert about(due(store, after(9))) == [(1, 2)]


def test_an_event_waits_while_the_one_before_it_waits_for_its_next_attempt(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    observe(store, 1, Status.SENT, after(1))
    tried(store, due(store), _NO, after(2))
    assert due(store, after(6)) == []
    assert about(due(store, after(7))) == [(1, 1)]


def test_an_event_waits_while_the_one_before_it_is_being_sent(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    observe(store, 1, Status.SENT)
    (first,) = due(store)
    assert store.deliveries.due("crm", NOW, 10, {first.id}) == []


def test_an_event_goes_on_when_the_one_before_it_is_dead(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    observe(store, 1, Status.SENT)
    tried(store, due(store), Dead("410 Gone"))
    assert about(due(store)) == [(1, 2)]


def test_messages_and_receivers_do_not_wait_for_each_other(store: Store) -> None:
    store.messages.watch([1, 2], NOW)
    observe(store, 1, Status.PENDING, to=("crm", "ops"))
    observe(store, 1, Status.SENT, to=("crm", "ops"))
    observe(store, 2, Status.SENT, to=("crm",))
    tried(store, due(store, receiver="ops"), OK)
    assert about(due(store)) == [(1, 1), (2, 1)]
    assert about(due(store, receiver="ops")) == [(1, 2)]


def test_the_longest_due_goes_first_and_busy_ones_make_room(store: Store) -> None:
    for id_, at in ((1, after(3)), (2, after(1)), (3, after(2)), (4, after(99))):
        fail_some(store, [id_], at)
    assert about(due(store, after(9))) == [(2, 1), (3, 1), (1, 1)]
    assert about(due(store, after(9), most=2)) == [(2, 1), (3, 1)]
    busy = {of(store, 2).id}
    assert about(store.deliveries.due("crm", after(9), 2, busy)) == [(3, 1), (1, 1)]


def test_event_is_due_at_once(store: Store) -> None:
    fail_some(store, [1], NOW)
    (queued,) = due(store)
    assert (queued.created_at, queued.first_due_at, queued.due_at) == (NOW, NOW, NOW)


def test_digest_tells_of_what_is_due_and_of_what_failed_before(store: Store) -> None:
    """What is due later on purpose, as 3 is, stays so: for a digest, for a probe, and when the receiver is back."""
    fail_some(store, [1, 2], NOW)
    fail_some(store, [3], after(30))
    tried(store, of(store, 2), _NO)
    assert store.deliveries.due_together("crm", after(-1), 10) == []
    assert about(store.deliveries.due_together("crm", NOW, 10)) == [(1, 1), (2, 1)]
    assert about(store.deliveries.due_together("crm", NOW, 1)) == [(1, 1)]
    assert about(store.deliveries.probes("crm", NOW, 10, (), together=True)) == [(1, 1), (2, 1)]
    store.deliveries.release("crm", NOW)
    assert about(due(store)) == [(1, 1), (2, 1)]
    assert of(store, 3).due_at == after(30)
    assert about(store.deliveries.due_together("crm", after(30), 10)) == [(1, 1), (2, 1), (3, 1)]


def test_digest_holds_all_of_a_subject_up_to_what_is_not_due(store: Store) -> None:
    """Message 1 fails, is sent and, later on purpose, fails again; the end of 2 goes with its beginning."""
    fail_some(store, [1, 2])
    observe(store, 1, Status.SENT)
    observe(store, 1, Status.FAILED, after(30))
    observe(store, 1, Status.SENT)
    observe(store, 2, Status.SENT)
    expected = [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert about(store.deliveries.due_together("crm", NOW, 10)) == expected
    assert about(store.deliveries.due_together("crm", NOW, 3)) == expected[:3]
    assert about(store.deliveries.probes("crm", NOW, 10, (), together=True)) == expected
    assert about(due(store)) == expected[:2], "one by one, each waits for the one before"
    tried(store, store.deliveries.due_together("crm", NOW, 3), _NO)
    assert about(store.deliveries.due_together("crm", after(5), 10)) == expected
    refused = [of(store, 1, 1).id]
    assert about(store.deliveries.probes("crm", after(4), 10, refused, together=True)) == [(2, 1), (2, 2)]


def test_digest_leaves_out_what_follows_something_set_aside(store: Store) -> None:
    fail_some(store, [1, 2])
    observe(store, 1, Status.SENT)
    observe(store, 1, Status.FAILED)
    store.quarantine.set_delivery_aside(of(store, 1, 2).id, "internal error", NOW)
    assert about(store.deliveries.due_together("crm", NOW, 10)) == [(1, 1), (2, 1)]
    assert about(store.deliveries.probes("crm", NOW, 10, (), together=True)) == [(1, 1), (2, 1)]


def test_digest_tells_of_what_a_wrong_clock_scheduled(store: Store) -> None:
    fail_some(store, [1], after(1e9))
    store.clamp_time(NOW, NOW, NOW)
    then = of(store, 1).due_at
    assert about(store.deliveries.due_together("crm", then, 10)) == [(1, 1)]


def test_a_probe_carries_what_was_tried_least_due_or_not(store: Store) -> None:
    fail_some(store, [1, 2, 3])
    tried(store, of(store, 1), _NO)
    tried(store, of(store, 1), _NO)
    tried(store, of(store, 2), _NO, probe=True)
    assert about(store.deliveries.probes("crm", NOW, 10, ())) == [(3, 1), (2, 1), (1, 1)]
    assert about(store.deliveries.probes("crm", NOW, 1, ())) == [(3, 1)]


def test_probe_leaves_out_what_was_refused_until_it_is_due(store: Store) -> None:
    fail_some(store, [1, 2])
    poison = of(store, 1).id
    tried(store, of(store, 1), _REFUSED)
    assert about(store.deliveries.probes("crm", NOW, 10, {poison})) == [(2, 1)]
    assert about(store.deliveries.probes("crm", NOW, 10, {poison}, together=True)) == [(2, 1)]
    assert about(store.deliveries.probes("crm", after(5), 10, {poison})) == [(2, 1), (1, 1)]


# What became of it


def test_a_delivery_that_was_taken_is_no_longer_queued(store: Store) -> None:
    fail_some(store, [1])
    tried(store, due(store), OK, after(1), answer="thanks")
    delivery = of(store, 1)
    assert (delivery.state, delivery.finished_at, delivery.reason) == (DeliveryState.DELIVERED, after(1), None)
    (attempt,) = listed.attempts(store, delivery.id)
    assert (attempt.at, attempt.outcome, attempt.http_status, attempt.answer) == (after(1), "delivered", 200, "thanks")


def test_every_attempt_leaves_a_record(store: Store) -> None:
    fail_some(store, [1])
    tried(store, due(store), _NO, NOW, answer="<h1>oops</h1>")
    tried(store, of(store, 1), Dead("410 Gone"), after(5))
    delivery = of(store, 1)
    assert (delivery.state, delivery.reason) == (DeliveryState.DEAD, "410 Gone")
    made = listed.attempts(store, delivery.id)
    assert [(each.at, each.outcome, each.why) for each in made] == [
        (NOW, "failed", "500 Internal Server Error"),
        (after(5), "refused", "410 Gone"),
    ]
    assert made[0].duration == 0.25
    assert made[0].answer == "<h1>oops</h1>"


@pytest.mark.slow
def test_one_attempt_may_carry_many_deliveries(store: Store) -> None:
    fail_some(store, range(1, 1202))
    carried = store.deliveries.due_together("crm", NOW, 5000)
    assert len(carried) == 1201
    tried(store, carried, OK)
    assert set(states(store)) == {DeliveryState.DELIVERED}
    ids = {listed.attempts(store, delivery.id)[0].id for delivery in (carried[0], carried[600], carried[-1])}
    assert len(ids) == 1


def test_the_end_of_a_late_attempt_does_not_bring_back_what_was_settled_meanwhile(store: Store) -> None:
    fail_some(store, [1])
    (delivery,) = due(store)
    tried(store, delivery, OK)
    tried(store, delivery, _NO, after(1))
    assert of(store, 1).state is DeliveryState.DELIVERED
    assert len(listed.attempts(store, delivery.id)) == 2


# Breakers


def put(store: Store, breaker: CircuitBreaker) -> None:
    with store._database.write() as connection:
        breakers.put(store._database, connection, breaker)


def test_receiver_that_never_failed_has_a_closed_breaker(store: Store) -> None:
    assert store.deliveries.breaker("crm") == CircuitBreaker("crm")


def test_breaker_is_kept_with_all_that_is_known_of_it(store: Store) -> None:
    breaker = CircuitBreaker("crm", 4, after(-9), True, after(300), after(60), "503", (7, 9), 2, after(-3), after(-5))
    put(store, breaker)
    assert store.deliveries.breaker("crm") == breaker
    assert store.deliveries.breaker("ops") == CircuitBreaker("ops")
    put(store, CircuitBreaker("crm"))
    assert store.deliveries.breaker("crm") == CircuitBreaker("crm")


def probe_of(store: Store, at: float = 0) -> Delivery:
    (delivery,) = store.deliveries.probes("crm", after(at), 1, ())
    return delivery


def test_first_success_makes_everything_due_at_once_in_order(store: Store) -> None:
    fail_some(store, [1, 2, 3, 4])
    fail_some(store, [6], to=("ops",))
    for _ in range(3):
        tried(store, of(store, 2), _NO)
    tried(store, of(store, 1), _NO)
    assert store.deliveries.breaker("crm").is_open
    fail_some(store, [5], after(30))
    assert about(due(store)) == [(3, 1), (4, 1)]
    tried(store, probe_of(store), OK, after(2), probe=True)
    assert not store.deliveries.breaker("crm").is_open
    assert about(due(store, after(30))) == [(1, 1), (4, 1), (2, 1), (5, 1)], "what failed more than once goes last"
    assert about(due(store, receiver="ops")) == [(6, 1)]


def test_failing_receiver_is_sent_nothing_that_is_older_than_its_time(store: Store) -> None:
    fail_some(store, [1], NOW, to=("crm", "ops"))
    fail_some(store, [2, 3], after(60))
    for _ in range(3):
        tried(store, of(store, 2), _NO, after(60))
    (given_up,) = tried(store, of(store, 3), _NO, after(61) + LIFETIME - timedelta(seconds=30), probe=True)
    assert states(store) == [DeliveryState.DEAD, DeliveryState.QUEUED, DeliveryState.QUEUED, DeliveryState.QUEUED]
    (dead,) = listed.deliveries(store, state=DeliveryState.DEAD)
    assert (dead.receiver, dead.event.message_id) == ("crm", 1)
    assert dead.reason == "given up after 75 hours: the receiver is down; the last: 500 Internal Server Error"
    assert given_up == Expired(dead.id, dead.event.id, 1, dead.reason)


def test_failed_probes_are_kept_as_the_first_the_last_and_a_count(store: Store) -> None:
    fail_some(store, [1])
    for at in (0, 5, 10):
        tried(store, of(store, 1), _NO, after(at))
    for at in range(100, 130):
        tried(store, probe_of(store), _NO, after(at), probe=True)
    delivery = of(store, 1)
    assert (delivery.attempts, delivery.probes) == (3, 30)
    made = listed.attempts(store, delivery.id)
    assert [each.at for each in made] == [NOW, after(5), after(10), after(100), after(129)]
    assert [each.probe for each in made] == [False, False, False, True, True]
    tried(store, probe_of(store), OK, after(130), probe=True)
    assert [each.at for each in listed.attempts(store, delivery.id)][3:] == [after(100), after(129), after(130)]
    (rows,) = values(store, "SELECT count(*) FROM attempts")
    assert rows == (6,), "none is left that belongs to no delivery"


def test_probe_that_carried_many_is_kept_while_any_of_them_needs_it(store: Store) -> None:
    fail_some(store, [1, 2])
    for at in range(100, 104):
        tried(store, of(store, 1), _NO, after(at), probe=True)
    for at in range(104, 108):
        tried(store, store.deliveries.probes("crm", NOW, 10, (), together=True), _NO, after(at), probe=True)
    assert [each.at for each in listed.attempts(store, of(store, 1).id)] == [after(100), after(107)]
    assert [each.at for each in listed.attempts(store, of(store, 2).id)] == [after(104), after(107)]


def test_test_that_succeeds_closes_the_breaker_and_releases_everything(store: Store) -> None:
    fail_some(store, [1, 2, 3])
    for _ in range(4):
        tried(store, of(store, 1), _NO)
    put(store, replace(store.deliveries.breaker("crm"), probe_at=after(55), paused_until=after(900), down_since=NOW))
    nudged = store.fact(NUDGED)
    store.deliveries.release("crm", after(1))
    breaker = store.deliveries.breaker("crm")
    assert (breaker.is_open, breaker.paused_until, breaker.allowed) == (False, None, 1)
    assert breaker.changes_at(timedelta(seconds=30)) == after(31), "others hear of it when it has lasted"
    assert len(due(store, after(1))) == 3
    assert store.fact(NUDGED) != nudged, "a daemon beside looks at once"


def test_breaker_written_beside_a_recording_is_not_overwritten(store: Store) -> None:
    fail_some(store, [1])
    put(store, CircuitBreaker("crm", failures=3, is_open=True, probe_at=after(900)))
    asking = threading.Thread(target=store.deliveries.release, args=("crm", after(7)))

    def decided(breaker: CircuitBreaker) -> list[DeliveryResult]:
        asking.start()
        asking.join(0.3)
        assert asking.is_alive()  # it waits until what is decided about the breaker is written
        made = Round((of(store, 1),), _NO, NOW, NOW, probe=True)
        failed = decide(made, breaker, concurrency=1, jitter=lambda: 0)
        return [DeliveryResult((Attempt(NOW, 0.1, _NO, 500),), failed, NOW)]

    store.record_deliveries("crm", decided)
    asking.join(10)
    breaker = store.deliveries.breaker("crm")
    assert (breaker.is_open, breaker.failures) == (False, 0)


def test_breaker_that_did_not_change_is_not_written_again(store: Store) -> None:
    fail_some(store, [1, 2])
    written: list[str] = []
    sa.event.listen(store._database._engine, "before_cursor_execute", lambda *each: written.append(each[2]))
    for delivery in due(store):
        tried(store, delivery, OK)
        assert len([statement for statement in written if statement.startswith("INSERT INTO breakers")]) == 1
    assert store.summaries.summary().breakers == (CircuitBreaker("crm"),)


# Dead letters sent again


def dead_letters(store: Store) -> None:
    """Make five: message 1 of crm and ops at NOW, 2 of both a minute later, 3 of crm two minutes later; 4 is queued."""
    for id_, at, to in ((1, NOW, ("crm", "ops")), (2, after(60), ("crm", "ops")), (3, after(120), ("crm",))):
        fail_some(store, [id_], at, to=to)
        for receiver in to:
            tried(store, due(store, at, receiver=receiver), Dead("410 Gone"), at)
    fail_some(store, [4], after(120))


def again(store: Store) -> list[tuple[str, int | None]]:
    queued = listed.deliveries(store, state=DeliveryState.QUEUED)
    return sorted(
        (delivery.receiver, delivery.event.message_id) for delivery in queued if delivery.event.message_id != 4
    )


def test_all_dead_letters_can_be_sent_again(store: Store) -> None:
    dead_letters(store)
    assert store.deliveries.retry(after(200)) == 5
    assert len(again(store)) == 5
    assert store.deliveries.retry(after(200)) == 0


def test_dead_letters_are_chosen_by_receiver(store: Store) -> None:
    dead_letters(store)
    assert store.deliveries.retry(after(200), receiver="ops") == 2
    assert again(store) == [("ops", 1), ("ops", 2)]


def test_dead_letters_are_chosen_by_when_they_were_given_up(store: Store) -> None:
    dead_letters(store)
    assert store.deliveries.retry(after(200), since=after(60)) == 3
    assert again(store) == [("crm", 2), ("crm", 3), ("ops", 2)]


def test_dead_letters_are_chosen_by_id_and_only_dead_ones_count(store: Store) -> None:
    dead_letters(store)
    chosen = [delivery.id for delivery in listed.deliveries(store) if delivery.event.message_id in {1, 4}]
    assert store.deliveries.retry(after(200), ids=[*chosen, 9999]) == 2
    assert again(store) == [("crm", 1), ("ops", 1)]


def test_what_dead_letters_are_chosen_by_must_all_be_true(store: Store) -> None:
    dead_letters(store)
    ids = [delivery.id for delivery in listed.deliveries(store)]
    assert store.deliveries.retry(after(200), ids=ids, receiver="crm", since=after(60)) == 2
    assert again(store) == [("crm", 2), ("crm", 3)]
    assert store.deliveries.retry(after(200), ids=[]) == 0


def test_a_dead_letter_that_is_sent_again_is_the_same_event_from_the_start_of_the_schedule(store: Store) -> None:
    fail_some(store, [1])
    for at in (0, 5):
        tried(store, of(store, 1), _NO, after(at))
    tried(store, of(store, 1), Dead("410 Gone"), after(10))
    before = of(store, 1)
    store.deliveries.retry(after(20))
    (delivery,) = due(store, after(20))
    assert (delivery.id, delivery.event) == (before.id, before.event)
    assert (delivery.state, delivery.attempts, delivery.finished_at) == (DeliveryState.QUEUED, 0, None)
    assert delivery.first_due_at == delivery.due_at == after(20)
    assert len(listed.attempts(store, delivery.id)) == 3


def test_a_dead_letter_that_is_sent_again_goes_before_later_events_that_are_still_queued(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    observe(store, 1, Status.SENT)
    tried(store, due(store), Dead("410 Gone"))
    assert about(due(store)) == [(1, 2)]
    store.deliveries.retry(after(20))
    assert about(due(store, after(20))) == [(1, 1)]


def test_a_failing_receiver_is_probed_at_once_when_its_dead_letters_are_sent_again(store: Store) -> None:
    fail_some(store, [1], to=("crm", "ops"))
    tried(store, due(store), Dead("410 Gone"))
    tried(store, due(store, receiver="ops"), Dead("410 Gone"))
    store.deliveries.retry(after(0.5), receiver="crm")
    assert store.deliveries.breaker("crm").probe_at == after(0.5)
    assert store.deliveries.breaker("ops").probe_at == after(1), "a second after the failure, as before"


# Health


def test_events_about_health_are_numbered_for_each_subject(store: Store) -> None:
    subscriptions = [_EVERYTHING, Subscription("ops", ("receiver.*",))]
    down = record_health(store, EventType.SOURCE_DOWN, SINCE, NOW, subscriptions, facts={"a": "1"})
    fail_some(store, [1], to=("ops",))
    about_ops = ReceiverData(receiver="ops", since=SINCE.since, reason=SINCE.reason)
    decided = [(EventType.RECEIVER_DOWN, about_ops, NOW), (EventType.RECEIVER_UP, about_ops, NOW)]
    with store._database.write() as connection:
        told = store._events.add_health(connection, decided, "receiver/ops", subscriptions)
    up = record_health(store, EventType.SOURCE_UP, SINCE, after(1), subscriptions, facts={"a": "2"})
    assert [(each.subject, each.sequence) for each in (down, *told, up)] == [
        ("source", 1),
        ("receiver/ops", 1),
        ("receiver/ops", 2),
        ("source", 2),
    ]
    assert len({each.id for each in (down, *told, up)}) == 4
    assert down.json == written(replace(SINCE, sequence=1))
    assert store.fact("a") == "2"
    queued = [(each.receiver, each.event.type) for each in listed.deliveries(store) if each.event.message_id is None]
    assert ("ops", EventType.RECEIVER_DOWN) not in queued
    assert ("crm", EventType.RECEIVER_DOWN) in queued


def test_breaker_and_the_event_about_it_are_written_together(own_store: Store) -> None:
    put(own_store, CircuitBreaker("crm", 3, NOW, is_open=True))
    statements(own_store, "CREATE UNIQUE INDEX one_only ON events (type)")

    def goes_down(breaker: CircuitBreaker) -> tuple[CircuitBreaker, EventType, ReceiverData] | None:
        if breaker.down_since is not None:
            return None
        about_crm = ReceiverData(receiver="crm", since=SINCE.since, reason=SINCE.reason)
        return replace(breaker, down_since=NOW), EventType.RECEIVER_DOWN, about_crm

    fail_some(own_store, [1])
    statements(own_store, "UPDATE events SET type = 'receiver.down'")
    with pytest.raises(DatabaseError):
        own_store.health_events.record_receiver("crm", NOW, goes_down, [Subscription("ops")])
    assert own_store.deliveries.breaker("crm").down_since is None
    statements(own_store, "DROP INDEX one_only")
    (event,) = own_store.health_events.record_receiver("crm", NOW, goes_down, [Subscription("ops")])
    assert event.type is EventType.RECEIVER_DOWN
    assert own_store.health_events.record_receiver("crm", NOW, goes_down, [Subscription("ops")]) == [], (
        "it is sent once"
    )
    assert [each.event.type for each in due(own_store, receiver="ops")] == [EventType.RECEIVER_DOWN]


# A clock that was set


def test_a_clock_that_is_set_moves_what_is_queued_and_not_what_is_over(store: Store) -> None:
    fail_some(store, [1, 2])
    tried(store, of(store, 1), OK)
    put(store, CircuitBreaker("crm", 1, NOW, is_open=True, probe_at=after(5), paused_until=after(7), down_since=NOW))
    store.shift_time(timedelta(days=-2))
    day = 86_400
    queued, over = of(store, 2), of(store, 1)
    assert (queued.created_at, queued.first_due_at, queued.due_at) == (NOW, after(-2 * day), after(-2 * day))
    assert (over.due_at, over.finished_at) == (NOW, NOW)
    moved = store.deliveries.breaker("crm")
    assert (moved.failing_since, moved.down_since) == (after(-2 * day), after(-2 * day))
    assert (moved.probe_at, moved.paused_until) == (after(5 - 2 * day), after(7 - 2 * day))


def test_no_delivery_and_no_probe_stays_due_later_than_the_rules_allow(store: Store) -> None:
    fail_some(store, [1], after(1e9))
    wrong = after(1e9)
    put(store, CircuitBreaker("crm", 3, wrong, is_open=True, probe_at=wrong, well_since=wrong, down_since=wrong))
    put(store, CircuitBreaker("ops", 3, NOW, is_open=True, probe_at=wrong, paused_until=wrong))
    put(store, CircuitBreaker("sms", 3, NOW, is_open=True, probe_at=after(3600), paused_until=after(3600)))
    store.clamp_time(NOW, NOW, NOW)
    assert of(store, 1).due_at == NOW + LONGEST_WAIT
    crm, ops, sms = (store.deliveries.breaker(name) for name in ("crm", "ops", "sms"))
    assert crm == CircuitBreaker("crm", 3, NOW, is_open=True, probe_at=after(55), well_since=NOW, down_since=NOW)
    assert (ops.paused_until, ops.probe_at) == (NOW + LONGEST_PAUSE, after(55))
    assert sms.probe_at == after(3600), "as its receiver asked"


# Indexes


@pytest.fixture
def busy_store(store: Store) -> Store:
    """Queued: 2,000 deliveries to crm that are not due yet, and one that is; delivered: 1,000 to ops."""
    fail_some(store, range(1, 1001), after(60), to=("crm", "ops"))
    fail_some(store, range(1001, 2001), after(60))
    fail_some(store, [7777])
    tried(store, store.deliveries.due_together("ops", after(60), 5000), OK)
    return store


def test_what_may_be_tried_is_found_by_the_indexes_of_what_is_queued(busy_store: Store) -> None:
    with plans(busy_store) as found:
        assert about(due(busy_store)) == [(7777, 1)]
    (plan,) = found
    assert "deliveries_due" in plan
    assert "deliveries_order" in plan
    assert not is_slow(plan.replace("Seq Scan on internal_errors", ""))  # it is empty, and PostgreSQL knows


def test_first_event_of_each_subject_is_found_without_statistics(sqlite_store: Store) -> None:
    """SQLite would go through everything that is queued for the receiver, again for each delivery."""
    fail_some(sqlite_store, [1, 2])
    with plans(sqlite_store, statistics=False) as found:
        assert len(due(sqlite_store)) == 2
    (plan,) = found
    assert "deliveries_order (receiver=? AND subject=?" in plan


def test_nothing_queued_costs_nothing_to_find_out(busy_store: Store) -> None:
    with plans(busy_store) as found:
        assert due(busy_store, receiver="ops") == []
        assert busy_store.deliveries.due_together("ops", after(1e6), 10) == []
        assert busy_store.deliveries.probes("ops", NOW, 1, ()) == []
    assert len(found) == 3
    assert not any("SCAN deliveries" in plan or "Seq Scan on deliveries" in plan for plan in found)


def test_what_is_not_due_is_counted_by_receiver(store: Store) -> None:
    """`hold` keeps one back, and one waits for its next attempt; what is due now is not counted."""
    store.messages.watch([1], NOW)
    wants = [Subscription("ops", ("*",), hold=timedelta(minutes=10)), Subscription("crm", ("*",))]
    store.record_polls([polled(known(store, 1), Status.FAILED)], wants)
    assert store.summaries.due_later(["crm", "ops"], NOW) == {"ops": 1}
    tried(store, due(store)[0], Retry("HTTP 503"))
    assert store.summaries.due_later(["crm", "ops"], NOW) == {"crm": 1, "ops": 1}
    assert store.summaries.due_later(["crm", "ops"], after(600)) == {}
