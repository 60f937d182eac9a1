"""The page of the report: comparisons in words, and links to what is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain import reasons
from bridge.domain.activity import Group, Sums
from bridge.domain.model import Status
from bridge.server.ui.period import Wanted
from bridge.server.ui.report import MOST_VALUES, Links, by_tag, change, tabs_of, whys

SINCE = datetime(2026, 11, 21, tzinfo=UTC)
LINKS = Links(SINCE, SINCE + timedelta(days=1))
BOUNDS = "since=2026-11-21T00%3A00%3A00.000Z&until=2026-11-22T00%3A00%3A00.000Z"


@pytest.mark.parametrize(
    ("count", "before", "words"),
    [(17, 22, "5 fewer"), (1200, 0, "1,200 more"), (3, 3, "as many"), (0, 0, "as many")],
)
def test_counts_are_compared_in_words(count: int, before: int, words: str) -> None:
    assert change(count, before) == words


def test_reason_leads_to_the_messages_unless_it_is_many() -> None:
    first, second, third = whys([(reasons.INVALID_NUMBER, 3), (reasons.OTHERS, 1), (reasons.NONE_GIVEN, 0)], LINKS)
    assert (first.words, first.count, first.percent) == ("invalid numbers", 3, 75.0)
    assert first.href == f"messages?status=failed&reason=invalid_number&{BOUNDS}"
    assert first.advice == "Check the number, then send again or call."
    assert second.href is None
    assert third.href == f"messages?status=failed&reason=&{BOUNDS}"


def test_period_that_goes_on_has_no_end_in_links() -> None:
    assert Links(SINCE).to(status="sent") == "messages?status=sent&since=2026-11-21T00%3A00%3A00.000Z"


def test_values_of_a_tag_are_shown_up_to_a_number() -> None:
    groups = [Group(str(at), Sums({Status.FAILED: 1}), str(at)) for at in range(40)]
    found = by_tag(["team"], "team", [Group("without team", Sums({}), None), *groups], LINKS)
    assert (len(found.values), found.count) == (MOST_VALUES, 41)
    assert found.values[0].href is None
    assert found.values[1].href == f"messages?status=failed&tag=team%3D0&{BOUNDS}"


def test_periods_to_choose_keep_tag_and_time_zone() -> None:
    tabs = tabs_of(Wanted(since="2026-11-01", by="tag.team", timezone="UTC"))
    assert not any(tab.current for tab in tabs)
    assert tabs[0].href == "report?period=today&by=tag.team&timezone=UTC"
    assert [tab.name for tab in tabs_of(Wanted()) if tab.current] == ["Last 7 days"]
