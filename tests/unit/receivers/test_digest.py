"""Digests: whatever the events are, the counts add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Event, EventType, Status
from bridge.domain.reasons import BLOCKED as BLOCKED_NUMBER
from bridge.domain.reasons import INVALID_NUMBER, NONE_GIVEN, Reason
from bridge.domain.samples import sample_event
from bridge.receivers.digest import GROUP_KEYS, MOST_GROUPS, Group, digest, title_of
from bridge.receivers.text import size
from bridge.receivers.wording import WORDS, severity_of
from tests.unit.receivers.events import any_event, changed, receiver_down, source_down
from tests.world.clock import START

INVALID, BLOCKED = "Invalid phone number", "Number is blocked"
FIVE_AND_TWO = "❌ 7 WhatsApp messages failed: 5 invalid numbers, 2 not on WhatsApp"
TWO_RECEIVERS = "🔴 2 receivers down: 1 “HTTP 500 Internal Server Error”, 1 “HTTP 404”"


def failed(ids: range, error: str = INVALID) -> list[Event]:
    return [changed(id_, error=error, label=None) for id_ in ids]


def stuck(id_: int) -> Event:
    return replace(changed(id_, Status.PENDING, label=None), type=EventType.MESSAGE_STUCK)


def sent(ids: range) -> list[Event]:
    return [changed(id_, Status.SENT, label=None) for id_ in ids]


def test_events_are_grouped_by_type_and_reason_largest_first() -> None:
    blocked = "Customer has opted out"
    counted = digest([*sent(range(2)), *failed(range(10, 13)), *failed(range(20, 24), blocked)])
    opted_out = Reason("customer has opted out", f"“{blocked}”", f"“{blocked}”")
    assert counted.totals == ((EventType.MESSAGE_FAILED, 7), (EventType.MESSAGE_SENT, 2))
    assert counted.groups == (
        Group(EventType.MESSAGE_FAILED, opted_out, 4, ("20", "21", "22", "23")),
        Group(EventType.MESSAGE_FAILED, INVALID_NUMBER, 3, ("10", "11", "12")),
        Group(EventType.MESSAGE_SENT, NONE_GIVEN, 2, ("0", "1")),
    )
    assert list(map(title_of, counted.groups)) == [f"4 failed: “{blocked}”", "3 failed: invalid numbers", "2 sent"]


@pytest.mark.parametrize(
    ("events", "heading"),
    [
        ([*failed(range(5)), *failed(range(5, 7), "Number is not on WhatsApp")], FIVE_AND_TWO),
        (failed(range(2)), "❌ 2 WhatsApp messages failed: invalid numbers"),
        ([changed(id_, error=None) for id_ in range(2)], "❌ 2 WhatsApp messages failed"),
        (
            [changed(1, error=None), changed(2)],
            "❌ 2 WhatsApp messages failed: 1 without a reason, 1 invalid number",
        ),
        (sent(range(1500)), "✅ 1,500 WhatsApp messages sent"),
        ([*failed(range(5)), *sent(range(5, 7))], "❌ 5 messages failed, 2 sent"),
        ([*sent(range(100)), changed(100)], "❌ 1 message failed, 100 sent"),
        ([*failed(range(2)), source_down()], "🔴 1 status API down, 2 messages failed"),
        ([receiver_down("crm"), receiver_down("erp", "HTTP 404")], TWO_RECEIVERS),
        ([sample_event(START)] * 2, "🧪 TEST: 1 WhatsApp message failed: “This is a test: no message failed”"),
        ([stuck(1), changed(1, Status.EXPIRED)], "⌛ 1 WhatsApp message expired"),
        ([stuck(1), stuck(2), changed(1, Status.SENT)], "🐌 1 message stuck, 1 sent"),
        ([*failed(range(1)), *failed(range(1), BLOCKED)], "❌ 1 WhatsApp message failed: blocked number"),
    ],
)
def test_heading_says_what_happened(events: list[Event], heading: str) -> None:
    assert digest(events).heading(150) == heading


def test_heading_counts_what_does_not_fit() -> None:
    events = [changed(id_, error=f"fault {'abcdefgh'[id_]}") for id_ in range(8)]
    assert digest(events).heading(100) == (
        "❌ 8 WhatsApp messages failed: 1 “fault a”, 1 “fault b”, 1 “fault c” and 5 for other reasons"
    )
    assert digest(events).heading(400).endswith(", 1 “fault h”")


def test_one_more_reason_is_another() -> None:
    events = [changed(id_, error=f"fault {'abcdefghijk'[id_]}") for id_ in range(11)]
    assert digest(events).heading(400).endswith(", 1 “fault j” and 1 for another reason")


def test_rate_of_failures_is_not_taken_for_one_of_its_reasons() -> None:
    data = {"by": "tags.team", "group": "billing", "reasons": [{"reason": "Number is not on WhatsApp", "count": 9}]}
    rate = Event("evt_1", EventType.ACCOUNT_FAILING, START, "account/team=billing", 1, data)
    counted = digest([rate, changed(1)])
    assert counted.heading(150) == "📉 1 failure rate too high (team billing), 1 message failed"
    assert "1 failure rate too high: team billing" in map(counted.line_of, counted.groups)


def test_heading_says_whose_failure_rates_are_too_high() -> None:
    def rate(number: int, group: str, type_: EventType = EventType.ACCOUNT_FAILING) -> Event:
        data = {"by": "tags.team", "group": group}
        return Event(f"evt_{number}", type_, START, f"account/team={group}", number, data)

    first, second, long = rate(1, "billing"), rate(2, "sales"), rate(3, "x" * 200)
    assert digest([first, first]).heading(150) == "📉 1 failure rate too high (team billing)"
    assert digest([first, second, long]).heading(150) == "📉 3 failure rates too high (team billing and 2 more)"
    assert digest([long, changed(1)]).heading(150).endswith("x…), 1 message failed")
    normal = rate(4, "sales", EventType.ACCOUNT_RECOVERED)
    assert digest([first, normal]).heading(150) == (
        "📉 1 failure rate too high (team billing), 1 failure rate normal again (team sales)"
    )


def test_steps_are_listed_once_each() -> None:
    events = [*failed(range(5)), *sent(range(2)), source_down(), changed(9, error="Session expired")]
    assert digest(events).steps == (
        "Check the number, then send again or call.",
        "Check client_id and API key in the bridge's configuration.",
        "Open WbizTool, scan the QR code, then send again.",
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
    events = [event for index in range(100) for event in failed(range(2), error=f"fault {chr(0x4E00 + index)}")]
    counted = digest(events)
    assert len(counted.groups) == MOST_GROUPS
    assert (counted.other_groups, counted.other_events) == (80, 160)


def test_grouping_can_be_by_less() -> None:
    events = [*failed(range(3)), *failed(range(3), BLOCKED), *sent(range(2))]
    assert [(group.type, group.reason, group.count) for group in digest(events, ["type"]).groups] == [
        (EventType.MESSAGE_FAILED, None, 6),
        (EventType.MESSAGE_SENT, None, 2),
    ]
    assert [(group.type, group.reason, group.count) for group in digest(events, ["error"]).groups] == [
        (None, INVALID_NUMBER, 3),
        (None, BLOCKED_NUMBER, 3),
        (None, NONE_GIVEN, 2),
    ]
    assert [(group.type, group.reason, group.count) for group in digest(events, []).groups] == [(None, None, 8)]


@pytest.mark.slow
@settings(max_examples=50)  # each is a whole digest
@given(
    st.lists(any_event, min_size=1, max_size=30),
    st.lists(st.sampled_from(GROUP_KEYS), unique=True),
    st.integers(0, 1000),
    st.integers(1, 40),
)
def test_the_counts_always_add_up(events: list[Event], by: list[str], shown: int, times: int) -> None:
    events = events * times
    counted = digest(events, by, shown)
    subjects = len({event.subject for event in events})
    assert sum(count for _, count in counted.totals) == sum(count for _, count in counted.reasons) == subjects
    assert sum(group.count for group in counted.groups) + counted.other_events == len(events)
    assert all(group.more >= 0 for group in counted.groups)
    assert sum(len(group.names) for group in counted.groups) <= shown
    assert len(counted.groups) <= MOST_GROUPS
    assert bool(counted.other_groups) == bool(counted.other_events)


@pytest.mark.slow
@settings(max_examples=50)  # each is a whole digest
@given(st.lists(any_event, min_size=1, max_size=10))
def test_groups_and_totals_come_largest_first(events: list[Event]) -> None:
    counted = digest(events)
    for counts in ([count for _, count in counted.totals], [group.count for group in counted.groups]):
        assert counts == sorted(counts, reverse=True)


def test_very_long_names_leave_room_for_all_else() -> None:
    events = [
        changed(10**300 + index, label="&" * 500, error=f"fault {'abcdefghijklmnopqrst'[index % 20]}")
        for index in range(1000)
    ]
    counted = digest(events, shown=1000)
    named = [size(", ".join(group.names)) for group in counted.groups]
    assert max(named) <= 1_900
    assert sum(named) <= 15_000
    assert all(group.names for group in counted.groups)
    assert all(group.count == len(group.names) + group.more == 50 for group in counted.groups)


def test_digest_of_what_began_and_ended_is_good_news_with_nothing_to_do() -> None:
    """Only the end is in the heading; a failure that lasts makes it bad news again."""
    down = source_down()
    up = replace(down, type=EventType.SOURCE_UP, sequence=2)
    over = digest([down, up])
    assert (over.sign, over.steps) == (WORDS[EventType.SOURCE_UP].emoji, ())
    assert over.totals == ((EventType.SOURCE_UP, 1),)
    assert [group.type for group in over.groups] == [EventType.SOURCE_DOWN, EventType.SOURCE_UP]
    assert severity_of([down, up]) is WORDS[EventType.SOURCE_UP].severity
    lasting = digest([down, up, changed(1)])
    assert lasting.sign == WORDS[EventType.MESSAGE_FAILED].emoji
    assert len(lasting.steps) == 1
