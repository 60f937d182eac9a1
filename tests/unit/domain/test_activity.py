"""Sums of what became of messages: nothing is counted twice, left out, or put into another day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import activity
from bridge.domain.activity import (
    ALL,
    COUNTED,
    DAY,
    HOUR,
    MOST_VALUES,
    REASON,
    TAGS,
    WAITED,
    Ended,
    Key,
    Sums,
    Tally,
    slot_after,
    slot_of,
    start_of,
)
from bridge.domain.model import Status

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Berlin", "America/St_Johns"]

moments = st.integers(0, 364 * 86_400_000).map(lambda millis: NOW - timedelta(milliseconds=millis))
ended = st.builds(
    Ended,
    st.sampled_from(COUNTED),
    moments,
    st.dictionaries(st.sampled_from(["team", "lang"]), st.sampled_from(["a", "b", "c"])),
    st.none() | st.sampled_from(["Invalid phone number", "Gone", ""]),
)


def rows(counted: Counter[Key], kind: str) -> list[tuple[Key, int]]:
    return [(key, count) for key, count in counted.items() if key.kind == kind]


@given(st.lists(ended))
def test_each_message_is_in_the_sum_of_all_and_of_its_tags(all_: list[Ended]) -> None:
    counted = Tally().count(all_)
    sums = activity.sums_of((key.status, count) for key, count in rows(counted, ALL))
    assert sums.counts == Counter(each.status for each in all_)
    groups = activity.tag_groups("team", [(k.value, k.status, n) for k, n in rows(counted, f"{TAGS}team")], sums)
    assert sum(group.sums.total for group in groups) == len(all_)
    for group in groups:
        meant = [each for each in all_ if each.tags.get("team") == group.value]
        assert group.sums.total == len(meant)
    why = activity.reasons_of((key.value, count) for key, count in rows(counted, REASON))
    assert sum(count for _, count in why) == sums[Status.FAILED]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("by", [HOUR, DAY])
@given(all_=st.lists(ended, max_size=20), since=moments, days=st.integers(1, 40))
def test_hours_and_days_are_those_of_the_time_zone(
    zone: str, by: str, all_: list[Ended], since: datetime, days: int
) -> None:
    here, counted = ZoneInfo(zone), Tally().count(all_)
    slots = range(slot_of(since), slot_after(since + timedelta(days=days)))
    within = [(key, count) for key, count in rows(counted, ALL) if key.slot in slots]
    groups = activity.time_groups(by, here, slots, [(k.slot, k.status, n) for k, n in within], [])
    shown = "%Y-%m-%d %H" if by == HOUR else "%Y-%m-%d"
    meant = Counter(f"{each.at.astimezone(here):{shown}}" for each in all_ if slot_of(each.at) in slots)
    by_name = Counter({f"{group.start.astimezone(here):{shown}}": 0 for group in groups if group.start})
    for group in groups:
        assert group.start is not None
        by_name[f"{group.start.astimezone(here):{shown}}"] += group.sums.total
    assert +by_name == meant
    starts = [group.start for group in groups if group.start]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_the_clocks_change_has_an_hour_less_or_more(day: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begins = datetime.fromisoformat(day).replace(tzinfo=berlin)
    slots = range(slot_of(begins), slot_after(begins + timedelta(days=1)))
    assert len(activity.time_groups(HOUR, berlin, slots, [], [])) == hours
    assert len(activity.time_groups(DAY, berlin, slots, [], [])) == 1


@given(st.lists(st.floats(0, 30 * 86400), min_size=1))
def test_a_median_is_right_within_a_tenth(seconds: list[float]) -> None:
    counted = Tally().count(Ended(Status.SENT, NOW, waited=timedelta(seconds=each)) for each in seconds)
    waits = activity.waits_of((key.value, count) for key, count in rows(counted, WAITED))
    assert waits is not None
    assert waits.count == len(seconds)
    for found, at in ((waits.median, len(seconds) / 2), (waits.p95, len(seconds) * 0.95)):
        exact = max(1.0, sorted(seconds)[max(0, -int(-at // 1) - 1)])
        assert found.total_seconds() == pytest.approx(exact, rel=0.1, abs=1)


def test_many_values_of_a_tag_are_counted_together() -> None:
    tally = Tally()
    many = [Ended(Status.SENT, NOW, {"customer": str(number)}) for number in range(2 * MOST_VALUES)]
    counted = Counter(tally.count(many[:150])) + tally.count(many[150:])
    sums = activity.sums_of((key.status, count) for key, count in rows(counted, ALL))
    found = [(k.value, k.status, n) for k, n in rows(counted, f"{TAGS}customer")]
    groups = activity.tag_groups("customer", found, sums)
    assert len(groups) == MOST_VALUES + 1
    assert (groups[-1].name, groups[-1].sums.total) == ("all others", MOST_VALUES)
    later = tally.count([Ended(Status.SENT, NOW + activity.SLOT, {"customer": "late"})])
    assert [key.value for key, _ in rows(later, f"{TAGS}customer")] == ["late"]


def test_texts_that_differ_only_in_a_number_or_a_name_are_one_reason() -> None:
    texts = ["Invalid phone number", "+49 151 1 is an invalid phone number", "Gone: order 7", "GONE: order 8", ""]
    counted = Tally().count(Ended(Status.FAILED, NOW, error=text) for text in texts)
    why = activity.reasons_of((key.value, count) for key, count in rows(counted, REASON))
    assert [(reason.words(count), count) for reason, count in why] == [
        ("invalid numbers", 2),
        ("“Gone: order …”", 2),
        ("without a reason", 1),
    ]


def test_the_share_of_failures_counts_what_was_to_be_sent() -> None:
    counts = {Status.SENT: 90, Status.FAILED: 7, Status.EXPIRED: 3, Status.CANCELLED: 50, Status.UNKNOWN: 9}
    assert Sums(counts).failure_share == 10.0
    assert Sums({Status.CANCELLED: 1}).failure_share is None


@given(moments)
def test_slots_hold_the_moments_in_them(moment: datetime) -> None:
    assert start_of(slot_of(moment)) <= moment < start_of(slot_of(moment) + 1)
    assert start_of(slot_after(moment)) >= moment > start_of(slot_after(moment) - 1)
