"""Digests: whatever the events are, the counts add up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Event, EventType, Status
from bridge.receivers.digest import GROUP_KEYS, MOST_GROUPS, Digest, Group, digest
from bridge.receivers.text import size
from tests.unit.receivers.events import any_event, changed, source_down

INVALID, BLOCKED = "Invalid phone number", "Number is blocked"


def failed(ids: range, error: str = INVALID) -> list[Event]:
    return [changed(id_, error=error, label=None) for id_ in ids]


def sent(ids: range) -> list[Event]:
    return [changed(id_, Status.SENT, label=None) for id_ in ids]


def test_events_are_grouped_by_type_and_error_largest_first() -> None:
    counted = digest([*sent(range(2)), *failed(range(10, 13)), *failed(range(20, 24), BLOCKED)])
    assert counted == Digest(
        count=9,
        totals=((EventType.MESSAGE_FAILED, 7), (EventType.MESSAGE_SENT, 2)),
        groups=(
            Group(EventType.MESSAGE_FAILED, BLOCKED, 4, ("20", "21", "22", "23")),
            Group(EventType.MESSAGE_FAILED, INVALID, 3, ("10", "11", "12")),
            Group(EventType.MESSAGE_SENT, "", 2, ("0", "1")),
        ),
    )


def test_of_5000_failures_the_first_20_are_named_and_the_rest_is_counted() -> None:
    (group,) = digest(failed(range(5000))).groups
    assert group.names == tuple(map(str, range(20)))
    assert group.more == 4980


def test_names_are_shared_among_the_groups_in_turn() -> None:
    counted = digest([*failed(range(100)), *sent(range(50)), source_down()], shown=6)
    assert [len(group.names) for group in counted.groups] == [3, 2, 1]


def test_with_fewer_names_than_groups_the_largest_are_named() -> None:
    counted = digest([*failed(range(3)), *sent(range(2)), source_down()], shown=2)
    assert [group.names for group in counted.groups] == [("0",), ("0",), ()]


def test_a_name_has_its_label_where_there_is_one_to_see() -> None:
    events = [changed(1, label="Invoice 88"), changed(2, label=" \n"), changed(3, label=None), changed(4, label="")]
    (group,) = digest(events).groups
    assert group.names == ("1 (Invoice 88)", "2", "3", "4")


def test_what_is_not_about_a_message_is_named_by_its_subject() -> None:
    assert digest([source_down(), source_down()]).groups[0].names == ("source", "source")


def test_groups_that_do_not_fit_are_counted_with_their_events() -> None:
    events = [event for index in range(100) for event in failed(range(2), error=f"error {index}")]
    counted = digest(events)
    assert len(counted.groups) == MOST_GROUPS
    assert (counted.other_groups, counted.other_events) == (80, 160)


def test_grouping_can_be_by_less() -> None:
    events = [*failed(range(3)), *failed(range(3), BLOCKED), *sent(range(2))]
    assert [(group.type, group.error, group.count) for group in digest(events, ["type"]).groups] == [
        (EventType.MESSAGE_FAILED, None, 6),
        (EventType.MESSAGE_SENT, None, 2),
    ]
    assert [(group.type, group.error, group.count) for group in digest(events, ["error"]).groups] == [
        (None, INVALID, 3),
        (None, BLOCKED, 3),
        (None, "", 2),
    ]
    assert [(group.type, group.error, group.count) for group in digest(events, []).groups] == [(None, None, 8)]


@settings(max_examples=50)  # each is a whole digest
@given(
    st.lists(any_event, max_size=30),
    st.lists(st.sampled_from(GROUP_KEYS), unique=True),
    st.integers(0, 1000),
    st.integers(1, 40),
)
def test_the_counts_always_add_up(events: list[Event], by: list[str], shown: int, times: int) -> None:
    events = events * times
    counted = digest(events, by, shown)
    assert counted.count == len(events)
    assert sum(count for _, count in counted.totals) == len(events)
    assert sum(group.count for group in counted.groups) + counted.other_events == len(events)
    assert all(group.more >= 0 for group in counted.groups)
    assert sum(len(group.names) for group in counted.groups) <= shown
    assert len(counted.groups) <= MOST_GROUPS
    assert bool(counted.other_groups) == bool(counted.other_events)


@settings(max_examples=50)  # each is a whole digest
@given(st.lists(any_event, max_size=10))
def test_groups_and_totals_come_largest_first(events: list[Event]) -> None:
    counted = digest(events)
    for counts in ([count for _, count in counted.totals], [group.count for group in counted.groups]):
        assert counts == sorted(counts, reverse=True)


def test_very_long_names_leave_room_for_all_else() -> None:
    events = [changed(10**300 + index, label="&" * 500, error=f"error {index % 20}") for index in range(1000)]
    counted = digest(events, shown=1000)
    named = [size(", ".join(group.names)) for group in counted.groups]
    assert max(named) <= 1_900
    assert sum(named) <= 15_000
    assert all(group.names for group in counted.groups)
    assert all(group.count == len(group.names) + group.more == 50 for group in counted.groups)
