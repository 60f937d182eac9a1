"""The API of the real daemon: what a program hands over is polled at once, and WbizTool's call beats the interval."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from wbiztool_client import WbizToolClient  # type: ignore[import-untyped]  # it has no types

from bridge.client import watch
from bridge.domain.model import Status
from tests.integration.test_web import address
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

TOKEN = "token-0123456789abcdef"
A_MOMENT = 5.0
"""In seconds, where the interval is ten minutes. It takes a twentieth of one, unless the machine is busy."""


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def config(simulator: Simulator, sink: Sink, **more: Any) -> dict[str, Any]:
    http = {"listen": "127.0.0.1:0", "token": TOKEN, "hook_watch": True}
    return bridge_config(simulator, sink, poll={"every": "10m"}, http=http, **more)


def send(simulator: Simulator) -> int:
    """Send a message as a user's program does, with the vendor's client."""
    client = WbizToolClient(api_key=simulator.api_key, client_id=simulator.client_id, timeout=5)
    client.BASE_URL = simulator.base_url
    client.session.trust_env = False
    with client.session:
        return int(client.send_message(phone="919999999999", msg="Your invoice")["msg_id"])


@pytest.mark.slow
def test_what_is_handed_over_is_polled_at_once_and_what_wbiztool_calls_about_too(
    tmp_path: Path,
    simulator: Simulator,
    sink: Sink,
    session: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    write_config(tmp_path, config(simulator, sink))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        url = address(daemon)
        with session.get(f"{url}/v1/events/stream", stream=True, timeout=10) as stream:
            lines = (line for line in stream.iter_lines(decode_unicode=True) if line.startswith("data: "))
            message_id = send(simulator)
            simulator.account.put(message_id)
            started = time.monotonic()
            assert watch(message_id, label="Invoice 88", url=url, token=TOKEN)
            (pending,) = sink.wait_for(1)
            handed = time.monotonic() - started
            assert json.loads(pending.body)["type"] == "message.pending"
            assert "Invoice 88" in next(lines)
            time.sleep(1)  # what was polled within the last second is polled when it is over

            simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
            simulator.account.put(message_id + 1, Status.SENT)
            started = time.monotonic()
            for body in ({"msg_id": message_id, "status": 1}, {"msg_id": message_id + 1}):
                assert session.post(f"{url}/hooks/wbiztool", json=body, timeout=5).status_code == 200
            told = sink.wait_for(3)[1:]
            called = time.monotonic() - started
            assert {json.loads(each.body)["type"] for each in told} == {"message.failed", "message.sent"}
            assert "message.failed" in next(lines) + next(lines)
            assert max(handed, called) < A_MOMENT
            assert daemon.stop()[0] == 0
            assert list(lines) == []
    assert TOKEN not in daemon.log()
    assert "fault" not in daemon.log()
