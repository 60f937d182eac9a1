"""Sums of what became of messages, kept in a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.activity import DAY, HOUR, REASON, Activity
from bridge.domain.errors import UsageError
from bridge.domain.model import Details, Status
from bridge.store.search import MessageQuery
from tests.world.records import NOW, after, fail_some, known, observe, polled

if TYPE_CHECKING:
    from bridge.store.store import Store

HOURS = timedelta(hours=1)


def counts(found: Activity) -> dict[str, int]:
    return {str(status): count for status, count in found.sums.counts.items()}


def test_what_polls_found_is_added_up(store: Store) -> None:
    store.messages.watch([1, 2, 3], NOW, Details(None, {"team": "billing"}))
    for at, status in ((5, Status.PENDING), (65, Status.SENT)):
        for id_ in (1, 2):
            observe(store, id_, status, after(at))
    store.record_polls([polled(known(store, 3), Status.FAILED, after(70), error="Invalid phone number")], [])
    fail_some(store, [4], after(80))

    found = store.activity.read(NOW, after(3600))
    assert counts(found) == {"sent": 2, "failed": 2}
    assert [(reason.key, count) for reason, count in found.reasons] == [("invalid_number", 2)]
    assert found.waits is not None
    assert (found.waits.count, round(found.waits.median.total_seconds(), -1)) == (2, 70)
    assert found.before is None  # the bridge had not begun
    assert found.counted_since == NOW

    by_team = store.activity.read(NOW, after(3600), "tags.team").groups
    assert [(group.name, group.value, group.sums.total) for group in by_team] == [
        ("billing", "billing", 3),
        ("without team", None, 1),
    ]
    (why,) = store.activity.read(NOW, after(3600), REASON).groups
    assert (why.name, why.sums[Status.FAILED]) == ("invalid numbers", 2)
    assert [shown.message.id for shown in store.search.messages(MessageQuery(reason="invalid_number")).items] == [4, 3]


def test_a_message_that_fails_and_is_sent_later_counts_as_both(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.FAILED, after(1))
    observe(store, 1, Status.SENT, after(2))
    assert counts(store.activity.read(NOW, after(60))) == {"failed": 1, "sent": 1}
    assert store.search.messages(MessageQuery(reason="")).items == ()


def test_what_was_over_at_the_first_look_has_no_wait(store: Store) -> None:
    store.messages.watch([1], NOW)
    observe(store, 1, Status.SENT, after(600))
    found = store.activity.read(NOW, after(3600))
    assert (counts(found), found.waits) == ({"sent": 1}, None)


def test_a_scheduled_message_waits_from_when_it_was_to_be_sent(store: Store) -> None:
    store.messages.watch([1], NOW, Details(None, {}, after(3600)))
    observe(store, 1, Status.PENDING, after(5))
    observe(store, 1, Status.SENT, after(3660))
    waits = store.activity.read(NOW, after(7200)).waits
    assert waits is not None
    assert 50 < waits.median.total_seconds() < 70


def test_a_period_is_compared_with_the_one_before(store: Store) -> None:
    fail_some(store, [1], NOW - 3 * HOURS)
    fail_some(store, [2, 3], NOW - 2 * HOURS)
    fail_some(store, [4], NOW)
    found = store.activity.read(NOW - HOURS, after(1))
    assert found.since == NOW - HOURS
    assert found.before is not None
    assert found.before.total == 2
    assert store.activity.read(NOW - 2 * HOURS, after(1)).before is None  # counted for a part of it only


def test_hours_and_days_have_their_own_sums(store: Store) -> None:
    fail_some(store, [1], NOW)
    fail_some(store, [2], NOW + 5 * HOURS)
    hours = store.activity.read(NOW, NOW + 6 * HOURS, HOUR, ZoneInfo("UTC")).groups
    assert [group.sums.total for group in hours] == [1, 0, 0, 0, 0, 1]
    days = store.activity.read(NOW - 24 * HOURS, NOW + 6 * HOURS, DAY, ZoneInfo("Asia/Kolkata")).groups
    assert [(group.name, group.sums.total) for group in days] == [
        ("2026-11-23", 0),
        ("2026-11-24", 2),
    ]


def test_tags_and_reasons_are_forgotten_with_the_events_and_sums_a_year_later(store: Store) -> None:
    store.messages.watch([1], NOW, Details(None, {"team": "billing"}))
    fail_some(store, [1], NOW)
    store.prune(NOW + 30 * 24 * HOURS)
    found = store.activity.read(NOW, after(60))
    assert (found.sums.total, found.reasons) == (1, ())
    with pytest.raises(UsageError, match="no message in this period has a tag `team`"):
        store.activity.read(NOW, after(60), "tags.team")
    store.prune(NOW + 366 * 24 * HOURS)
    assert store.activity.read(NOW, after(60)).sums.total == 0


@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", {20: 2}), ("Asia/Kolkata", {1: 1, 2: 1}), ("Europe/Berlin", {21: 2})]
)
def test_waits_are_told_for_each_hour_of_the_day(store: Store, zone: str, hours: dict[int, int]) -> None:
    days = timedelta(days=1)
    store.messages.watch([1, 2], NOW, Details(None, {}))
    store.messages.watch([3], NOW - days, Details(None, {}))
    for id_, at in ((1, NOW), (2, NOW - days)):
        observe(store, id_, Status.PENDING, at)
    observe(store, 1, Status.SENT, after(40))
    observe(store, 2, Status.SENT, NOW - days + timedelta(minutes=40))
    found = store.activity.waits_by_hour(NOW - 2 * days, after(60), ZoneInfo(zone))
    assert {hour: waits.count for hour, waits in enumerate(found) if waits} == hours


def test_hours_of_the_day_follow_the_clocks_that_change(store: Store) -> None:
    berlin, noon = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 24, 10, tzinfo=UTC)
    for id_, at in ((1, noon), (2, noon + timedelta(hours=25))):
        store.messages.watch([id_], at, Details(None, {}))
        observe(store, id_, Status.PENDING, at)
        observe(store, id_, Status.SENT, at + timedelta(seconds=9))
    found = store.activity.waits_by_hour(noon - 2 * HOURS, noon + 48 * HOURS, berlin)
    assert {hour: waits.count for hour, waits in enumerate(found) if waits} == {12: 2}


def test_tags_and_their_values_are_those_of_the_period(store: Store) -> None:
    store.messages.watch([1], NOW, Details(None, {"team": "billing", "lang": "de"}))
    store.messages.watch([2], NOW, Details(None, {"order": "7"}))
    observe(store, 1, Status.SENT, NOW)
    observe(store, 2, Status.FAILED, NOW + 2 * HOURS)
    assert store.activity.tags(NOW, NOW + HOURS) == ["lang", "team"]
    assert store.activity.tags(NOW, NOW + 3 * HOURS) == ["lang", "order", "team"]
    assert store.activity.tags(NOW - HOURS, NOW) == []
    assert [(each.name, each.sums.total) for each in store.activity.by_tag(NOW, NOW + HOURS, "team")] == [
        ("billing", 1)
    ]
    with pytest.raises(UsageError, match="did you mean `team`"):
        store.activity.by_tag(NOW, NOW + HOURS, "teem")


def test_what_was_not_counted_as_a_whole_is_not_compared_with(store: Store) -> None:
    assert store.activity.counted(NOW, NOW + HOURS) is None
    fail_some(store, [1], NOW)
    assert store.activity.counted(NOW - HOURS, NOW + HOURS) is None
    counted = store.activity.counted(NOW, NOW + HOURS)
    assert counted is not None
    assert counted[Status.FAILED] == 1


@pytest.mark.slow
@pytest.mark.parametrize("by", [HOUR, DAY])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"])
@pytest.mark.parametrize("begin", ["2026-10-24T23:15Z", "2026-03-29T00:45Z", "2026-11-01T02:00Z"])
def test_hours_and_days_are_added_up_without_waits(store: Store, by: str, zone: str, begin: str) -> None:
    since = datetime.fromisoformat(begin)
    for id_ in range(1, 5):
        fail_some(store, [id_], since + id_ * 7 * HOURS)
    found = store.activity.over_time(since, since + 40 * HOURS, by, ZoneInfo(zone))
    assert found == store.activity.read(since, since + 40 * HOURS, by, ZoneInfo(zone)).groups
    assert sum(each.sums[Status.FAILED] for each in found) == 4
