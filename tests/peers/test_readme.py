"""The receivers that docs/webhooks.md prints: they take what is signed for them, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from tests.world.bridge import MESSAGE, Bridge
from tests.world.daemon import command
from tests.world.printed import block
from tests.world.programs import Program, find, find_module, listens_anywhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

DOCUMENT, SECTION = "docs/webhooks.md", "# Webhooks"
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
OTHER = "whsec_" + base64.b64encode(os.urandom(32)).decode()


def in_python(folder: Path) -> Program:
    """The receiver in Python, started as Flask's own documentation says."""
    for name in ("flask", "standardwebhooks"):
        pytest.importorskip(name, reason=f"no {name} here: pip install '.[peers]'")
    (folder / "receiver.py").write_text(block(DOCUMENT, SECTION, "python"), encoding="utf-8")
    flask = [sys.executable, "-m", "flask", "--app", "receiver", "run", "--port", "0"]
    return Program(folder, *flask, extra={"CRM_WEBHOOK_SECRET": SECRET})


def in_node(folder: Path) -> Program:
    """The receiver in Node."""
    for name in ("express", "standardwebhooks"):
        find_module(name)
    (folder / "receiver.js").write_text(block(DOCUMENT, SECTION, "js"), encoding="utf-8")
    return Program(folder, find("node"), *listens_anywhere(), "receiver.js", extra={"CRM_WEBHOOK_SECRET": SECRET})


@pytest.fixture(params=[in_python, in_node])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    start: Callable[[Path], Program] = request.param
    with start(tmp_path) as program:
        yield program


def printed_for(receiver: Program) -> dict[str, str]:
    """The receiver in the page's configuration; of its address, only the machine is another."""
    (printed,) = yaml.safe_load(block(DOCUMENT, SECTION, "yaml"))["receivers"]
    return {**printed, "webhook": receiver.url + urlsplit(printed["webhook"]).path}


def test_it_takes_what_the_bridge_signs(receiver: Program, simulator: Simulator, tmp_path: Path) -> None:
    configured = {**printed_for(receiver), "events": ["*"]}
    with Bridge(tmp_path / "bridge", simulator, [configured], environment={"CRM_WEBHOOK_SECRET": SECRET}) as bridge:
        bridge.fails()
        failed, pending = bridge.delivered("crm", 2)
    assert [pending["event"]["type"], failed["event"]["type"]] == ["message.pending", "message.failed"]
    assert [tried["http_status"] for tried in (*pending["tries"], *failed["tries"])] == [204, 204]
    said = [line for line in receiver.log.splitlines() if line.startswith("send by SMS instead:")]
    assert len(said) == 1, "of the failed message, and of no other"
    assert str(MESSAGE["id"]) in said[0]


def test_it_refuses_what_is_signed_with_another_secret(receiver: Program, simulator: Simulator, tmp_path: Path) -> None:
    with Bridge(
        tmp_path / "bridge", simulator, [printed_for(receiver)], environment={"CRM_WEBHOOK_SECRET": OTHER}
    ) as bridge:
        bridge.fails()
        shown = bridge.refused("crm")
    assert (shown["state"], shown["tries"][0]["http_status"]) == ("queued", 401)
    assert shown["tries"][0]["answer"] == "bad signature"
    assert "send by SMS" not in receiver.log


def test_it_refuses_what_is_not_signed(receiver: Program) -> None:
    answer = requests.post(f"{receiver.url}/hooks/whatsapp", json={"type": "message.failed"}, timeout=10)
    assert answer.status_code == 401
    assert "send by SMS" not in receiver.log


def test_it_does_nothing_for_a_test(receiver: Program, simulator: Simulator, tmp_path: Path) -> None:
    """The sample of `wbiz-bridge test` must not send an SMS (issue 16, 5)."""
    secret = {"CRM_WEBHOOK_SECRET": SECRET}
    with Bridge(tmp_path / "bridge", simulator, [printed_for(receiver)], environment=secret) as bridge:
        shown = command(bridge.folder, "test", "crm", "--json", extra=secret)
    assert json.loads(shown.stdout)["http_status"] == 204
    assert "send by SMS" not in receiver.log
