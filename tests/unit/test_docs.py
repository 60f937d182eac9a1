"""The documentation for people: links lead somewhere, paths exist, and the receiver that CONTRIBUTING shows works."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from bridge.client import verify
from bridge.config import models
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.samples import sample_event
from bridge.receivers import base_config
from bridge.receivers.registry import RECEIVERS
from bridge.receivers.signing import Ed25519Key, HmacKey, new_secret, sign
from bridge.receivers.slack import bot_config
from bridge.receivers.slack import config as slack
from bridge.transport.message import Reply
from tests.world.printed import block

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md"))
)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:bridge|tests|benchmarks|docs|systemd|deploy|\.ci|\.github)/[\w./-]*)`")
_TEST = re.compile(r"`(test_\w+\.py)`")
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


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_are_named_exist(page: str) -> None:
    known = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(_TEST.findall(prose(page))) <= known


def test_receiver_in_contributing_renders_and_reads() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^```python\n(""".*?)^```$', text, re.MULTILINE | re.DOTALL)
    module = ModuleType("ntfy")
    exec(code, module.__dict__)
    receiver = module.NtfyReceiver("phone")
    assert receiver.render([sample_event(AT)], AT).body.startswith(b"TEST: WhatsApp message 0 failed")
    assert receiver.read(Reply(200), AT) == Delivered()
    assert isinstance(receiver.read(Reply(500), AT), Retry)


def test_every_setting_is_in_the_reference() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    kinds = [*vars(models).values(), *vars(base_config).values(), *vars(slack).values()]
    kinds += [*RECEIVERS, *vars(bot_config).values()]
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


def test_receiver_of_ed25519_verifies_what_the_bridge_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    key, now = Ed25519Key(b"2" * 32), int(datetime.now(UTC).timestamp())
    monkeypatch.setenv("CRM_WEBHOOK_KEY", key.public)
    module = ModuleType("receiver")
    exec(block("docs/webhooks.md", "### With an ed25519 key", "python"), module.__dict__)

    def is_signed(by: Ed25519Key, body: bytes = b"{}", age: int = 0) -> object:
        signature = sign([HmacKey(b"1" * 32), by], "evt_abc", now - age, b"{}")
        headers = {"webhook-id": "evt_abc", "webhook-timestamp": str(now - age), "webhook-signature": signature}
        return module.is_signed(body, headers)

    assert is_signed(key)
    assert not is_signed(key, body=b"{} ")
    assert not is_signed(key, age=310)
    assert not is_signed(Ed25519Key(b"3" * 32))
    assert not module.is_signed(b"{}", {})


def test_signature_in_test_locally_is_verified() -> None:
    module = ModuleType("signing")
    exec(block("docs/test-locally.md", "## In your own tests", "python"), module.__dict__)
    secret = new_secret(b"1" * 32)
    assert verify(b'{"id": "evt_test"}', module.signed_headers(b'{"id": "evt_test"}', secret), secret) == {
        "id": "evt_test"
    }
