"""Alertmanager, fed as docs/receivers.md says: a message that fails is an alert until it is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from bridge.simulator.sink import Sink
from tests.world.bridge import ERROR, MESSAGE, Bridge
from tests.world.printed import block
from tests.world.programs import Program, find
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

DOCUMENT, SECTION = "docs/receivers.md", "### Alertmanager"


@pytest.fixture
def on_call() -> Iterator[Sink]:
    """Who is told by Alertmanager."""
    with Sink() as sink:
        yield sink


@pytest.fixture
def alertmanager(tmp_path: Path, on_call: Sink) -> Iterator[Program]:
    config = yaml.safe_load(block(DOCUMENT, SECTION, "yml"))
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    config["receivers"][0]["webhook_configs"] = [{"url": on_call.url}]
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    alone = ["--web.listen-address=127.0.0.1:0", "--cluster.listen-address=", "--storage.path=data"]
    with Program(folder, find("prometheus-alertmanager"), "--config.file=alertmanager.yml", *alone) as program:
        yield program


def alerts(alertmanager: Program) -> list[dict[str, Any]]:
    """What Alertmanager's own API says of alerts that are not resolved."""
    answer = requests.get(f"{alertmanager.url}/api/v2/alerts", timeout=10)
    found: list[dict[str, Any]] = answer.json()
    return found


def test_a_message_that_failed_is_an_alert_until_it_is_sent(
    alertmanager: Program, on_call: Sink, simulator: Simulator, tmp_path: Path
) -> None:
    printed = block(DOCUMENT, SECTION, "yaml").replace("http://127.0.0.1:9093", alertmanager.url)
    receivers = yaml.safe_load(printed)["receivers"]
    with Bridge(tmp_path / "bridge", simulator, receivers, poll={"linger": "1h"}) as bridge:
        bridge.fails()
        (failed,) = bridge.delivered("alertmanager")
        (alert,) = alerts(alertmanager)
        (firing,) = on_call.wait_for(1, 20)
        bridge.is_sent()
        bridge.delivered("alertmanager", 2)
        until(lambda: alerts(alertmanager) == [])
        resolved = on_call.wait_for(2, 20)[-1]
    assert failed["tries"][0]["http_status"] == 200
    assert alert["status"]["state"] == "active"
    assert alert["labels"] == {
        "alertname": "WhatsAppMessageNotSent",
        "message_id": str(MESSAGE["id"]),
        "team": "billing",
    }
    assert alert["annotations"] == {
        "summary": f"WhatsApp message {MESSAGE['id']} failed: invalid phone number · {MESSAGE['label']}",
        "label": MESSAGE["label"],
        "error": ERROR,
    }
    assert [json.loads(firing.body)["status"], json.loads(resolved.body)["status"]] == ["firing", "resolved"]
    assert json.loads(resolved.body)["alerts"][0]["labels"] == alert["labels"]
