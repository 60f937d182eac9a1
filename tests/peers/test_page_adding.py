"""Lists added on the page, in a real Chromium: by keyboard, without JavaScript, for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from bridge.simulator.api import Simulator
from tests.peers.test_page import TOKEN, running_bridge
from tests.world.browser import SIZES, chromium, tab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.peers

WRONG = 'id;lable\n1.2E+05;תזכורת\n101;"x\n'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
    with (
        Simulator() as simulator,
        running_bridge(tmp_path_factory.mktemp("bridge"), simulator, receivers=receivers) as (_, url),
    ):
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_before_and_after_an_error(
    browser: Browser, root: str, size: str, scheme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[peers]'").Axe()
    with tab(browser, root, size=size, scheme=scheme) as opened:
        page = opened.page

        def assert_well() -> None:
            seen = axe.run(page).response
            assert len(seen["passes"]) > 20
            assert [(each["id"], node["html"]) for each in seen["violations"] for node in each["nodes"]] == []
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0

        opened.open("/messages/add")
        page.get_by_text("Or a list from a spreadsheet").click()
        assert_well()
        page.get_by_label("Paste it here").fill(WRONG)
        page.get_by_label("Token").fill("guessed")
        page.get_by_role("button", name="Add these messages").click()
        page.get_by_role("alert").get_by_text("not the bridge's token").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Add these messages").click()
        page.get_by_text("Nothing was added: 3 errors in the list").wait_for()
        assert_well()
        opened.complaints.clear()  # that an answer was an error


@pytest.mark.parametrize("script", [True, False])
def test_list_is_corrected_and_added_by_keyboard(browser: Browser, root: str, script: bool) -> None:
    with tab(browser, root, java_script_enabled=script) as opened:
        page = opened.page
        opened.open("/messages")
        page.get_by_role("link", name="Add messages").press("Enter")
        first = 200 + script * 10
        page.get_by_text("Or a list from a spreadsheet").press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.insert_text(f"id,label\n{first},Ada\n0,\n")
        page.get_by_label("Token").focus()
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        assert "Line 3: id: a message id is a whole number" in page.get_by_role("alert").inner_text()
        pasted = page.get_by_label("Paste it here")
        assert pasted.input_value() == f"id,label\n{first},Ada\n0,\n"
        pasted.fill(pasted.input_value().replace("\n0,", f"\n{first + 1},"))
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_label("Token").press("Enter")
        page.get_by_text("2 messages are watched from now on.").wait_for()
        assert TOKEN not in page.url
        opened.open(f"/messages/{first}")
        assert page.get_by_role("heading", level=1).inner_text() == "Ada"
        opened.complaints.clear()  # that an answer was an error


def test_file_is_chosen_and_added(browser: Browser, root: str, tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_bytes("ID;Label\r\n300;تذكير 🧾\r\n".encode("utf-16"))
    (tmp_path / "sent.xlsx").write_bytes(b"PK\x03\x04\x14\0\x06\0[Content_Types].xml")
    with tab(browser, root) as opened:
        page: Any = opened.page
        opened.open("/messages/add")
        for name, expected in (
            ("sent.xlsx", "this is an Excel workbook: save it as CSV UTF-8"),
            ("sent.csv", "1 message is watched from now on."),
        ):
            page.get_by_label("Or choose a file").set_input_files(tmp_path / name)
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Add these messages").click()
            page.get_by_text(expected).wait_for()
        opened.open("/messages/300")
        assert page.get_by_role("heading", level=1).inner_text() == "تذكير 🧾"
        opened.complaints.clear()  # that an answer was an error


@pytest.mark.parametrize("script", [True, False])
def test_what_was_found_is_downloaded(browser: Browser, root: str, script: bool) -> None:
    with tab(browser, root, java_script_enabled=script) as opened:
        page = opened.page
        opened.open("/messages?text=invoice")
        with page.expect_download() as waited:
            page.get_by_role("link", name="Download CSV").press("Enter")
        assert waited.value.suggested_filename == "messages.csv"
        content = waited.value.path().read_bytes()
        assert content.startswith(b"\xef\xbb\xbfid,label,")
        assert [line.split(b",")[:2] for line in content.splitlines()[1:]] == [[b"1", b"Invoice 88"]]
