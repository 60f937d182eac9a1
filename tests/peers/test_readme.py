"""The receivers that docs/webhooks.md prints: they take what is signed for them, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from bridge.receivers.signing import key_of, sign
from tests.world.bridge import MESSAGE, Bridge
from tests.world.daemon import command
from tests.world.dev import Dev
from tests.world.printed import block
from tests.world.programs import Program, find, find_module, foreign, listens_anywhere
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

DOCUMENT, SECTION = "docs/webhooks.md", "# Webhooks"
TEST_LOCALLY = ("docs/test-locally.md", "## Try your receiver")
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
BODY = json.dumps({"type": "message.failed", "data": {"message_id": 12346, "current": {}}}).encode()
OTHER = "whsec_" + base64.b64encode(os.urandom(32)).decode()


def in_python(folder: Path) -> Program:
    """The receiver in Python, started as Flask's own documentation says."""
    pytest.importorskip("flask", reason="no flask here: pip install '.[peers]'")
    (folder / "receiver.py").write_text(block(DOCUMENT, "### Python", "python"), encoding="utf-8")
    flask = [sys.executable, "-m", "flask", "--app", "receiver", "run", "--port", "0"]
    return Program(folder, *flask, extra={"CRM_WEBHOOK_SECRET": SECRET})


def in_node(folder: Path) -> Program:
    """The receiver in Node."""
    for name in ("express", "standardwebhooks"):
        find_module(name)
    (folder / "receiver.js").write_text(block(DOCUMENT, "### Node", "js"), encoding="utf-8")
    return Program(folder, find("node"), *listens_anywhere(), "receiver.js", extra={"CRM_WEBHOOK_SECRET": SECRET})


def in_php(folder: Path) -> Program:
    """The receiver in PHP, by the server that PHP has for development."""
    (folder / "receiver.php").write_text(block(DOCUMENT, "### PHP", "php"), encoding="utf-8")
    return Program(folder, find("php"), "-S", "127.0.0.1:0", "receiver.php", extra={"CRM_WEBHOOK_SECRET": SECRET})


def in_go(folder: Path) -> Program:
    """The receiver in Go, built; its port is one that the system gives."""
    printed = block(DOCUMENT, "### Go", "go")
    assert printed.count("127.0.0.1:3000") == 1
    (folder / "receiver.go").write_text(printed.replace("127.0.0.1:3000", "127.0.0.1:0"), encoding="utf-8")
    cache = {"GOCACHE": str(folder.parent / "go"), "GOPATH": str(folder / "path")}  # all tests share what is compiled
    subprocess.run([find("go"), "build", "receiver.go"], cwd=folder, env=foreign(cache), check=True, timeout=60)
    return Program(folder, folder / "receiver", extra={"CRM_WEBHOOK_SECRET": SECRET})


@pytest.fixture(params=[in_python, in_node, in_php, in_go])
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
    said = [line for line in receiver.log.splitlines() if "send by SMS instead:" in line]
    assert len(said) == 1, "of the failed message, and of no other"
    assert str(MESSAGE["id"]) in said[0]


def test_it_refuses_what_is_signed_with_another_secret(receiver: Program, simulator: Simulator, tmp_path: Path) -> None:
    with Bridge(
        tmp_path / "bridge", simulator, [printed_for(receiver)], environment={"CRM_WEBHOOK_SECRET": OTHER}
    ) as bridge:
        bridge.fails()
        shown = bridge.refused("crm")
    assert (shown["state"], shown["tries"][0]["http_status"]) == ("queued", 401)
    assert shown["tries"][0]["answer"].startswith("bad signature")
    assert "send by SMS" not in receiver.log


def answer(receiver: Program, *secrets: str, body: bytes = BODY, age: int = 0) -> int:
    """What a receiver answers to a body, when this one was signed so long ago."""
    timestamp = int(time.time()) - age
    headers = {
        "content-type": "application/json",
        "webhook-id": "evt_abc",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([key_of(secret) for secret in secrets], "evt_abc", timestamp, BODY),
    }
    return requests.post(f"{receiver.url}/hooks/whatsapp", body, headers=headers, timeout=10).status_code


def test_it_takes_only_what_is_signed_now_and_unchanged(receiver: Program) -> None:
    assert answer(receiver, OTHER, SECRET) == 204
    assert answer(receiver, SECRET, age=240) == 204
    assert answer(receiver, SECRET, body=BODY.replace(b"12346", b"12347")) == 401
    assert answer(receiver, SECRET, body=BODY + b" ") == 401
    assert answer(receiver, SECRET, age=360) == 401
    assert answer(receiver, SECRET, age=-360) == 401
    assert answer(receiver, OTHER) == 401
    assert receiver.log.count("send by SMS") == 2


@pytest.mark.parametrize("start", [in_php, in_go])
def test_it_verifies_nothing_without_a_secret(
    start: Callable[[Path], Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an empty key, anybody could sign."""
    monkeypatch.setattr(f"{__name__}.SECRET", "")
    with start(tmp_path) as receiver:
        if start is in_go:
            until(lambda: "CRM_WEBHOOK_SECRET must be whsec_ followed by base64" in receiver.log)
        else:
            assert answer(receiver, OTHER) == 500


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


def test_dev_tells_it_what_is_triggered(receiver: Program, tmp_path: Path) -> None:
    """The three lines of "Test locally"; of the receiver's address, only the port is another."""
    start, _, trigger = (shlex.split(line) for line in block(*TEST_LOCALLY, "sh").splitlines())
    address = start[start.index("--forward-to") + 1].replace("localhost:3000", urlsplit(receiver.url).netloc)
    (tmp_path / "secret").write_text(SECRET)
    with Dev(tmp_path, address, *start[start.index("--secret-file") :]) as dev:
        assert dev.trigger(*trigger[2:]).returncode == 0
        until(lambda: "send by SMS instead: 5001" in receiver.log)
        until(lambda: [post["http_status"] for post in dev.posts] == [204])
