"""The watch list in a real database: what is due, who wants it watched, what a poll changes."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from bridge.config.loader import load
from bridge.domain.model import Details, EventType, Message, Observation, State, Status
from bridge.domain.transition_detector import Verdict, judge
from bridge.store.poll_results import PollResult
from bridge.store.store import Store
from bridge.store.tables import messages
from tests.world import listed
from tests.world.plans import is_slow, plans
from tests.world.records import NOW, after, fail_some, known, observe, polled, statements, values

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from bridge.domain.watchlist import Watchlist

_A_FEW_SECONDS = 10  # it takes one; a machine that is busy with other things must not make this test fail


def watchlist(folder: Path, *entries: str, ids: Iterable[int] = ()) -> Watchlist:
    """Read a list of messages from a real configuration: ``entries`` in YAML, ``ids`` as plain text."""
    (folder / "ids.txt").write_text("".join(f"{id_}\n" for id_ in ids), encoding="utf-8")
    lines = [
        "wbiztool: {client_id: 1, api_key: not-a-real-key}",
        "receivers: [{name: crm, webhook: 'http://127.0.0.1:9/'}]",
        "messages:",
        "  - include: ids.txt",
        *(f"  - {entry}" for entry in entries),
    ]
    file = folder / "config.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return load(file, {"STATE_DIRECTORY": str(folder)}).watchlist


def due_ids(store: Store, *, most: int = 100, busy: Iterable[int] = ()) -> list[int]:
    return [message.id for message in store.messages.claim(NOW, most, set(busy))]


def watched(store: Store) -> set[int]:
    return {shown.message.id for shown in listed.messages(store) if shown.watched}


def configure(store: Store, watchlist: Watchlist) -> tuple[int, int]:
    """Make a list hold, and return how many came and how many went."""
    before = _listed(store)
    store.configure(watchlist, NOW, {})
    now = _listed(store)
    return len(now - before), len(before - now)


def _listed(store: Store) -> set[int]:
    with store._database.read() as connection:
        return set(connection.scalars(sa.select(messages.c.id).where(messages.c.listed)))


# What is due


def test_the_longest_overdue_comes_first_and_ids_settle_a_tie(store: Store) -> None:
    store.messages.watch([5], after(-1))
    store.messages.watch([9, 3], after(-2))
    store.messages.watch([1], NOW)
    assert due_ids(store) == [3, 9, 5, 1]
    assert store.messages.count_due(NOW) == 4


def test_what_is_due_later_waits(store: Store) -> None:
    store.messages.watch([1], NOW)
    store.messages.watch([2], after(0.001))
    assert due_ids(store) == [1]
    assert store.messages.count_due(NOW) == 1


def test_no_more_than_asked_for_is_listed(store: Store) -> None:
    store.messages.watch(range(1, 11), NOW)
    assert due_ids(store, most=4) == [1, 2, 3, 4]


def test_busy_messages_are_left_out_and_others_take_their_place(store: Store) -> None:
    store.messages.watch(range(1, 11), NOW)
    assert due_ids(store, most=4, busy=[1, 3, 77]) == [2, 4, 5, 6]


def test_due_messages_come_with_all_that_is_known_of_them(store: Store) -> None:
    store.messages.watch([7], NOW, Details(label="Invoice 88", tags={"team": "billing"}))
    observe(store, 7, Status.PENDING, after(-60))
    (found,) = store.messages.claim(after(60), 1, ())
    expected = Message(
        7, "Invoice 88", {"team": "billing"}, State(Status.PENDING, after(-60)), sequence=1, watched_since=NOW
    )
    assert found == expected


# The configuration's list


def test_new_ids_of_the_list_are_due_at_once(store: Store, tmp_path: Path) -> None:
    assert configure(store, watchlist(tmp_path, ids=[1, 2, 3])) == (3, 0)
    assert due_ids(store) == [1, 2, 3]


def test_ids_that_leave_the_list_are_no_longer_polled_and_their_history_stays(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1, 2, 3]))
    observe(store, 2, Status.PENDING)
    assert configure(store, watchlist(tmp_path, ids=[3, 4])) == (1, 2)
    assert due_ids(store) == [3, 4]
    assert watched(store) == {3, 4}
    assert known(store, 2).state == State(Status.PENDING, NOW)
    assert len(listed.events(store, message_id=2)) == 1


def test_what_was_given_up_begins_anew_when_it_is_watched_again(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    for event, at, due_at in ((EventType.MESSAGE_STUCK, 900, after(930)), (EventType.MESSAGE_ABANDONED, 930, None)):
        verdict = Verdict(known(store, 1).state, None, event, stuck=True)
        (told,) = store.record_polls([PollResult(known(store, 1), verdict, after(at), due_at)], ())
        assert (told.type, known(store, 1).stuck) == (event, True)
    assert (store.messages.claim(after(10**6), 9, ()), watched(store)) == ([], {1})
    assert store.messages.watch([1], after(2000)) == [], "it was never taken from the list"
    assert [message.id for message in store.messages.claim(after(2000), 9, ())] == [1]
    assert known(store, 1) == Message(1, state=State(Status.PENDING, NOW), sequence=3, watched_since=after(2000))


def test_an_id_that_comes_back_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1]))
    observe(store, 1, Status.PENDING, after(-60))
    configure(store, watchlist(tmp_path, ids=[2]))
    assert configure(store, watchlist(tmp_path, ids=[1])) == (1, 1)
    assert due_ids(store) == [1]
    assert known(store, 1) == Message(1, state=State(Status.PENDING, after(-60)), sequence=1, watched_since=NOW)


def test_a_finished_message_that_comes_back_is_not_polled_again(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1]))
    fail_some(store, [1])
    configure(store, watchlist(tmp_path, ids=[2]))
    configure(store, watchlist(tmp_path, ids=[1]))
    assert due_ids(store) == []
    assert watched(store) == {1}


def test_the_same_list_again_writes_nothing(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, "{id: 9, label: Nine}", ids=[1, 2, 3]))
    statements(store, "UPDATE messages SET label = 'by hand', listed = false, due_at = NULL")
    assert configure(store, watchlist(tmp_path, "{id: 9, label: Nine}", ids=[3, 2, 1])) == (0, 0)
    assert set(values(store, "SELECT label, due_at FROM messages")) == {("by hand", None)}


def test_labels_and_tags_follow_the_list(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, "{id: 1, label: Old, tags: {team: a}}", "2"))
    assert (known(store, 1).label, known(store, 1).tags) == ("Old", {"team": "a"})
    changed = watchlist(tmp_path, "{id: 1, label: New, tags: {team: b}}", "{id: 2, label: Two}")
    assert configure(store, changed) == (0, 0)
    assert (known(store, 1).label, known(store, 1).tags) == ("New", {"team": "b"})
    assert (known(store, 2).label, known(store, 2).tags) == ("Two", {})


def test_a_label_that_leaves_the_list_is_gone(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, "{id: 1, label: One, tags: {team: a}}"))
    configure(store, watchlist(tmp_path, "1"))
    assert known(store, 1) == Message(1, watched_since=NOW)


def test_a_label_given_by_command_outlives_changes_of_a_list_that_gives_none(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1]))
    store.messages.watch([1], NOW, Details(label="By command"))
    configure(store, watchlist(tmp_path, ids=[1, 2]))
    assert known(store, 1).label == "By command"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "many"),
    # PostgreSQL takes each row over a socket; its server is no part of what is measured here.
    [("sqlite", 100_000), pytest.param("postgres", 20_000, marks=pytest.mark.postgres)],
)
def test_a_hundred_thousand_ids_come_and_go_within_seconds(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, many: int
) -> None:
    everything, little = watchlist(tmp_path, ids=range(1, many + 1)), watchlist(tmp_path, ids=[5, 6])
    with Store(request.getfixturevalue(f"{kind}_url"), exclusive=True) as store:
        started = time.monotonic()
        assert configure(store, everything) == (many, 0)
        assert store.messages.count_due(NOW) == many
        assert configure(store, little) == (0, many - 2)
        assert due_ids(store) == [5, 6]
        assert time.monotonic() - started < _A_FEW_SECONDS


# Watched by command


def test_watching_tells_which_are_new(store: Store) -> None:
    assert store.messages.watch([1, 2], NOW) == [1, 2]
    assert store.messages.watch([2, 3], NOW) == [3]
    assert due_ids(store) == [1, 2, 3]


def test_watching_again_replaces_label_and_tags_only_where_they_are_given(store: Store) -> None:
    store.messages.watch([1], NOW, Details(label="One", tags={"team": "a"}))
    store.messages.watch([1], NOW, Details(label="Uno"))
    store.messages.watch([1], NOW)
    assert (known(store, 1).label, known(store, 1).tags) == ("Uno", {"team": "a"})


def test_unwatching_ends_the_polling_and_keeps_what_is_known(store: Store) -> None:
    store.messages.watch([1, 2], NOW)
    observe(store, 1, Status.PENDING)
    assert store.messages.unwatch([1, 77]) == ([1], [])
    assert due_ids(store) == [2]
    assert known(store, 1).state == State(Status.PENDING, NOW)
    assert store.messages.unwatch([1]) == ([], [])


def test_a_message_that_is_watched_again_is_due_at_once(store: Store) -> None:
    store.messages.watch([1], after(-600))
    observe(store, 1, Status.PENDING, after(-600))
    store.messages.unwatch([1])
    assert store.messages.watch([1], NOW) == [1]
    assert due_ids(store) == [1]


def test_watching_does_not_hurry_what_is_scheduled(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.PENDING)
    store.messages.watch([1], NOW)
    assert due_ids(store) == []


def test_a_finished_message_is_not_polled_again_by_watching_it(store: Store) -> None:
    fail_some(store, [1])
    assert store.messages.watch([1], NOW) == []
    assert due_ids(store) == []


def test_what_the_list_names_cannot_be_unwatched_by_command(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1]))
    assert store.messages.unwatch([1]) == ([], [1])
    assert due_ids(store) == [1]


def test_what_is_listed_and_added_is_watched_until_neither_wants_it(store: Store, tmp_path: Path) -> None:
    configure(store, watchlist(tmp_path, ids=[1, 2]))
    assert store.messages.watch([1, 2], NOW) == []
    assert configure(store, watchlist(tmp_path, ids=[2, 3])) == (1, 1)
    assert due_ids(store) == [1, 2, 3]
    assert store.messages.unwatch([1, 2]) == ([1], [2])
    assert due_ids(store) == [2, 3]
    configure(store, watchlist(tmp_path, ids=[3]))
    assert due_ids(store) == [3]


@pytest.mark.slow
def test_more_ids_than_a_statement_takes_can_be_unwatched(store: Store) -> None:
    store.messages.watch([1, 66_000], NOW)
    assert store.messages.unwatch(range(1, 66_001)) == ([1, 66_000], [])
    assert due_ids(store) == []


_ids = st.lists(st.integers(1, 6), unique=True)
_steps = st.lists(st.tuples(st.sampled_from(["sync", "watch", "unwatch", "fail"]), _ids), min_size=1, max_size=12)


def test_a_message_is_polled_exactly_while_somebody_wants_it_and_it_is_not_finished(
    tmp_path_factory: pytest.TempPathFactory, examples: hypothesis.settings
) -> None:
    folder = tmp_path_factory.mktemp("model")
    with Store(f"sqlite:///{folder}/bridge.db", exclusive=True) as store:

        @examples
        @hypothesis.given(_steps)
        def holds(steps: list[tuple[str, list[int]]]) -> None:
            statements(store, "DELETE FROM messages", "DELETE FROM events", "DELETE FROM meta WHERE key = 'watchlist'")
            listed: set[int] = set()
            added: set[int] = set()
            finished: set[int] = set()
            for step, ids in steps:
                match step:
                    case "sync":
                        configure(store, watchlist(folder, ids=ids))
                        listed = set(ids)
                    case "watch":
                        assert store.messages.watch(ids, NOW) == [id_ for id_ in ids if id_ not in listed | added]
                        added |= set(ids)
                    case "unwatch":
                        gone, kept = store.messages.unwatch(ids)
                        assert (set(gone), set(kept)) == ((added - listed) & set(ids), listed & set(ids))
                        added -= set(ids)
                    case _:
                        polls = [polled(message, Status.FAILED) for message in store.messages.claim(NOW, 10, ())]
                        store.record_polls([poll for poll in polls if poll.message.id in ids], ())
                        finished |= (listed | added) & set(ids)
                assert watched(store) == listed | added
                assert set(due_ids(store)) == (listed | added) - finished

        holds()


# What a poll changes


def test_a_poll_that_saw_nothing_new_changes_only_the_times(store: Store) -> None:
    store.messages.watch([1], after(-600), Details(label="One"))
    observe(store, 1, Status.PENDING, after(-600))
    before = known(store, 1)
    again = polled(before, Status.PENDING, NOW, due_at=after(30))
    assert store.record_polls([again], ()) == []
    (shown,) = listed.messages(store)
    assert shown.message == before
    assert (shown.polled_at, shown.due_at) == (NOW, after(30))


def test_a_poll_without_an_observation_changes_only_the_times(store: Store) -> None:
    store.messages.watch([1], NOW)
    assert store.record_polls([PollResult(known(store, 1), None, NOW, after(30))], ()) == []
    (shown,) = listed.messages(store)
    assert shown.message == Message(1, watched_since=NOW)
    assert (shown.polled_at, shown.due_at) == (NOW, after(30))


def test_unknown_that_does_not_count_yet_is_remembered(store: Store) -> None:
    store.messages.watch([1], NOW)
    verdict = judge(known(store, 1), Observation(Status.UNKNOWN, NOW), timedelta(seconds=10))
    assert store.record_polls([PollResult(known(store, 1), verdict, NOW, after(10))], ()) == []
    assert known(store, 1) == Message(1, unknown_since=NOW, watched_since=NOW)
    store.record_polls([PollResult(known(store, 1), None, after(5), after(10))], ())
    assert known(store, 1).unknown_since == NOW


def test_the_answer_of_a_poll_does_not_bring_back_what_was_unwatched_meanwhile(store: Store) -> None:
    store.messages.watch([1, 2], NOW)
    polls = [
        polled(known(store, 1), Status.PENDING, due_at=NOW),
        PollResult(known(store, 2), None, NOW, NOW),
    ]
    store.messages.unwatch([1, 2])
    assert [event.message_id for event in store.record_polls(polls, ())] == [1]
    assert due_ids(store) == []
    assert known(store, 1).state == State(Status.PENDING, NOW)


def test_times_are_kept_to_the_millisecond(store: Store) -> None:
    at = NOW + timedelta(milliseconds=345)
    store.messages.watch([1], at)
    observe(store, 1, Status.PENDING, at + timedelta(microseconds=999))
    assert known(store, 1).state == State(Status.PENDING, at)


# A clock that was set


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(milliseconds=1500), timedelta(days=400)])
def test_a_clock_that_is_set_moves_what_is_scheduled_or_ages_and_not_what_is_over(
    store: Store, step: timedelta
) -> None:
    store.messages.watch([1, 2], NOW)
    observe(store, 1, Status.UNKNOWN)
    store.messages.watch([3], NOW)
    fail_some(store, [2])
    observe(store, 3, Status.PENDING)
    store.shift_time(step)
    shown = {each.message.id: each for each in listed.messages(store)}
    assert shown[1].due_at == after(30) + step
    assert shown[1].message.unknown_since == NOW + step
    assert (shown[1].message.watched_since, shown[1].polled_at) == (NOW + step, NOW)
    assert shown[3].message.state == State(Status.PENDING, NOW + step)
    assert shown[2].message.state == State(Status.FAILED, NOW, "Invalid phone number")
    assert (shown[2].message.watched_since, shown[2].due_at) == (NOW, None)


def test_nothing_stays_due_later_than_the_rules_allow(store: Store) -> None:
    store.messages.watch([1], after(1e9))
    store.messages.watch([2], after(-5))
    store.clamp_time(after(30), after(600), NOW)
    assert {each.message.id: each.due_at for each in listed.messages(store)} == {1: after(30), 2: after(-5)}


# Fairness


def test_new_messages_do_not_wait_for_all_that_are_old_nor_these_for_ever(store: Store) -> None:
    store.messages.watch(range(1, 101), after(-600))
    statements(store, "UPDATE messages SET seen = 3")
    store.messages.watch(range(1001, 1101), after(-1))
    claimed = due_ids(store, most=20)
    assert claimed == [*range(1001, 1016), *range(1, 6)]
    assert due_ids(store, most=20, busy=[*range(1, 6), *range(1001, 1099)])[:4] == [1099, 1100, 6, 7]
    assert len(due_ids(store, most=20, busy=range(1, 101))) == 20, "who is alone has all the room"
    assert len(due_ids(store, most=20, busy=range(1001, 1101))) == 20


def test_a_message_is_new_until_three_polls_have_seen_it(store: Store) -> None:
    store.messages.watch([1], after(-600))
    statements(store, "UPDATE messages SET seen = 3")
    store.messages.watch([2], NOW)
    for _ in range(3):
        assert due_ids(store, most=2) == [2, 1]
        message = known(store, 2)
        store.record_polls([PollResult(message, None, NOW, NOW)], [])  # a poll that brought nothing does not count
        assert due_ids(store, most=2) == [2, 1]
        store.record_polls([polled(message, Status.UNKNOWN, NOW, due_at=NOW)], [])
        message = known(store, 2)
    assert due_ids(store, most=2) == [1, 2]


# Indexes


def test_what_is_due_is_found_by_its_own_index(store: Store) -> None:
    store.messages.watch(range(1, 4001), after(1))
    statements(store, "UPDATE messages SET seen = 3 WHERE id <= 2000")
    store.messages.watch([7777], NOW)
    with plans(store) as found:
        assert due_ids(store) == [7777]
    new, due = found
    assert "messages_new" in new
    assert "messages_due" in due
    assert not is_slow(new)
    assert not is_slow(due)


def test_each_message_can_be_watched_with_details_of_its_own(store: Store) -> None:
    store.messages.watch([2], NOW, Details("Old", {"team": "sales"}))
    handed = {1: Details("Invoice 1", {"team": "billing"}, after(60)), 2: Details("New"), 3: Details()}
    assert store.messages.watch_each(handed, NOW) == [1, 3]
    assert known(store, 1) == Message(1, "Invoice 1", {"team": "billing"}, watched_since=NOW, expected_at=after(60))
    assert (known(store, 2).label, known(store, 2).tags) == ("New", {"team": "sales"})
    assert (known(store, 3).label, known(store, 3).tags) == (None, {})


def dues(store: Store) -> dict[int, datetime | None]:
    return {shown.message.id: shown.due_at for shown in listed.messages(store)}


def test_a_poked_message_is_due_at_once_but_once_a_second_only(store: Store) -> None:
    store.messages.watch([1, 2, 3, 4], after(-60))
    store.messages.unwatch([4])
    observe(store, 1, Status.PENDING)
    observe(store, 2, Status.PENDING, after(-10))
    store.record_polls([polled(known(store, 3), Status.SENT, after(-10))], ())
    assert dues(store) == {1: after(30), 2: after(20), 3: None, 4: None}
    assert sorted(store.messages.poll_now([1, 2, 3, 4, 5], after(0.2))) == [1, 2, 3]
    assert dues(store) == {1: after(1), 2: after(0.2), 3: after(0.2), 4: None}
    store.messages.poll_now([1], after(0.5))
    assert dues(store)[1] == after(1)


def test_a_poke_puts_no_message_behind_those_that_wait_less_long(store: Store) -> None:
    store.messages.watch([1], after(-60))
    store.messages.watch([2], after(-30))
    for seconds in range(0, 20, 5):
        store.messages.poll_now([1], after(seconds))
    assert [message.id for message in store.messages.claim(after(20), 1, ())] == [1]


def test_what_was_given_up_is_polled_again_only_when_it_is_watched_again(store: Store) -> None:
    store.messages.watch([1], NOW)
    store.record_polls([polled(known(store, 1), Status.PENDING)], ())
    assert store.messages.poll_now([1], after(5)) == []
    assert dues(store) == {1: None}


@pytest.mark.parametrize("status", [Status.PENDING, Status.SENT])
def test_a_poke_during_a_poll_is_followed_by_another_poll(store: Store, status: Status) -> None:
    store.messages.watch([1], NOW)
    (claimed,) = store.messages.claim(NOW, 10, ())
    store.messages.poll_now([1], after(0.1))
    store.record_polls(
        [polled(claimed, status, after(0.2), due_at=after(30) if status is Status.PENDING else None)], ()
    )
    assert dues(store) == {1: after(0.001)}
    (again,) = store.messages.claim(after(0.3), 10, ())
    store.record_polls([polled(again, Status.SENT, after(0.4))], ())
    assert dues(store) == {1: None}
