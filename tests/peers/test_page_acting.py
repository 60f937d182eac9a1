"""What a person does on the page, in a real Chromium: by keyboard, without JavaScript, and while the page is live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.peers.test_page import TOKEN, running_bridge
from tests.world.browser import chromium, tab
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        for id_ in range(1, 9):
            running.account.put(id_)
        yield running


@pytest.fixture
def root(tmp_path: Path, simulator: Simulator) -> Iterator[str]:
    with Sink() as crm, Sink(lambda _: Answer.status(410)) as ops:
        receivers = [{"name": "crm", "webhook": crm.url}, {"name": "ops", "webhook": ops.url, "events": ["failed"]}]
        with running_bridge(tmp_path, simulator, receivers=receivers, messages=[1, 2]) as (_, url):
            yield url


def add(page: Page, root: str, ids: str) -> None:
    page.goto(f"{root}/messages/add")
    page.locator("textarea").first.fill(ids)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Add").click()
    page.get_by_text("watched from now on").wait_for()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"no way to {selector} by keyboard")


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_messages_are_added_chosen_and_removed_by_keyboard(browser: Browser, root: str, script: bool) -> None:
    with tab(browser, root, java_script_enabled=script) as opened:
        page = opened.page
        opened.open("/messages/add")
        page.locator("textarea").first.focus()
        page.keyboard.type("5\n6\n7")
        if script:
            tab_to(page, "[name=token]")
        else:
            page.get_by_label("Token").focus()
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_text("3 messages are watched from now on.").wait_for()
        opened.open("/messages")
        for id_ in (5, 7):
            page.locator(f"#pick-{id_}").focus()
            page.keyboard.press("Space")
        page.get_by_label("Token").focus()
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")  # does nothing: no button is the form's own
        assert page.locator(".notice").count() == 0
        page.get_by_role("button", name="Stop watching").focus()
        page.keyboard.press("Enter")
        page.get_by_text("2 messages are no longer watched").wait_for()
        assert [each.get_attribute("value") for each in page.locator("input.pick").all()] == ["6"]
        page.reload()
        assert page.locator("input.pick").count() == 1


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_wrong_token_costs_nothing_but_the_token(browser: Browser, root: str, script: bool) -> None:
    with tab(browser, root, java_script_enabled=script) as opened:
        page = opened.page
        opened.open("/")
        page.locator("#mute").get_by_text("Mute a receiver").click()
        page.get_by_label("Reason").fill("deploy")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Token").fill("guessed")
        page.get_by_role("button", name="Mute", exact=True).click()
        page.get_by_text("that is not the bridge's token").wait_for()
        assert page.get_by_label("Token").input_value() == ""
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Mute", exact=True).click()
        page.get_by_text("what happens meanwhile is held").wait_for()
        assert "by Ada: deploy" in page.locator("#mutes").inner_text()
        page.reload()
        assert page.locator(".notice").count() == 0


def test_what_one_writes_and_chooses_stays_while_the_page_is_live(
    browser: Browser, root: str, simulator: Simulator
) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        add(page, root, "5\n6\n7")
        opened.open("/messages")
        page.locator("#pick-6").check()
        page.get_by_label("Token").fill("half a tok")
        page.locator("#pick-7").focus()
        simulator.account.put(5, Status.SENT)
        page.locator(".row .pill.sent").wait_for()
        assert page.locator("#pick-6").is_checked()
        assert page.get_by_label("Token").input_value() == "half a tok"
        assert page.evaluate("document.activeElement.id") == "pick-7"

        opened.open("/")  # nothing is open here: the first failure makes another page of it
        page.get_by_text("Mute a receiver").click()
        page.get_by_label("Reason").fill("a planned upd")
        page.get_by_label("For", exact=True).select_option("8h")
        page.get_by_label("What to send as a test").select_option("message.sent")
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Your name").evaluate("each => each.setSelectionRange(3, 3)")
        simulator.account.put(6, Status.FAILED, "No credit is left")
        page.get_by_role("button", name="Acknowledge").wait_for()
        page.keyboard.type(" Augusta")
        assert page.get_by_label("Your name").input_value() == "Ada Augusta Lovelace"
        assert page.get_by_label("Reason").input_value() == "a planned upd"
        assert page.get_by_label("For", exact=True).input_value() == "8h"
        assert page.get_by_label("What to send as a test").input_value() == "message.sent"


def test_a_test_is_sent_and_its_result_stays_while_the_page_is_live(
    browser: Browser, root: str, simulator: Simulator
) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        opened.open("/")
        page.get_by_role("button", name="Send a test to ops").click()
        assert page.evaluate("document.activeElement.id") == "token", "the browser asks for the token first"
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Send a test to ops").click()
        page.get_by_text("ops did not accept the test “Failed” (HTTP 410").wait_for()
        page.wait_for_url(f"{root}/")
        simulator.account.put(1, Status.FAILED, "No credit is left")
        page.get_by_role("button", name="Acknowledge").wait_for()
        assert page.get_by_text("ops did not accept the test").is_visible()


def test_all_that_are_shown_are_chosen_at_once(browser: Browser, root: str) -> None:
    with tab(browser, root) as opened:
        page = opened.page
        add(page, root, "5\n6\n7")
        opened.open("/messages")
        page.get_by_label("Choose all that are shown").check()
        assert page.locator("input.pick:checked").count() == 3
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Stop watching").click()
        page.get_by_text("3 messages are no longer watched").wait_for()


def test_a_period_or_days_are_chosen_whichever_comes_last(browser: Browser, root: str) -> None:
    with tab(browser, root, timezone_id="Asia/Kolkata") as opened:
        page = opened.page
        opened.open("/messages?period=7d")
        page.get_by_label("Or from").fill("2026-01-01")
        assert page.get_by_label("Changed").input_value() == ""
        page.get_by_role("button", name="Search").click()
        assert "1 Jan 2026, 00:00:00" in page.locator(".chip").inner_text()
        page.get_by_label("Changed").select_option("today")
        assert page.get_by_label("Or from").input_value() == ""
        page.get_by_role("button", name="Search").click()
        until(lambda: "00:00:00" in page.locator(".chip time").inner_text())
        page.get_by_role("link", name="Remove the filter").click()
        assert page.locator(".chip").count() == 0
