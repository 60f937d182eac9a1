"""The charts of a report: what stands in them, and that the words tell the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.activity import DAY, HOUR, Group, Sums, Waits
from bridge.domain.model import Status
from bridge.server.ui.activity_charts import last_day, over_time, step_of, waiting

FIRST = datetime(2026, 11, 22, 21, tzinfo=UTC)
HERE = ZoneInfo("Asia/Kolkata")


def groups(counts: list[tuple[int, int]], step: timedelta = timedelta(hours=1)) -> list[Group]:
    """Sent and failed for each hour or day, and some that expired, which are not drawn."""
    return [
        Group("", Sums({Status.SENT: sent, Status.FAILED: failed, Status.EXPIRED: 9}), start=FIRST + at * step)
        for at, (sent, failed) in enumerate(counts)
    ]


def test_words_tell_what_the_drawing_shows() -> None:
    says = last_day(groups([(1200, 1), (40, 12)]), UTC).words.says
    assert says == (
        "In the last 24 hours 1,240 messages were sent and 13 failed. Most failed in the hour from 22:00 UTC: 12."
    )
    assert last_day(groups([(0, 0)]), UTC).words.says == "In the last 24 hours no message was sent or failed."
    assert "Most" not in last_day(groups([(5, 0)]), UTC).words.says


def test_hours_of_the_last_day_can_be_named_by_the_viewers_clock() -> None:
    first, second = last_day(groups([(1, 0), (0, 2)]), UTC).bars
    assert (first.column.start, second.column.title) == (FIRST, "22:00 UTC: 0 sent, 2 failed")


@pytest.mark.parametrize(("length", "step"), [(timedelta(hours=25), HOUR), (timedelta(days=7), DAY)])
def test_long_periods_are_shown_by_day(length: timedelta, step: str) -> None:
    assert step_of(length) == step


def test_hours_and_days_are_named_as_the_time_zone_has_them() -> None:
    hours = over_time(groups([(1, 0), (0, 2)]), HOUR, HERE)
    assert [bar.column.name for bar in hours.bars] == ["02:30", "03:30"]
    assert [mark.text for mark in hours.marks] == ["03:30"]
    days = over_time(groups([(1, 0), (0, 2)], timedelta(days=1)), DAY, HERE)
    assert [bar.column.name for bar in days.bars] == ["Mon 23 Nov", "Tue 24 Nov"]
    assert days.words.says.endswith("Most failed on Tue 24 Nov: 2.")


def test_years_are_shown_by_week() -> None:
    chart = over_time(groups([(1, 1)] * 365, timedelta(days=1)), DAY, UTC)
    assert len(chart.bars) == 53
    assert (chart.bars[0].column.cells, chart.bars[-1].column.cells) == (("7", "7"), ("1", "1"))
    assert len(chart.marks) <= 8
    assert chart.words.name == "Sent and failed by week"


def test_waits_are_shown_for_each_hour() -> None:
    hours: list[Waits | None] = [None] * 24
    hours[9] = Waits(10, timedelta(seconds=41), timedelta(minutes=3))
    hours[10] = Waits(10, timedelta(seconds=50), timedelta(minutes=2))
    chart = waiting(hours)
    assert chart.bars[9].column.cells == ("41 s", "3 min")
    assert (chart.bars[9].column.low, chart.bars[9].column.high) == (41, 139)
    assert chart.bars[0].column.cells == ("-", "-")
    assert chart.words.says == "It took longest from 09:00: half within 41 s, 95 % within 3 min."
    assert [line.text for line in chart.lines] == ["0 s", "2 min", "4 min"]
    assert waiting([None] * 24).words.says == "No message was seen waiting and then sent."


def test_scale_of_waits_holds_what_takes_weeks() -> None:
    month = timedelta(days=30)
    chart = waiting([Waits(1, month, month)])
    assert all(0 <= bar.low_y <= 100 for bar in chart.bars)
    assert chart.lines[-1].text == "32 d"
