"""The page of the real daemon in a real Chromium: for everybody, with and without JavaScript."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.integration.test_web import address
from tests.world.browser import SIZES, Tab, chromium, tab
from tests.world.daemon import Daemon, account, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.peers

TOKEN = "token-0123456789abcdef"
LABELS = {
    1: "Invoice 88",
    2: "Reminder for Grace",
    3: "<b>Offer</b> for Linus",
    4: "تذكير بالموعد للسيدة أمينة (غداً 10:30)",
    5: None,
    6: "Code 4711",
}
PATHS = {
    "overview": "/",
    "messages": "/messages",
    "nothing found": "/messages?text=nothing-like-that",
    "story": "/messages/2",
    "wrong": "/incidents",
    "wrong and acknowledged": "/incidents?acknowledged=true",
    "adding": "/messages/add",
    "deliveries": "/deliveries",
    "dead letters": "/deliveries?state=dead",
    "nothing there": "/messages/77",
    "found by reason": "/messages?status=failed&reason=invalid_number&since=2026-01-01T00:00Z",
    "report": "/report?by=tag.team",
    "report of today": "/report?period=today&timezone=Asia/Kolkata",
    "no report": "/report?since=2026-11-20&until=2026-11-10",
    "help": "/help#expired",
    "alerts": "/help/alerts#WbizBridgeDown",
    "delivered": "/deliveries?state=delivered",
    "search": "/messages?text=e&status=failed&tag=team%3Dbilling&period=7d&order=oldest",
    "api": "/docs",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        for id_ in LABELS:
            running.account.put(id_)
        running.account.put(1, Status.SENT)
        running.account.put(2, Status.FAILED, "Number is not on WhatsApp")
        running.account.put(3, Status.FAILED, "<i>Invalid</i> phone number")
        running.account.put(4, Status.EXPIRED)
        yield running


@contextmanager
def running_bridge(folder: Path, simulator: Simulator, **more: Any) -> Iterator[tuple[Daemon, str]]:
    """Run a daemon; where it answers."""
    settings = {
        "wbiztool": account(simulator),
        "poll": {"every": "250ms", "attempts": 1},
        "messages": [
            {"id": id_} if label is None else {"id": id_, "label": label, "tags": {"team": "billing"}}
            for id_, label in LABELS.items()
        ],
        "database": "sqlite:///bridge.db",
        "http": {"listen": "127.0.0.1:0", "token": TOKEN},
        **more,
    }
    write_config(folder, settings)
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        yield daemon, address(daemon)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator, browser: Browser) -> Iterator[str]:
    """Where a bridge answers that has had all kinds of luck: one receiver takes everything, one is gone."""
    folder = tmp_path_factory.mktemp("bridge")
    with Sink() as crm, Sink(lambda _: Answer.status(410)) as ops:
        receivers = [
            {"name": "crm", "webhook": crm.url, "events": ["*"]},
            {"name": "ops", "webhook": ops.url, "events": ["failed"]},
        ]
        with running_bridge(folder, simulator, receivers=receivers) as (_, url):
            with tab(browser, url) as opened:
                opened.open("/deliveries?state=dead")
                opened.page.get_by_role("button", name="Retry delivery").nth(1).wait_for()
            yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_in_the_way_of_anybody(
    browser: Browser, root: str, size: str, scheme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[peers]'").Axe()
    found = {}
    with tab(browser, root, size=size, scheme=scheme) as opened:
        for name, path in PATHS.items():
            opened.open(path)
            for details in opened.page.locator("summary").all():
                details.click()
            seen = axe.run(opened.page).response
            assert len(seen["passes"]) > 20, f"axe hardly looked at {name}"
            found[name] = [(each["id"], node["html"]) for each in seen["violations"] for node in each["nodes"]]
            wide = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is too wide for a {size}"
    assert not {name: violations for name, violations in found.items() if violations}


def test_words_from_right_to_left_begin_every_line_at_the_right(browser: Browser, root: str) -> None:
    with tab(browser, root, size="phone") as opened:
        page = opened.page
        opened.open("/messages/4")
        lines = page.evaluate(
            "() => { const all = document.createRange(); all.selectNodeContents(document.querySelector('h1 bdi'));"
            " return Object.values([...all.getClientRects()].reduce((tops, each) =>"
            " ({...tops, [Math.round(each.top)]: Math.max(tops[Math.round(each.top)] ?? 0, each.right)}), {})); }"
        )
        assert len(lines) > 1
        assert max(lines) - min(lines) < 1
        opened.open("/messages?text=%D8%AA%D8%B0%D9%83%D9%8A%D8%B1")
        field = page.get_by_label("Find a message")
        assert field.evaluate("each => getComputedStyle(each).direction") == "rtl"
        field.fill("reminder")
        assert field.evaluate("each => getComputedStyle(each).direction") == "ltr"


def test_name_and_token_are_kept_for_the_next_acknowledgement(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/")
        form = page.locator("#act")
        form.get_by_label("Your name").fill("Ada")
        form.get_by_label("Token").fill(TOKEN)
        form.get_by_label("Keep both until this tab is closed").check()
        page.get_by_role("button", name="Acknowledge").last.click()
        page.get_by_text("Reminders of it stop.").wait_for()
        assert form.get_by_label("Your name").input_value() == "Ada"
        assert form.get_by_label("Token").input_value() == TOKEN
        opened.open("/")
        form.get_by_label("Keep both until this tab is closed").uncheck()
        opened.open("/")
        assert form.get_by_label("Token").input_value() == ""


def test_tomorrow_morning_is_the_viewers(browser: Browser, root: str) -> None:
    with tab(browser, root, timezone_id="Asia/Kolkata") as opened:
        opened.open("/")
        option = opened.page.locator("#mute option[data-morning]")
        assert re.fullmatch(r"until tomorrow morning \(.*, 08:00:00 \S+\)", option.text_content() or "")
        assert re.fullmatch(r".*T02:30:00\.000Z", option.get_attribute("value") or "")


def test_report_goes_by_the_viewers_days(browser: Browser, root: str) -> None:
    with tab(browser, root, timezone_id="Asia/Kathmandu") as opened:
        page = opened.page
        opened.open("/")
        page.get_by_role("link", name="Report", exact=True).click()
        assert "Days and hours are those of Asia/Kathmandu" in page.locator(".zone").inner_text()
        page.get_by_role("link", name="Today").click()
        page.wait_for_url("**/report?period=today&timezone=Asia%2FKathmandu")
        opened.open("/report?period=yesterday")  # as a bookmark has it
        page.wait_for_url("**/report?period=yesterday&timezone=Asia%2FKathmandu")
        opened.open("/report?period=today&timezone=UTC")  # as a colleague sent it
        assert "Days and hours are those of UTC" in page.locator(".zone").inner_text()


def test_report_keeps_itself_up_to_date(browser: Browser, root: str, simulator: Simulator) -> None:
    with tab(browser, root) as opened:
        opened.open("/report?period=24h")
        reason = opened.page.locator("#whys").get_by_role("link", name="Timed out")
        assert not reason.count()
        simulator.account.put(5, Status.FAILED, "Timed out")
        reason.wait_for()


def test_refused_report_is_not_a_bridge_that_does_not_answer(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        opened.open("/report?since=2026-11-20&until=2026-11-10&timezone=UTC")
        with opened.page.expect_response(lambda answer: "/report" in answer.url, timeout=20_000):
            pass
        opened.page.wait_for_timeout(500)
        assert not opened.page.locator("#lost").is_visible()
        assert opened.page.get_by_role("textbox", name="From").input_value() == "2026-11-20"


@pytest.mark.parametrize("scripted", [True, False])
def test_report_leads_to_messages_by_keyboard(browser: Browser, root: str, scripted: bool) -> None:
    def press(name: str) -> None:
        opened.page.get_by_role("link", name=name).first.focus()
        opened.page.keyboard.press("Enter")

    with tab(browser, root, java_script_enabled=scripted) as opened:
        page = opened.page
        opened.open("/report")
        page.get_by_role("textbox", name="From").fill("2026-01-01")
        page.get_by_role("textbox", name="To, this day included").fill("2126-01-01")
        page.get_by_role("textbox", name="To, this day included").press("Enter")
        page.get_by_text("Thu 1 Jan 2026").or_(page.get_by_text("1 Jan 2026, 00:00 to now")).wait_for()
        assert page.get_by_role("textbox", name="From").input_value() == "2026-01-01"
        press("Not on WhatsApp")
        page.get_by_text("Reason: not on WhatsApp").first.wait_for()
        assert page.locator(".row .id").all_inner_texts() == ["2"]
        press("Remove the filter Reason")
        page.get_by_text("Reason: not on WhatsApp").first.wait_for(state="detached")
        assert "3" in page.locator(".row .id").all_inner_texts()
        opened.open("/messages?status=expired")
        page.locator(".row").get_by_role("link", name="Expired").press("Enter")
        page.wait_for_url("**/help#expired")


def test_without_javascript_one_finds_reads_and_sends_again(browser: Browser, root: str) -> None:
    with tab(browser, root, java_script_enabled=False) as opened:
        page = opened.page
        opened.open("/")
        page.get_by_label("Find a message").fill("reminder")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="2 Reminder for Grace").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Reminder for Grace"
        assert re.search(r"\d\d:\d\d:\d\d UTC", page.locator(".story").inner_text())
        assert not page.locator("#live").is_visible()
        page.get_by_label("Token").fill("guessed")
        page.get_by_role("button", name="Retry").click()
        assert "not the bridge's token" in page.get_by_role("alert").inner_text()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Retry").click()
        assert "is on the way again" in page.locator(".notice").inner_text()
        assert TOKEN not in page.url


def test_the_token_is_kept_only_if_one_says_so_and_only_in_this_tab(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/deliveries?state=dead")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Retry delivery").first.click()
        page.get_by_text("is on the way again").wait_for()
        assert "retried" not in page.url
        opened.open("/deliveries?state=dead")
        page.get_by_role("button", name="Retry delivery").first.wait_for()  # it was given up again
        assert page.get_by_label("Token").input_value() == ""
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_label("Keep it until this tab is closed").check()
        page.get_by_role("button", name="Retry delivery").first.click()
        page.get_by_text("is on the way again").wait_for()
        opened.open("/deliveries?state=dead")
        page.get_by_role("button", name="Retry delivery").first.wait_for()
        assert page.get_by_label("Token").input_value() == TOKEN
        assert page.evaluate("document.cookie + JSON.stringify(localStorage)") == "{}"
        page.get_by_label("Keep it until this tab is closed").uncheck()
        assert page.evaluate("sessionStorage.length") == 0


def test_what_happens_shows_by_itself(browser: Browser, root: str, simulator: Simulator) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/")
        focused = page.locator("#failed-lately").get_by_role("link", name="2 Reminder for Grace")
        focused.focus()
        page.get_by_text("Show as a table").click()
        focused.focus()
        simulator.account.put(6, Status.FAILED, "No credit is left")
        page.locator("#failed-lately").get_by_role("link", name="6 Code 4711").wait_for()
        assert "No credit is left" in page.locator("#failed-lately").inner_text()
        assert page.locator("#news").inner_text() == "1 more message failed"
        assert page.locator(".lately .tile.failed .tile-count").inner_text() in {"3", "4"}
        assert page.evaluate("document.activeElement.textContent").split() == ["2", "Reminder", "for", "Grace"]
        assert page.locator("#chart-table").get_attribute("open") is not None


def test_one_may_let_it_stand_still(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/")
        page.locator("#live").click()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(6000)
        assert asked == []
        page.locator("#live").click()
        page.wait_for_timeout(500)
        assert asked == [f"{root}/"]


def test_times_are_the_viewers(browser: Browser, root: str) -> None:
    script = (
        """() => [...document.querySelectorAll("time[data-at]")].map((each) => [each.dateTime, each.textContent])"""
    )
    with tab(browser, root, timezone_id="Asia/Kolkata") as opened:
        opened.open("/messages/2")
        shown = opened.page.evaluate(script)
        assert "Times are in Asia/" in opened.page.locator("footer").inner_text()
    assert shown
    for moment, text in shown:
        hour, minute = int(moment[11:13]), int(moment[14:16])
        local = (hour * 60 + minute + 330) % 1440
        assert f"{local // 60:02}:{local % 60:02}:{moment[17:19]}" in text
        assert "UTC" not in text


def test_the_keyboard_is_enough(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "text":
                break
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="2 Reminder for Grace").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/messages/2")


def test_where_others_can_ask_one_logs_in_with_the_token_and_links_keep_the_path(
    tmp_path: Path, browser: Browser, simulator: Simulator
) -> None:
    http = {"listen": "127.0.0.1:0", "token": TOKEN, "external_url": "https://example.org/wa"}
    with Sink(lambda _: Answer.status(410)) as ops:
        receivers = [{"name": "ops", "webhook": ops.url, "events": ["failed"]}]
        with (
            running_bridge(tmp_path, simulator, http=http, receivers=receivers) as (_, url),
            tab(browser, url, http_credentials={"username": "ada", "password": TOKEN}) as opened,
        ):
            page = opened.page
            opened.open("/wa")
            page.locator("#failed-lately").get_by_role("link", name="2 Reminder for Grace").click()
            page.get_by_role("button", name="Retry delivery").wait_for()
            assert page.url == f"{url}/wa/messages/2"
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Retry delivery").click()
            page.get_by_text("is on the way again").wait_for()
            page.wait_for_url(f"{url}/wa/messages/2")


def test_a_newcomer_is_welcomed_and_a_bridge_that_ended_is_told_of(
    tmp_path: Path, browser: Browser, simulator: Simulator
) -> None:
    with Sink() as sink:
        receivers = [{"name": "crm", "webhook": sink.url}]
        with running_bridge(tmp_path, simulator, messages=[], receivers=receivers) as (daemon, url):
            opened = Tab(browser.new_page(), url)
            opened.open("/")
            assert "wbiz-bridge watch 12345" in opened.page.locator("main").inner_text()
            daemon.stop()
            opened.page.get_by_text("The bridge does not answer").wait_for()
            opened.page.close()
