"""Node-RED with the flow that docs/receivers.md prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from tests.world.bridge import ERROR, Bridge
from tests.world.daemon import command
from tests.world.printed import block
from tests.world.programs import Program, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

DOCUMENT, SECTION = "docs/receivers.md", "### Node-RED"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
OTHER = "whsec_c2lnbmVkIHdpdGggdGhpcyBzZWNyZXQgZnJvbSBub3cgb24="
FAILS_AT_FIRST = """
const tries = (context.get("tries") ?? 0) + 1;
context.set("tries", tries);
if (tries === 1) throw new Error("the SMS service is away");
return msg;
"""


@pytest.fixture(scope="module")
def node_red(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("node-red")
    quiet: list[str | Path] = ["--userDir", folder, "--port", "0", "-D", "uiHost=127.0.0.1"]
    with Program(folder, find("node-red"), *quiet, extra={"WBIZ_WEBHOOK_SECRET": SECRET}) as program:
        yield program


def deploy(node_red: Program, **changes: dict[str, Any]) -> None:
    """Import the printed flow and deploy it, as the editor would; nodes may be changed, by their ids."""
    flow = json.loads(block(DOCUMENT, SECTION, "json"))
    changed = [{**node, **changes.pop(node["id"].removeprefix("wbiz-"), {})} for node in flow]
    assert not changes
    assert requests.post(f"{node_red.url}/flows", json=changed, timeout=20).status_code == 204


def receiver(node_red: Program) -> dict[str, Any]:
    printed = block(DOCUMENT, SECTION, "yaml").replace("http://127.0.0.1:1880", node_red.url)
    configured: dict[str, Any]
    (configured,) = yaml.safe_load(printed)["receivers"]
    return configured


def test_it_works_with_what_the_bridge_tells(node_red: Program, simulator: Simulator, tmp_path: Path) -> None:
    deploy(node_red)
    with Bridge(tmp_path, simulator, [receiver(node_red)], environment={"WBIZ_WEBHOOK_SECRET": SECRET}) as bridge:
        bridge.fails()
        (told,) = bridge.delivered("node-red")
    assert [tried["http_status"] for tried in told["tries"]] == [204]
    (line,) = (node_red.folder / "whatsapp-failed.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == told["event"]
    assert told["event"]["data"]["current"]["error"] == ERROR


def test_test_is_answered_and_goes_no_further(node_red: Program, simulator: Simulator, tmp_path: Path) -> None:
    deploy(node_red, work={"filename": "tests.jsonl"})
    secret = {"WBIZ_WEBHOOK_SECRET": SECRET}
    with Bridge(tmp_path, simulator, [receiver(node_red)], environment=secret) as bridge:
        shown = command(bridge.folder, "test", "node-red", "--json", extra=secret)
    assert json.loads(shown.stdout)["http_status"] == 204
    assert not (node_red.folder / "tests.jsonl").exists()


def test_it_refuses_what_is_signed_with_another_secret(node_red: Program, simulator: Simulator, tmp_path: Path) -> None:
    deploy(node_red, work={"filename": "not-signed.jsonl"})
    with Bridge(tmp_path, simulator, [receiver(node_red)], environment={"WBIZ_WEBHOOK_SECRET": OTHER}) as bridge:
        bridge.fails()
        shown = bridge.refused("node-red")
    assert (shown["tries"][0]["http_status"], shown["tries"][0]["answer"]) == (401, "bad signature")
    assert not (node_red.folder / "not-signed.jsonl").exists()


def test_it_refuses_what_is_not_signed_at_all(node_red: Program) -> None:
    deploy(node_red, work={"filename": "not-signed.jsonl"})
    answer = requests.post(f"{node_red.url}/hooks/whatsapp", json={"type": "message.failed"}, timeout=10)
    assert (answer.status_code, answer.text) == (401, "bad signature")
    assert not (node_red.folder / "not-signed.jsonl").exists()


def test_when_its_work_fails_the_bridge_comes_again(node_red: Program, simulator: Simulator, tmp_path: Path) -> None:
    deploy(node_red, work={"type": "function", "func": FAILS_AT_FIRST})
    with Bridge(tmp_path, simulator, [receiver(node_red)], environment={"WBIZ_WEBHOOK_SECRET": SECRET}) as bridge:
        bridge.fails()
        (told,) = bridge.delivered("node-red")
    failed, worked = told["tries"]
    assert (failed["http_status"], worked["http_status"]) == (500, 204)
    assert "the SMS service is away" in failed["answer"]
