"""Which events answer in a thread, which are also shown in the channel, and which end what was told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.incidents import OPENS, OPPOSITES
from bridge.domain.model import Delivery, DeliveryState, Event, EventType, Post
from bridge.domain.threads import MOST_THREADS_AT_ONCE, Thread, answers, by_thread, is_bad_news, resolved_after
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = Post("C0000001", "1700000000.000001")


def event(type_: EventType, subject: str = "", *, minutes: float = 0, id_: str = "evt_2") -> Event:
    """Make an event about message 5, or about what its type is about."""
    subject = subject or ("message/5" if type_.startswith("message.") else type_.partition(".")[0])
    return Event(id_, type_, START + timedelta(minutes=minutes), subject, 1, {})


def delivery(id_: int, told: Event, *, reminder: int = 0) -> Delivery:
    return Delivery(id_, told, "team", DeliveryState.QUEUED, 0, START, START, START, reminder=reminder)


def about(type_: EventType, id_: str = "evt_1") -> Thread:
    return Thread(PLACE, event(type_, id_=id_))


@pytest.mark.parametrize("type_", [type_ for type_ in EventType if type_.startswith("message.")])
def test_whatever_happens_to_a_message_belongs_to_its_thread(type_: EventType) -> None:
    assert answers(delivery(1, event(type_)), about(EventType.MESSAGE_STUCK))
    assert answers(delivery(1, event(type_)), Thread(PLACE))


@pytest.mark.parametrize(("end", "beginning"), OPPOSITES.items())
def test_end_answers_and_the_next_incident_begins_anew(end: EventType, beginning: EventType) -> None:
    assert answers(delivery(1, event(end)), about(beginning))
    assert not answers(delivery(1, event(beginning)), about(beginning))
    assert not answers(delivery(1, event(beginning)), Thread(PLACE))


def test_reminder_and_the_same_event_again_belong_to_the_post_about_it() -> None:
    down = event(EventType.SOURCE_DOWN, id_="evt_1")
    assert answers(delivery(1, down, reminder=1), Thread(PLACE)), "of a digest, too"
    assert answers(delivery(1, down), about(EventType.SOURCE_DOWN, "evt_1"))


def test_each_summary_begins_a_thread_of_its_own() -> None:
    again = delivery(1, event(EventType.SUMMARY, id_="evt_1"))
    assert not answers(delivery(1, event(EventType.SUMMARY)), about(EventType.SUMMARY))
    assert answers(again, about(EventType.SUMMARY, "evt_1")), "the same one again"


@pytest.mark.parametrize("type_", EventType)
def test_bad_news_is_what_opens_an_incident(type_: EventType) -> None:
    assert is_bad_news([event(type_)]) is (type_ in OPENS)
    assert is_bad_news([event(EventType.MESSAGE_SENT), event(EventType.MESSAGE_FAILED)])


@pytest.mark.parametrize("end", EventType)
@pytest.mark.parametrize("beginning", EventType)
def test_only_an_end_resolves_what_was_told(beginning: EventType, end: EventType) -> None:
    sent = end is EventType.MESSAGE_SENT and beginning in OPENS
    lasted = resolved_after(event(end, minutes=12), event(beginning))
    assert lasted == (timedelta(minutes=12) if sent or OPPOSITES.get(end) is beginning else None)


def test_reply_and_new_post_are_parted() -> None:
    told = [
        event(EventType.MESSAGE_FAILED, "message/1"),
        event(EventType.MESSAGE_SENT, "message/2"),
        event(EventType.SOURCE_DOWN, "source"),
        event(EventType.MESSAGE_SENT, "message/3"),
    ]
    deliveries = [delivery(number, each) for number, each in enumerate(told)]
    other = Thread(Post("C0000001", "1700000000.000009"))
    threads = {"message/2": other, "message/3": about(EventType.MESSAGE_STUCK), "source": about(EventType.SOURCE_DOWN)}
    new, second, third = by_thread(deliveries, threads)
    assert new == ((deliveries[0], deliveries[2]), None)
    assert second == ((deliveries[1],), other)
    assert third == ((deliveries[3],), threads["message/3"])


def test_bad_news_goes_first_and_the_rest_waits_for_the_next_look() -> None:
    """A number is back, and 30 messages are sent after all: what has just failed is not told half a minute later."""
    sent = [delivery(number, event(EventType.MESSAGE_SENT, f"message/{number}")) for number in range(30)]
    worse = delivery(30, event(EventType.MESSAGE_FAILED, "message/30"))
    threads = {f"message/{number}": Thread(Post("C0000001", f"1700000000.{number:06}")) for number in range(31)}
    parts = by_thread([*sent, worse], threads)
    assert [part for part, _ in parts] == [(worse,), *((each,) for each in sent[: MOST_THREADS_AT_ONCE - 1])]


def test_reminders_of_several_threads_are_one_part_without_a_thread() -> None:
    failed = [event(EventType.MESSAGE_FAILED, f"message/{number}", id_=f"evt_{number}") for number in range(4)]
    posts = [Post("C0000001", f"1700000000.{number:06}") for number in range(3)]
    threads = {f"message/{number}": Thread(post) for number, post in enumerate(posts)}
    reminders = [delivery(number, each, reminder=1) for number, each in enumerate(failed[:3])]
    new, sent = delivery(8, failed[3]), delivery(9, event(EventType.MESSAGE_SENT, "message/0"))
    assert by_thread([*reminders, new, sent], threads) == [(tuple(reminders), None), ((new,), None)]
    assert by_thread([reminders[0], new], threads) == [((reminders[0],), threads["message/0"]), ((new,), None)]
    one = dict.fromkeys(threads, threads["message/0"])
    assert by_thread(reminders, one) == [(tuple(reminders), threads["message/0"])]
    assert by_thread(reminders, {}) == [(tuple(reminders), None)]


def test_beginning_and_end_of_one_subject_are_one_new_post() -> None:
    """The old thread, which is about the outage before, takes neither."""
    told = [delivery(1, event(EventType.SOURCE_DOWN)), delivery(2, event(EventType.SOURCE_UP))]
    for threads in ({}, {"source": about(EventType.SOURCE_DOWN, "evt_0")}):
        assert by_thread(told, threads) == [(tuple(told), None)]


def test_end_answers_first_and_what_begins_after_it_waits_for_the_next_look() -> None:
    types = (EventType.SOURCE_UP, EventType.SOURCE_DOWN, EventType.SOURCE_UP)
    told = [delivery(number, event(type_, id_=f"evt_{number}")) for number, type_ in enumerate(types)]
    other = delivery(9, event(EventType.MESSAGE_FAILED))
    thread = about(EventType.SOURCE_DOWN, "evt_0")
    parts = by_thread([*told, other], {"source": thread})
    assert parts == [((other,), None), ((told[0],), thread)]
    assert by_thread(told[1:], {"source": thread}) == [(tuple(told[1:]), None)]


_SUBJECTS = [f"message/{number}" for number in range(6)]
_POSTS = [Post("C0000001", f"1700000000.00000{number}") for number in range(3)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["source", "number/7"]), st.sampled_from(sorted(OPPOSITES.items())), st.booleans())
    ),
    st.sets(st.sampled_from(["source", "number/7"])),
)
def test_no_subject_is_in_two_parts_and_none_goes_before_what_precedes_it(
    told: list[tuple[str, tuple[EventType, EventType], bool]], known: set[str]
) -> None:
    deliveries = [delivery(n, event(pair[begins], subject)) for n, (subject, pair, begins) in enumerate(told)]
    parts = by_thread(deliveries, {subject: Thread(_POSTS[len(subject) % 2]) for subject in known})
    for subject in {each for each, *_ in told}:
        (mine,) = [found for part, _ in parts if (found := [each for each in part if each.event.subject == subject])]
        assert mine == [each for each in deliveries if each.event.subject == subject][: len(mine)]


@given(
    st.lists(st.sampled_from(_SUBJECTS), unique=True, min_size=1),
    st.dictionaries(st.sampled_from(_SUBJECTS), st.sampled_from(_POSTS)),
)
def test_each_delivery_is_in_one_part_and_each_thread_has_one(subjects: Sequence[str], posts: dict[str, Post]) -> None:
    deliveries = [delivery(n, event(EventType.MESSAGE_SENT, each)) for n, each in enumerate(subjects)]
    parts = by_thread(deliveries, {subject: Thread(post) for subject, post in posts.items()})
    assert sorted(each.id for part, _ in parts for each in part) == [each.id for each in deliveries]
    threads = [thread for _, thread in parts]
    assert len(threads) == len(set(threads))
    for part, thread in parts:
        assert {posts.get(each.event.subject) for each in part} == {None if thread is None else thread.post}


def test_what_was_wrong_and_is_over_by_the_end_is_no_bad_news() -> None:
    assert not is_bad_news([event(EventType.MESSAGE_FAILED), event(EventType.MESSAGE_SENT)])
    assert is_bad_news([event(EventType.MESSAGE_FAILED), event(EventType.MESSAGE_SENT, "message/6")])
