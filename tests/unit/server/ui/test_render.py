"""Templates: links hold under any prefix, nothing that is shown becomes markup, and the pages need nothing within."""

from __future__ import annotations

from datetime import UTC
from importlib import resources
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.server.ui.messages import Asked
from bridge.server.ui.render import STATIC, render, root_of, static
from bridge.server.ui.views import answer
from tests.world.clock import START

TEMPLATES = list(resources.files("bridge.server.ui").joinpath("templates").iterdir())


def missing(text: str, path: str = "/messages/1") -> str:
    page = {"title": text, "text": text, "message_id": None}
    frame = {"faults": 0, "dead": 0}
    return render("missing.html", path, here="", now=START, zone=UTC, frame=frame, asked=Asked(), page=page)


PLAIN = [tag.name for tag in BeautifulSoup(missing("x"), "html.parser").find_all(True)]


@pytest.mark.parametrize("prefix", ["/", "/bridge/", "/a/b/"])
@pytest.mark.parametrize("path", ["", "messages", "messages/12", "deliveries", "deliveries/retry", "a/b/c"])
def test_links_lead_to_the_same_page_from_everywhere(prefix: str, path: str) -> None:
    here = f"https://example.org{prefix}{path}?q=1"
    assert urljoin(here, root_of(f"/{path}") + "messages") == f"https://example.org{prefix}messages"
    assert urljoin(here, root_of(f"/{path}")) == f"https://example.org{prefix}"


@settings(max_examples=40)  # each reads a whole page
@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])) | st.text(alphabet="<>&\"'/abc=` "))
def test_whatever_is_shown_stays_text(text: str) -> None:
    shown = BeautifulSoup(missing(text), "html.parser")
    assert [tag.name for tag in shown.find_all(True)] == PLAIN
    heading = shown.find("h1")
    assert heading is not None
    assert heading.get_text() == (text if text.strip() else text[:1])  # BeautifulSoup keeps one space of many


def test_what_utf_8_cannot_write_is_no_fault() -> None:
    assert answer("half \ud83d of a pair").body == b"half ? of a pair"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_templates_hold_no_script_style_or_address_of_their_own(template: resources.abc.Traversable) -> None:
    soup = BeautifulSoup(template.read_text("utf-8"), "html.parser")
    for tag in soup.find_all(True):
        assert tag.name not in {"style", "iframe", "object", "embed", "base"}
        assert not [name for name in tag.attrs if name.startswith("on") or name == "style"]
        assert not [value for value in tag.attrs.values() if isinstance(value, str) and "//" in value]
        assert tag.name != "script" or tag.get("src")


def test_files_beside_the_pages_load_nothing() -> None:
    for name in STATIC:
        text = static(name).decode()
        assert "url(" not in text
        assert "@import" not in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
