"""A real Chromium that opens the bridge's page. ``.ci/browser`` brings one, the extra ``peers`` what drives it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE = 20_000
"""Milliseconds for what a page is to show."""

SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 360, "height": 740},
    "desktop at 200 %": {"width": 640, "height": 400},
}


@dataclass
class Tab:
    """A page that is open, and what it complained of: errors, refusals, and what it asked of other servers."""

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page of the bridge."""
        self.page.goto(self.root + path)

    def heard(self, message: ConsoleMessage) -> None:
        """Note an error on the console: refused scripts and styles are told there."""
        refused = any(status in message.text for status in ("404 (Not Found)", "400 (Bad Request)"))
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(message.text)

    def asked(self, request: Request) -> None:
        """Note a request that goes to another server."""
        if not request.url.startswith(f"{self.root}/"):
            self.complaints.append(f"asks for {request.url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium with a profile of its own. The test is skipped where there is none, or nothing that drives it."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("no Chromium here: `.ci/browser` brings one")
    driver = pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install -e '.[peers]'")
    with driver.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(
    browser: Browser, root: str, *, size: str = "desktop", scheme: Literal["light", "dark"] = "light", **more: Any
) -> Iterator[Tab]:
    """Open a tab of a fresh profile; at the end it must have had nothing to complain of."""
    with browser.new_context(viewport=SIZES[size], color_scheme=scheme, locale="en-GB", **more) as context:
        context.set_default_timeout(_PATIENCE)
        opened = Tab(context.new_page(), root)
        opened.page.on("console", opened.heard)
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("request", opened.asked)
        yield opened
        assert not opened.complaints
