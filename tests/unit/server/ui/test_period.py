"""The period of a report: what an address means, and what is said of one that means nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.ui.period import PERIODS, Wanted, period_of, tag_of, zone_named

NOW = datetime(2026, 11, 28, 14, 10, tzinfo=UTC)
KOLKATA = ZoneInfo("Asia/Kolkata")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=KOLKATA).astimezone(UTC)


@pytest.mark.parametrize(
    ("wanted", "since", "until", "compared", "than"),
    [
        (Wanted("today"), "11-28", "11-28T19:40", "11-27", "yesterday by this time"),
        (Wanted("yesterday"), "11-27", "11-28", "11-26", "on the day before"),
        (Wanted("24h"), "11-27T19:40", "11-28T19:40", "11-26T19:40", "in the 24 hours before"),
        (Wanted(), "11-21T19:40", "11-28T19:40", "11-14T19:40", "in the 7 days before"),
        (Wanted("30d"), "10-29T19:40", "11-28T19:40", "09-29T19:40", "in the 30 days before"),
        (Wanted(since="2026-11-01", until="2026-11-07"), "11-01", "11-08", "10-25", "in the 7 days before"),
        (Wanted(since="2026-11-07", until="2026-11-07"), "11-07", "11-08", "11-06", "on the day before"),
        (Wanted(since="2026-11-27"), "11-27", "11-28T19:40", "11-25", "in the same part of the 2 days before"),
        (Wanted(until="2026-11-07"), "11-01", "11-08", "10-25", "in the 7 days before"),
    ],
)
def test_period_is_that_of_the_time_zone(wanted: Wanted, since: str, until: str, compared: str, than: str) -> None:
    found = period_of(wanted, NOW, KOLKATA)
    assert (found.since, found.until, found.compared, found.than) == (at(since), at(until), at(compared), than)


def test_day_on_which_the_clocks_change_is_whole() -> None:
    wanted = Wanted(since="2026-10-25", until="2026-10-25")
    assert period_of(wanted, NOW, ZoneInfo("Europe/Berlin")).length.total_seconds() == 25 * 3600


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(since="2026-11-20", until="2026-11-10"), "The period ends before it begins."),
        (Wanted(since="2026-12-20"), "The period begins in the future."),
        (Wanted(since="2027-01-01", until="2027-01-02"), "The period begins in the future."),
        (Wanted(since="1971-01-01", until="2020-01-01"), "The period is too long (allowed: up to 3660 days)."),
        (Wanted(since="monday"), "From: “monday” is not a date (allowed: e.g. 2026-11-28)."),
        (Wanted(until="9999-12-31"), "To: a date out of range (allowed: the years 1971 to 2198)."),
        (Wanted(since="0001-01-01"), "From: a date out of range (allowed: the years 1971 to 2198)."),
        (Wanted("week"), "“week”: unknown period (allowed: today, yesterday, 24h, 7d, 30d, or since and until)."),
    ],
)
def test_what_is_no_period_is_said(wanted: Wanted, words: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as caught:
        period_of(wanted, NOW, KOLKATA)
    assert str(caught.value) == words


def test_time_zone_is_the_one_of_the_address_else_the_usual() -> None:
    assert zone_named("", KOLKATA) is KOLKATA
    assert str(zone_named("Asia/Calcutta", UTC)) == "Asia/Calcutta"
    with pytest.raises(ValueError, match=r"“Asia/Kolkatta”: unknown time zone \(did you mean `Asia/Kolkata`\?\)\."):
        zone_named("Asia/Kolkatta", UTC)


@pytest.mark.parametrize(("by", "tag"), [("", None), ("tag.team", "team"), ("number", "number"), ("reason", None)])
def test_tag_is_named_as_in_the_api(by: str, tag: str | None) -> None:
    assert tag_of(Wanted(by=by)) == tag


def test_what_is_no_tag_is_said() -> None:
    with pytest.raises(ValueError, match="By: unknown: 'team'"):
        tag_of(Wanted(by="team"))


def test_address_exchanges_one_thing_and_keeps_the_rest() -> None:
    wanted = Wanted.read(period="", since="2026-11-01", until=" ", by="tag.a b", timezone="UTC\0")
    assert wanted.address(period="7d", since="") == "report?period=7d&by=tag.a+b&timezone=UTC"


@given(st.builds(Wanted, st.sampled_from(["", *PERIODS]), *[st.text(max_size=12)] * 2))
def test_any_address_is_a_period_or_is_refused(wanted: Wanted) -> None:
    try:
        found = period_of(wanted, NOW, KOLKATA)
    except ValueError as error:
        assert str(error).endswith(".")  # noqa: PT017 -- most are refused
    else:
        assert found.compared < found.since < found.until <= NOW
