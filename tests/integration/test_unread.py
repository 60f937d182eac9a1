"""A message whose answers can't be read, with the real daemon: it is told of once, with the reason, and counted."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.simulator.sink import Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.reloading import free_port
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_message_with_unreadable_answers_is_told_once_and_counted(tmp_path: Path) -> None:
    """Nobody heard of it, however long it lasted (issue 17, 3)."""
    daemon_url = f"http://127.0.0.1:{free_port()}"
    with Simulator() as simulator, Sink() as sink:
        for id_ in (1, 2):
            simulator.account.put(id_)
        simulator.fault(Fault.STATUS_OUT_OF_RANGE, message_id=1)
        receivers, messages = [webhook(sink, events=["stuck", "sent"])], [{"id": 1, "label": "Invoice 88"}, 2]
        poll = {"every": "250ms", "attempts": 1, "stuck_after": "1s"}
        http = {"listen": daemon_url.removeprefix("http://")}
        write_config(tmp_path, bridge_config(simulator, receivers, messages, poll=poll, http=http))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(2)  # of both: 2 is pending, which can be read
            polls = simulator.polls[1]
            until(lambda: simulator.polls[1] > polls + 4)
            unreadable = status(tmp_path)["unreadable"]
            shown = command(tmp_path, "status").stdout
            listed = command(tmp_path, "messages").stdout
            first, second = json.loads(command(tmp_path, "messages", "--json").stdout)
            of_one = requests.get(f"{daemon_url}/v1/messages/1", timeout=10).json()
            of_all = requests.get(f"{daemon_url}/v1/messages", timeout=10).json()
            page = requests.get(f"{daemon_url}/messages", timeout=10).text
            story = requests.get(f"{daemon_url}/messages/1", timeout=10).text
            simulator.fix()
            simulator.account.put(1, Status.SENT)
            sink.wait_for(3)
            again = status(tmp_path)["unreadable"]
            fixed = requests.get(f"{daemon_url}/v1/messages/1", timeout=10).json()["unreadable"]
        told = [event for event in map(_json, sink.records()) if event["data"]["message_id"] == 1]
    assert [event["type"] for event in told] == ["message.stuck", "message.sent"]
    stuck = told[0]["data"]
    assert stuck["reason"] == "WbizTool's answers can't be read: status is 7"
    assert (stuck["current"]["status"], stuck["previous"], stuck["unreadable_seconds"] >= 1) == ("unknown", None, True)
    assert "pending_seconds" not in stuck
    assert (unreadable, again) == (1, 0)
    assert "unreadable 1 of them" in shown
    words = "WbizTool's answers can't be read: status is 7"
    assert f"{words} (first " in listed
    unreadable_ones = [each["unreadable"] for each in sorted((first, second), key=lambda each: each["id"])]
    assert unreadable_ones == [{"since": unreadable_ones[0]["since"], "why": "status is 7"}, None]
    assert of_one["unreadable"] == unreadable_ones[0]
    assert {each["id"]: each["unreadable"] for each in of_all["items"]} == dict(
        zip((1, 2), unreadable_ones, strict=True)
    )
    assert html.unescape(page).count(words) == 1
    assert words in html.unescape(story)
    assert fixed is None
    assert "source.down" not in daemon.log()


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(folder, "status", "--json").stdout)["messages"]
    return found


def _json(record: Any) -> Any:
    return json.loads(record.body)
