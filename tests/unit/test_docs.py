"""The documentation for people: links lead somewhere, paths exist, and the receiver that CONTRIBUTING shows works."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from bridge.config import models
from bridge.domain.model import Delivered, Retry
from bridge.domain.samples import sample_event
from bridge.receivers import base_config
from bridge.receivers.registry import KINDS
from bridge.receivers.slack import config as slack
from bridge.transport.message import Reply

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md"))
)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:bridge|tests|benchmarks|docs|systemd|\.ci|\.github)/[\w./-]*)`")
_EXAMPLE = ("bridge/receivers/ntfy/", "tests/unit/receivers/ntfy/")
AT = datetime(2026, 11, 23, tzinfo=UTC)


def prose(page: str) -> str:
    return _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    dead = []
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    assert [
        path for path in _PATH.findall(prose(page)) if not path.startswith(_EXAMPLE) and not (ROOT / path).exists()
    ] == []


def test_receiver_in_contributing_renders_and_reads() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^```python\n(""".*?)^```$', text, re.MULTILINE | re.DOTALL)
    module = ModuleType("ntfy")
    exec(code, module.__dict__)
    receiver = module.NtfyReceiver("phone")
    assert receiver.render([sample_event(AT)], AT).body.startswith(b"TEST: Message 0 failed")
    assert receiver.read(Reply(200), AT) == Delivered()
    assert isinstance(receiver.read(Reply(500), AT), Retry)


def test_every_setting_is_in_the_reference() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    kinds = [*vars(models).values(), *vars(base_config).values(), *vars(slack).values()]
    kinds += [kind.settings for kind in KINDS.values()]
    found = {
        kind
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__name__.endswith("Config")
    }
    assert len(found) >= 12
    for kind in found:
        for name, field in kind.model_fields.items():
            key = field.alias or name
            if key not in {"path", "sources", "watchlist", "url"} and not field.exclude:
                assert re.search(rf"`{key}`|\b{key}:|^## {key}$", text, re.MULTILINE), key
