"""The page of the report, on a real server and a real store, as a browser without JavaScript gets it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bridge.domain.model import Details, Status
from bridge.server.auth import Access
from bridge.server.ui.render import alert_help
from tests.integration.test_page import Page
from tests.world.api import TOKEN, Api
from tests.world.records import NOW, known, polled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from bridge.store.store import Store

    Open = Callable[[str], Page]

DAY = timedelta(days=1)


def see(store: Store, ids: range, status: Status, at: datetime, error: str | None = None, **tags: str) -> None:
    """Let messages come to have a status, 40 seconds after they were seen waiting."""
    store.messages.watch(list(ids), at, Details(None, tags))
    for seen, when in ((Status.PENDING, at), (status, at + timedelta(seconds=40))):
        store.record_polls([polled(known(store, id_), seen, when, error=error) for id_ in ids], [])


def fill(store: Store) -> None:
    """Two weeks: 3 failed in the one before the last, 5 in the last, of which 2 today."""
    see(store, range(1, 2), Status.SENT, NOW - 15 * DAY)
    see(store, range(11, 14), Status.FAILED, NOW - 10 * DAY, "Invalid phone number", team="sales")
    see(store, range(21, 24), Status.FAILED, NOW - 3 * DAY, "Invalid phone number", team="sales")
    see(store, range(31, 33), Status.FAILED, NOW - timedelta(hours=2), "<b>Gateway</b> is closed", team="billing")
    see(store, range(41, 46), Status.SENT, NOW - timedelta(hours=2), team="billing")
    see(store, range(51, 52), Status.EXPIRED, NOW - timedelta(hours=3))


@pytest.fixture
def browse(sqlite_store: Store) -> Iterator[Open]:
    fill(sqlite_store)
    with Api(sqlite_store, Access(token=TOKEN)).running() as api, requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = "text/html"
        yield lambda address: Page(session.get(f"{api.url}/{address.removeprefix('/')}", timeout=10))


@pytest.mark.slow
def test_report_sums_up_a_period_and_compares_it(browse: Open) -> None:
    page = browse("/report")
    assert page.status == 200
    assert page.texts("nav[aria-label=Pages] [aria-current]") == ["Report"]
    assert page.texts(".tabs [aria-current]") == ["Last 7 days"]
    assert page.text("#sums h2") == "16 Nov 2026, 20:00 to now"
    assert "5 messages were sent, 5 failed: 2 more than in the 7 days before." in page.text("#sums")
    assert page.texts(".tile-in")[-1] == "Failure rate 54.5 % 100.0 % before"
    assert page.texts(".tile-in")[:2] == [
        "Sent 5 5 more than in the 7 days before",
        "Failed 5 2 more than in the 7 days before",
    ]
    assert "5 messages were sent and 5 failed" in str(page.soup.select("#time svg.chart")[0]["aria-label"])
    assert "Mon 23 Nov 5 2" in page.text("#time-table")
    assert page.text("#waits .told-first").startswith("Half of the messages were sent within 4")
    assert "18:00 41 s 41 s" in page.text("#waits-table")


def test_reasons_lead_to_the_messages(browse: Open) -> None:
    page = browse("/report")
    assert page.texts(".because .reason") == ["Invalid numbers 3 (60 %)", "“<b>Gateway</b> is closed” 2 (40 %)"]
    assert page.texts(".because .note")[1] == "Check the number, then send again or call."
    link = urlsplit(page.link("Invalid numbers"))
    found = browse(f"{link.path}?{link.query}")
    assert sorted(map(int, found.texts(".row .id"))) == [21, 22, 23]
    assert found.texts(".chip")[1].startswith("Reason: invalid number")


def test_other_periods_are_compared_with_what_is_alike(browse: Open) -> None:
    assert "2 failed: 2 more than yesterday by this time." in browse("/report?period=today").text("#sums")
    yesterday = browse("/report?period=yesterday")
    assert yesterday.text("#sums h2") == "Sun 22 Nov 2026"
    assert "0 failed: as many as on the day before." in yesterday.text("#sums")
    dates = browse("/report?since=2026-11-19&until=2026-11-21")
    assert dates.text("#sums h2") == "Thu 19 Nov 2026 to Sat 21 Nov 2026"
    assert "0 messages were sent, 3 failed: 3 more than in the 3 days before." in dates.text("#sums")
    assert [field["value"] for field in dates.soup.select("input[type=date]")] == ["2026-11-19", "2026-11-21"]


def test_exact_time_of_a_summary_is_reported(browse: Open) -> None:
    page = browse("/report?since=2026-11-19T09:00Z&until=2026-11-20T09:00Z&timezone=Asia/Kolkata")
    assert page.text("#sums h2") == "19 Nov 2026, 14:30 to 20 Nov 2026, 14:30"
    assert "in the 24 hours before" in page.text("#sums")
    assert "in as long a time before" in browse("/report?since=2026-11-19T09:00Z&until=2026-11-20T10:00Z").text("#sums")
    wrong = browse("/report?since=2026-11-19T09:00Z&until=2026-11-18T10:00Z").text("p.wrong")
    assert wrong == "The period ends before it begins."
    assert "not a moment with its time zone" in browse("/report?since=2026-11-19T09:00").text("p.wrong")


def test_what_was_not_counted_is_said(browse: Open) -> None:
    page = browse("/report?period=30d")
    assert "5 messages" not in page.text("#sums")
    assert "The bridge has counted since 8 Nov 2026, 20:00:00 UTC" in page.text("#sums")
    assert "than" not in page.text("#sums .tiles")


def test_tags_can_be_chosen(browse: Open) -> None:
    page = browse("/report?by=tag.team&period=7d")
    assert page.texts("#by-tag tbody tr") == [
        "sales 0 3 failed: sales 100.0 %",
        "billing 5 2 failed: billing 28.6 %",
        "without team 0 0 100.0 %",
    ]
    href = str(page.soup.select("#by-tag a")[0]["href"])
    asked = parse_qs(urlsplit(href).query)
    assert (asked["tag"], asked["status"]) == (["team=sales"], ["failed"])
    assert [str(each["value"]) for each in page.soup.select("form.choose input")] == ["7d"]
    assert page.texts("#by option[selected]") == ["team"]


def test_days_are_those_of_the_time_zone(browse: Open) -> None:
    page = browse("/report?period=yesterday&timezone=Asia/Kolkata")  # there, it is the 24th already
    assert page.text("#sums h2") == "Mon 23 Nov 2026"
    assert "Days and hours are those of Asia/Kolkata." in page.text(".zone")
    assert "23:00 5 2" in page.text("#time-table")
    assert page.link("Today").endswith("/report?period=today&timezone=Asia%2FKolkata")


@pytest.mark.parametrize(
    ("asked", "words", "kept"),
    [
        ("since=2026-11-20&until=2026-11-10", "The period ends before it begins.", {"since": "2026-11-20"}),
        ("since=monday", "From: “monday” is not a date (allowed: e.g. 2026-11-28).", {"since": "monday"}),
        ("timezone=Asia/Kolkatta", "unknown time zone (did you mean Asia/Kolkata ?)", {"timezone": "Asia/Kolkatta"}),
        ("period=week", "“week”: unknown period (allowed: today, yesterday, 24h, 7d, 30d, or", {}),
        ("by=team", "By: unknown: 'team' (allowed: day, hour, number, reason, tag.NAME).", {"by": "team"}),
        (
            "by=tag.teem&period=7d",
            "No message in this period has a tag teem (did you mean team ?).",
            {"by": "tag.teem"},
        ),
    ],
)
def test_what_cannot_be_reported_is_said_and_kept(browse: Open, asked: str, words: str, kept: dict[str, str]) -> None:
    page = browse(f"/report?{asked}")
    assert page.status == 400
    assert words in page.text("p.wrong")
    for name, value in kept.items():
        assert value in [
            str(each["value"])
            for each in page.soup.select(f"[name={name}], [name={name}] [selected]")
            if each.has_attr("value")
        ]


def test_unknown_tag_leaves_the_rest_of_the_report(browse: Open) -> None:
    page = browse("/report?by=tag.teem")
    assert "5 failed" in page.text("#sums")
    assert page.texts("#by option[selected]") == ["teem"]
    assert not page.texts("#by-tag table")


def test_report_of_nothing_says_so(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        page = Page(api.ask("GET", "/report", headers={"Accept": "text/html"}))
    assert page.status == 200
    assert "0 messages were sent, 0 failed." in page.text("#sums")
    assert "Nothing failed" in page.text("#whys")
    assert "No message of this period has a tag." in page.text("#by-tag")


def test_every_alert_is_explained_and_the_help_leads_there(browse: Open) -> None:
    (link,) = browse("/help").soup.select('main a[href$="alerts"]')
    assert link["href"] == "./help/alerts"
    page = browse("/help/alerts")
    assert "`" not in page.text("main")
    for name in alert_help():
        assert page.text(f"#{name}").startswith(name)


def test_statuses_are_explained_one_click_away(browse: Open, sqlite_store: Store) -> None:
    see(sqlite_store, range(61, 62), Status.CANCELLED, NOW)
    help_page = browse("/help")
    for path, selector in (
        ("/", ".tile-help"),
        ("/messages?status=cancelled", ".row a.pill"),
        ("/report", ".tile-help"),
    ):
        links = [urlsplit(str(each["href"])) for each in browse(path).soup.select(selector)]
        assert links
        for link in links:
            assert link.path.endswith("help")
            assert "What to do:" in help_page.text(f"#{link.fragment}")
