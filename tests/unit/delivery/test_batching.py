"""What goes together: batches are cut so that nothing is left out, sent twice, too large or too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.batching import BatchPacker, cut, next_post, one_post
from bridge.domain.model import Attempt, Delivery, DeliveryState, EventType
from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from tests.unit.receivers.events import changed
from tests.world.clock import START

EVENT = changed()
HALF_A_MINUTE = timedelta(seconds=30)
REFUSED = Retry("HTTP 400 Bad Request: the receiver refuses it")


def queued(id_: int, seconds: float = 0) -> Delivery:
    due = START + timedelta(seconds=seconds)
    return Delivery(id_, EVENT, "crm", DeliveryState.QUEUED, 0, START, due, due)


def tried(outcome: Outcome, status: int | None = 400) -> Attempt:
    return Attempt(START, 0.1, outcome, status)


@given(
    st.lists(st.integers(-5, 5), max_size=60).map(sorted),
    st.integers(1, 10),
    st.dictionaries(st.integers(0, 59), st.integers(1, 5)),
)
def test_each_is_in_one_pack_none_is_too_large_and_only_what_is_new_waits(
    dues: list[int], most: int, portions: dict[int, int]
) -> None:
    found = [queued(id_, seconds) for id_, seconds in enumerate(dues)]
    ready, waiting = cut(found, most, portions, START)
    packed = [delivery.id for pack in ready + waiting for delivery in pack]
    assert sorted(packed) == [delivery.id for delivery in found]
    for pack in ready + waiting:
        (portion,) = {portions.get(delivery.id, most) for delivery in pack}
        assert len(pack) <= portion
        assert list(pack) == sorted(pack, key=lambda each: (each.due_at, each.id))
    for pack in waiting:
        assert all(delivery.first_due_at > START for delivery in pack)
        assert len(pack) < portions.get(pack[0].id, most)


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_whatever_a_receiver_refuses_comes_to_stand_alone_and_all_the_rest_is_taken(
    count: int, poison: set[int]
) -> None:
    """Each round sends all packs; a receiver takes those without poison. Each refusal makes what is left smaller."""
    batches = BatchPacker("crm", 16, timedelta(0))
    left = {id_: queued(id_) for id_ in range(count)}
    sent = 0
    while any(id_ not in poison for id_ in left):
        packs, _ = cut(list(left.values()), 16, batches._portions, START + timedelta(days=1))
        for pack in packs:
            sent += 1
            bad = any(delivery.id in poison for delivery in pack)
            carried = pack if bad else tuple(replace(each, state=DeliveryState.DELIVERED) for each in pack)
            attempt = tried(REFUSED if bad else Delivered())
            assert batches.divides(attempt, len(pack)) == (bad and len(pack) > 1)
            batches.learn(attempt, carried)
            for delivery in () if bad else pack:
                del left[delivery.id]
    assert set(left) <= poison
    if len(poison) == 1:
        assert sent <= 2 * 5 + count // 16 + 1, "two for each halving, and the batches without it"
    batches.forget(left)
    assert batches._portions == {}


def test_a_fault_of_our_own_with_one_event_is_found_in_the_same_sender() -> None:
    assert BatchPacker("crm", 16, timedelta(0)).divides(tried(Dead("a fault of the bridge's own"), None), 2)


@pytest.mark.parametrize("after", [timedelta(seconds=30), None])
def test_a_pause_that_was_asked_for_leaves_a_batch_whole(after: timedelta | None) -> None:
    batches = BatchPacker("crm", 16, timedelta(0))
    asked = tried(Retry("HTTP 429", after=after), 429)
    assert not batches.divides(asked, 2)
    batches.learn(asked, (queued(1), queued(2)))
    assert cut([queued(1), queued(2)], 16, batches._portions, START) == ([(queued(1), queued(2))], [])


def test_where_nothing_was_answered_each_is_tried_alone_next_time() -> None:
    batches = BatchPacker("crm", 16, timedelta(0))
    silence = tried(Retry("no whole answer", quick=True), None)
    assert not batches.divides(silence, 2)
    batches.learn(silence, (queued(1), queued(2)))
    assert cut([queued(1), queued(2)], 16, batches._portions, START) == ([(queued(1),), (queued(2),)], [])


def test_after_three_refusals_in_a_row_single_events_follow_not_halves() -> None:
    batches = BatchPacker("crm", 100, timedelta(0))
    for first in (0, 100, 200):
        batches.learn(tried(REFUSED), tuple(queued(first + id_) for id_ in range(100)))
    assert batches._portions[0] == 50
    assert batches._portions[200] == 1


def test_first_post_goes_at_once_and_the_next_after_the_wait() -> None:
    assert next_post(None, HALF_A_MINUTE, START) == START
    for seconds, waits in ((0, 30), (10, 20), (30, 0), (31, 0), (3600, 0)):
        now = START + timedelta(seconds=seconds)
        assert next_post(START, HALF_A_MINUTE, now) - now == timedelta(seconds=waits)


def test_post_does_not_wait_for_a_clock_that_was_set_back() -> None:
    assert next_post(START + timedelta(days=1), HALF_A_MINUTE, START) == START


@given(st.lists(st.integers(0, 60), min_size=49, max_size=49).map(sorted), st.integers(0, 60))
def test_49_failures_within_a_minute_are_at_most_4_posts(came: list[int], earlier: int) -> None:
    """Whether something was posted ``earlier``, up to a minute before, or not; no event waits for more than 30 s."""
    last = START - timedelta(seconds=earlier)
    posts: list[datetime] = []
    for event in (START + timedelta(seconds=seconds) for seconds in came):
        if not posts or posts[-1] < event:  # else it goes with what already waits for that post
            posts.append(next_post(posts[-1] if posts else last, HALF_A_MINUTE, event))
        assert event <= posts[-1] <= event + HALF_A_MINUTE
    assert len(posts) <= 4


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=1, max_size=20))
def test_each_summary_is_a_post_of_its_own_and_nothing_waits_for_ever(found: list[tuple[bool, int]]) -> None:
    """What is refused is due later, and keeps nobody waiting."""
    types = {True: EventType.SUMMARY, False: EventType.MESSAGE_FAILED}
    told = [replace(EVENT, type=types[alone], subject=f"number/{n}") for n, (alone, _) in enumerate(found)]
    left = [replace(queued(n, due), event=told[n]) for n, (_, due) in enumerate(found)]
    due = [each for each in left if each.due_at <= START]
    posts = []
    while due:
        (post,) = one_post(left, START)
        assert len(post) == 1 or not any(each.event.type is EventType.SUMMARY for each in post)
        assert due[0] in post, "the oldest that is due"
        posts.append(post)
        left = [each for each in left if each not in post]
        due = [each for each in due if each not in post]
    assert len(posts) <= 1 + sum(alone for alone, _ in found)


def test_probe_carries_something_where_nothing_is_due() -> None:
    assert one_post([], START) == ()
    assert one_post([queued(1, 60)], START) == [(queued(1, 60),)]


def test_later_summary_does_not_go_before_the_one_that_waits_for_its_next_attempt() -> None:
    """The next one is due already, and so is something else."""
    first, second = (replace(queued(id_), event=replace(EVENT, type=EventType.SUMMARY)) for id_ in (1, 2))
    waits = replace(first, due_at=START + HALF_A_MINUTE)
    other = replace(queued(3), event=changed(3))
    assert one_post([waits, second, other], START) == [(other,)]
    assert one_post([waits, second], START) == [(waits,)]
