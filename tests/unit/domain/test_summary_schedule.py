"""When summaries are due, and which time each covers: by weekday, where clocks are set, and after a time of silence."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.activity import SLOT, slot_of, start_of
from bridge.domain.quiet_hours import EVERY_DAY
from bridge.domain.summary_marks import Mark, counted_from, read, written
from bridge.domain.summary_schedule import SummaryRule, adopt, done, due_summary, next_due

BERLIN = ZoneInfo("Europe/Berlin")  # clocks go from 02:00 to 03:00 on 2026-03-29, from 03:00 to 02:00 on 2026-10-25
KOLKATA = ZoneInfo("Asia/Kolkata")
DAY = timedelta(days=1)

_ZONES = st.timezone_keys(allow_prefix=False).map(ZoneInfo)
_MOMENTS = st.datetimes(datetime(1971, 1, 3), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds
_TIMES = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0, fold=0))
_DAYS = st.frozensets(st.sampled_from(sorted(EVERY_DAY)), min_size=1)
_RULES = st.builds(SummaryRule, _TIMES, _ZONES, _DAYS)
_MARKS = st.builds(Mark, *(_MOMENTS.map(lambda each: each.replace(microsecond=0)),) * 2, st.text())


def rule(at: str = "09:00", zone: ZoneInfo = BERLIN, days: frozenset[int] = EVERY_DAY) -> SummaryRule:
    return SummaryRule(time.fromisoformat(at), zone, days)


def at(local: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold).astimezone(UTC)


class Bridge:
    """Looks as the daemon does, and remembers what it summed up."""

    def __init__(self, by: SummaryRule, now: datetime, counted_since: datetime | None = None) -> None:
        self.rule = by
        self.counted_since = counted_since
        self.marks: dict[str, Mark] = {}
        self.look(now)

    def look(self, now: datetime) -> tuple[datetime, datetime] | None:
        self.marks = adopt(self.marks, {"ops": self.rule}, now, self.counted_since)
        due = due_summary("ops", self.marks["ops"], self.rule, now)
        if due is None:
            return None
        self.marks["ops"] = done(due, self.rule)
        return due.since, due.until


@pytest.mark.slow
@given(_RULES, _MOMENTS)
def test_rule_is_due_once_on_each_of_its_days(by: SummaryRule, start: datetime) -> None:
    """Days that clocks leave out altogether (Samoa's 30 December 2011) count with the next."""
    found, now = [], start
    while now < start + 30 * DAY:
        now = by.next_after(now)
        found.append(now)
    assert all(early < late for early, late in pairwise(found))
    assert all(by.latest(due) == due for due in found)
    assert all(by.latest(late - timedelta(seconds=1)) == early for early, late in pairwise(found))
    days = [due.astimezone(by.zone).date() for due in found]
    assert len(set(days)) >= len(days) - 1
    expected = sum(
        (start.astimezone(by.zone) + number * DAY).weekday() in by.days for number in range((now - start).days + 1)
    )
    assert abs(len(found) - expected) <= 1


@pytest.mark.slow
@given(_RULES, _MOMENTS, st.lists(st.timedeltas(timedelta(seconds=1), 9 * DAY), max_size=30))
def test_summaries_cover_all_time_once_however_late_the_looks(
    by: SummaryRule, start: datetime, waits: list[timedelta]
) -> None:
    bridge, now = Bridge(by, start, start - 30 * DAY), start
    covered = [bridge.marks["ops"].until]
    for wait in waits:
        now += wait
        period = bridge.look(now)
        assert bridge.look(now) is None, "once"
        if period is not None:
            since, until = period
            assert since == covered[-1]
            assert since < until <= now
            assert start_of(slot_of(until)) == until
            covered.append(until)
        assert by.latest(now) - bridge.marks["ops"].until < SLOT or by.latest(now) <= start


@pytest.mark.slow
@given(_RULES, _RULES, _MOMENTS, st.timedeltas(-20 * DAY, 20 * DAY), st.timedeltas(timedelta(0), 20 * DAY))
def test_nothing_is_covered_twice_whatever_changes(
    by: SummaryRule, other: SummaryRule, start: datetime, step: timedelta, wait: timedelta
) -> None:
    """Neither another rule nor a clock that is set, unless it was wrong by more than a day."""
    bridge = Bridge(by, start, start - 30 * DAY)
    bridge.look(start + 8 * DAY)
    before = bridge.marks["ops"]
    bridge.rule, now = other, start + 8 * DAY + step
    for moment in (now, now + wait, now + wait + 8 * DAY):
        until = bridge.marks["ops"].until
        period = bridge.look(moment)
        assert period is None or period[0] <= period[1] <= moment
        assert bridge.marks["ops"].until >= until or until > moment + DAY
    if step >= -timedelta(hours=23):
        assert bridge.marks["ops"].until >= before.until


@pytest.mark.parametrize(
    ("by", "start", "due"),
    [
        (rule(), "2026-11-23 08:59", "2026-11-23 09:00"),
        (rule(), "2026-11-23 09:00", "2026-11-24 09:00"),
        (rule(days=frozenset(range(5))), "2026-11-27 09:00", "2026-11-30 09:00"),  # from Friday to Monday
        (rule(days=frozenset({0})), "2026-11-23 09:00", "2026-11-30 09:00"),  # the weekly one
        (rule("02:30"), "2026-03-28 02:30", "2026-03-29 03:00"),  # 02:30 doesn't exist: when clocks are set
        (rule("02:30"), "2026-03-29 03:00", "2026-03-30 02:30"),
        (rule("02:30"), "2026-10-24 02:30", "2026-10-25 02:30"),  # it exists twice: the first
        (rule("02:30"), "2026-10-25 02:30", "2026-10-26 02:30"),
    ],
)
def test_summary_is_due(by: SummaryRule, start: str, due: str) -> None:
    assert by.next_after(at(start)) == at(due)
    assert by.latest(at(due)) == at(due)


@pytest.mark.parametrize(("when", "hours"), [("2026-03-30 02:30", 23.5), ("2026-10-26 02:30", 25)])
def test_day_on_which_clocks_are_set_is_covered_whole(when: str, hours: float) -> None:
    bridge = Bridge(rule("02:30"), at(when) - 3 * DAY, at(when) - 9 * DAY)
    bridge.look(at(when) - timedelta(hours=20))
    period = bridge.look(at(when))
    assert period is not None
    assert period[1] - period[0] == timedelta(hours=hours)


def test_first_summary_covers_a_whole_time_where_that_was_counted() -> None:
    now = at("2026-11-23 15:00")
    for counted_since, since in (
        (at("2026-11-01 00:00"), "2026-11-23 09:00"),
        (at("2026-11-23 12:15"), "2026-11-23 12:15"),
        (None, "2026-11-23 15:00"),
        (at("2026-11-24 00:00"), "2026-11-23 15:00"),  # a clock that was set back
    ):
        bridge = Bridge(rule(), now, counted_since)
        assert bridge.look(now) is None
        assert bridge.look(at("2026-11-24 09:00")) == (at(since), at("2026-11-24 09:00"))


def test_several_that_were_missed_are_one_over_the_whole_time() -> None:
    bridge = Bridge(rule(), at("2026-11-20 10:00"), at("2026-11-01 00:00"))
    assert bridge.look(at("2026-11-24 13:20")) == (at("2026-11-20 09:00"), at("2026-11-24 09:00"))
    assert bridge.look(at("2026-11-25 08:59")) is None
    assert bridge.look(at("2026-11-25 09:00")) == (at("2026-11-24 09:00"), at("2026-11-25 09:00"))


def test_odd_minutes_end_with_the_quarter_hour() -> None:
    bridge = Bridge(rule("09:05", KOLKATA), at("2026-11-22 12:00", KOLKATA), at("2026-11-01 00:00"))
    assert bridge.look(at("2026-11-23 09:04", KOLKATA)) is None
    period = at("2026-11-22 09:00", KOLKATA), at("2026-11-23 09:00", KOLKATA)
    assert bridge.look(at("2026-11-23 09:05", KOLKATA)) == period


def test_other_time_is_not_sent_late_and_goes_on_where_the_last_one_ended() -> None:
    bridge = Bridge(rule("18:00"), at("2026-11-22 20:00"), at("2026-11-01 00:00"))
    bridge.rule = rule("09:00")
    assert bridge.look(at("2026-11-23 12:00")) is None
    bridge.rule = rule("09:00", KOLKATA)
    assert bridge.look(at("2026-11-23 12:05")) is None
    morning = at("2026-11-24 09:00", KOLKATA)
    assert bridge.look(morning) == (at("2026-11-22 18:00"), morning)


def test_two_times_within_a_quarter_hour_make_no_empty_summary() -> None:
    bridge = Bridge(rule("09:00"), at("2026-11-22 20:00"), at("2026-11-01 00:00"))
    assert bridge.look(at("2026-11-23 09:00")) is not None
    bridge.rule = rule("09:10")
    assert bridge.look(at("2026-11-23 09:05")) is None
    assert bridge.look(at("2026-11-23 09:10")) is None
    assert next_due("ops", bridge.marks["ops"], bridge.rule, at("2026-11-23 09:11")) == at("2026-11-24 09:10")
    assert bridge.look(at("2026-11-24 09:10")) == (at("2026-11-23 09:00"), at("2026-11-24 09:00"))


def test_clock_that_is_set_back_makes_no_second_summary() -> None:
    bridge = Bridge(rule(), at("2026-11-22 20:00"), at("2026-11-01 00:00"))
    assert bridge.look(at("2026-11-23 09:00")) is not None
    assert bridge.look(at("2026-11-23 07:00")) is None
    assert counted_from(bridge.marks) == slot_of(at("2026-11-23 09:00")), "what ends meanwhile counts from there on"
    assert bridge.look(at("2026-11-23 09:00")) is None
    assert bridge.look(at("2026-11-24 09:00")) == (at("2026-11-23 09:00"), at("2026-11-24 09:00"))


def test_clock_that_was_a_year_ahead_is_no_year_of_silence() -> None:
    bridge = Bridge(rule(), at("2026-11-22 20:00"), at("2026-11-01 00:00"))
    assert bridge.look(at("2027-11-23 09:00")) is not None
    assert bridge.look(at("2026-11-23 10:07")) is None
    assert bridge.look(at("2026-11-24 09:00")) == (at("2026-11-23 10:00"), at("2026-11-24 09:00"))


def test_clock_that_is_set_forward_over_it_makes_it_late() -> None:
    bridge = Bridge(rule(), at("2026-11-22 20:00"), at("2026-11-01 00:00"))
    assert bridge.look(at("2026-11-23 08:00")) is None
    assert bridge.look(at("2026-11-23 10:00")) == (at("2026-11-22 09:00"), at("2026-11-23 09:00"))


def test_next_is_told_and_now_where_one_was_missed() -> None:
    bridge = Bridge(rule(), at("2026-11-22 20:00"))
    mark = bridge.marks["ops"]
    assert next_due("ops", None, rule(), at("2026-11-22 21:00")) == at("2026-11-23 09:00")
    assert next_due("ops", mark, rule(), at("2026-11-22 21:00")) == at("2026-11-23 09:00")
    assert next_due("ops", mark, rule(), at("2026-11-25 21:00")) == at("2026-11-25 21:00")
    assert next_due("ops", mark, rule("10:00"), at("2026-11-25 21:00")) == at("2026-11-26 10:00")


def test_receiver_without_summaries_is_forgotten() -> None:
    mark = Mark(at("2026-11-22 09:00"), at("2026-11-22 09:00"), str(rule()))
    assert adopt({"ops": mark, "gone": mark}, {"ops": rule()}, at("2026-11-22 21:00"), None) == {"ops": mark}


@given(st.dictionaries(st.text(), _MARKS))
def test_fact_is_read_as_it_was_written(marks: dict[str, Mark]) -> None:
    assert read(written(marks)) == marks


@pytest.mark.parametrize(
    "fact", [None, "", "{", "[]", '{"ops": 1}', '{"ops": {"until": "2026-11-22T09:00:00", "after": 1, "rule": ""}}']
)
def test_fact_that_is_damaged_says_nothing(fact: str | None) -> None:
    assert read(fact) == {}
