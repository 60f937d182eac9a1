"""What the report shows, in a real database: what is new is watched, what changed is due at once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain.model import Event, EventType, Observation, Status
from bridge.domain.poll_schedule import Hints, Interval, Schedule
from bridge.domain.report import Row
from bridge.domain.transition_detector import judge
from bridge.store.poll_results import PollResult
from bridge.store.report_hints import HintCounts
from tests.world import listed
from tests.world.records import NOW, after, fail_some, known, statements, values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store.store import Store

HOUR = timedelta(hours=1)
SCHEDULE = Schedule((Interval(timedelta(seconds=30)),))
HINTS = Hints(HOUR, timedelta(days=1))


def rows(*ids: int, hint: str = "Pending", label: str | None = None) -> list[Row]:
    return [Row(id_, hint, label) for id_ in ids]


def due_at(store: Store, id_: int) -> object:
    (shown,) = listed.messages(store, ids=[id_])
    return shown.due_at


def observation(status: Status, at: float) -> Observation:
    return Observation(status, after(at))


def record(store: Store, ids: int | Sequence[int], status: Status, at: float) -> list[Event]:
    """Record a poll of a message, or of several, as it is now."""
    polls = []
    for shown in listed.messages(store, ids=[ids] if isinstance(ids, int) else ids):
        verdict = SCHEDULE.judge(shown.message, observation(status, at))
        next_ = SCHEDULE.next_poll(shown.message, verdict, after(at), lambda: 0, HINTS)
        polls.append(PollResult(shown.message, verdict, after(at), next_))
    return store.record_polls(polls, [])


def test_new_messages_are_watched_with_their_label_and_due_at_once(store: Store) -> None:
    assert store.report_hints.note(rows(7, 8, label="Spring"), NOW) == HintCounts(new=2, unfinished=2)
    assert [message.id for message in store.messages.claim(NOW, 10, ())] == [7, 8]
    assert known(store, 7).label == "Spring"
    assert known(store, 7).watched_since == NOW


def test_what_was_discovered_is_listed_as_watched_also_when_it_is_finished(store: Store) -> None:
    store.report_hints.note(rows(7, 8), NOW)
    record(store, 7, Status.SENT, 1)
    store.messages.unwatch([8])
    assert {each.message.id: each.watched for each in listed.messages(store)} == {7: True, 8: False}


def test_the_same_again_changes_nothing_and_duplicates_are_one(store: Store) -> None:
    store.report_hints.note(rows(7), NOW)
    record(store, 7, Status.PENDING, 100)
    before = listed.messages(store)
    assert store.report_hints.note(rows(7, 7, 7), after(200)) == HintCounts(unfinished=1)
    assert listed.messages(store) == before


def test_what_changed_is_due_at_once_and_what_did_not_is_not(store: Store) -> None:
    store.report_hints.note(rows(7, 8), NOW)
    for id_ in (7, 8):
        record(store, id_, Status.PENDING, 100)
    assert (due_at(store, 7), due_at(store, 8)) == (after(100) + HOUR, after(100) + HOUR)
    assert store.report_hints.note([*rows(7, hint="Sent"), *rows(8)], after(200)) == HintCounts(changed=1, unfinished=2)
    assert (due_at(store, 7), due_at(store, 8)) == (after(200), after(100) + HOUR)


def test_a_listed_message_that_the_report_shows_for_the_first_time_keeps_its_label(store: Store) -> None:
    store.messages.watch([7], NOW)
    statements(store, "UPDATE messages SET label = 'Mine'")
    assert store.report_hints.note(rows(7, label="Theirs"), after(1)) == HintCounts(changed=1, unfinished=1)
    assert known(store, 7).label == "Mine"


def test_what_is_finished_or_was_unwatched_stays_so_whatever_the_report_shows(store: Store) -> None:
    fail_some(store, [7])
    store.report_hints.note(rows(8), NOW)
    store.messages.unwatch([8])
    store.report_hints.note(rows(7, 8, hint="Sent"), after(60))
    assert store.messages.claim(after(1e6), 10, ()) == []


def test_a_change_that_is_noted_while_the_message_is_polled_is_not_lost(store: Store) -> None:
    store.report_hints.note(rows(7), NOW)
    (message,) = store.messages.claim(after(100), 1, ())
    store.report_hints.note(rows(7, hint="Sent"), after(101))  # the call is on its way, and answered as it was before
    verdict = judge(message, observation(Status.PENDING, 100), timedelta(0))
    next_ = SCHEDULE.next_poll(message, verdict, after(100), lambda: 0, HINTS)
    assert next_ == after(100) + HOUR
    store.record_polls([PollResult(message, verdict, after(102), next_)], [])
    assert due_at(store, 7) == NOW, "due again at once"
    record(store, 7, Status.SENT, 103)
    assert due_at(store, 7) is None


def test_when_the_report_cannot_be_read_what_was_put_off_is_polled_soon_and_not_all_at_once(store: Store) -> None:
    chance = random.Random(1)
    ids = chance.sample(range(1, 10**9), 300)
    store.report_hints.note(rows(*ids), NOW)
    store.messages.watch([5], NOW)
    record(store, [*ids, 5], Status.PENDING, 100)
    store.report_hints.tighten(after(200), timedelta(seconds=30))
    moments = sorted(int(str(row[0])) for row in values(store, "SELECT due_at FROM messages WHERE id <> 5"))
    seconds = [moment / 1000 - NOW.timestamp() for moment in moments]
    assert seconds[0] >= 200
    assert seconds[-1] <= 230
    assert 10 < sum(200 <= each < 215 for each in seconds) * 30 / 300 < 20
    assert due_at(store, 5) == after(130)


def test_what_the_report_may_still_show_is_not_forgotten_or_it_would_be_told_again(store: Store) -> None:
    store.report_hints.note(rows(7), NOW)
    record(store, 7, Status.SENT, 0)
    store.prune(after(7200), after(-86400))
    assert store.report_hints.note(rows(7, hint="Sent"), after(7300)) == HintCounts(changed=1)
    assert store.messages.claim(after(8000), 10, ()) == []
    store.prune(after(7200), after(7200))
    assert listed.messages(store) == []
    assert [event.type for _, event in listed.events(store)] == []


def test_ids_of_events_are_not_made_a_second_time_for_what_was_forgotten(store: Store) -> None:
    store.report_hints.note(rows(7), NOW)
    (before,) = record(store, 7, Status.SENT, 0)
    store.prune(after(7200))
    store.report_hints.note(rows(7), after(7300))
    (again,) = record(store, 7, Status.SENT, 7301)
    assert before.id != again.id
    assert again.type is EventType.MESSAGE_SENT


def test_unwatching_what_was_discovered_and_listing_it_go_together(store: Store) -> None:
    store.report_hints.note(rows(7), NOW)
    assert store.messages.watch([7], NOW) == [], "it is watched already"
    assert store.messages.unwatch([7]) == ([7], [])
    assert store.messages.claim(after(10), 10, ()) == []
    assert store.messages.watch([7], after(20)) == [7]
    assert [message.id for message in store.messages.claim(after(20), 10, ())] == [7]
