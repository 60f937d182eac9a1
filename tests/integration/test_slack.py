"""Slack's answers with the real daemon: what refuses with status 200 is not delivered, and says why."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.world.bridge import Bridge
from tests.world.daemon import command
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.faulty_server import Received

REFUSALS = {
    "api": (b'{"ok": false, "error": "not_authed"}', "not_authed: this address needs a token"),
    "page": (b"<!DOCTYPE html><h1>Sign in</h1>", "a web page was returned instead of Slack's answer"),
}


@pytest.mark.slow
def test_refusal_with_200_is_queued_and_compatible_services_are_delivered(tmp_path: Path) -> None:
    """Issue 16, 4: both were "delivered", so that nobody learned that nothing ever reached Slack."""
    with Simulator() as simulator, Sink(lambda _: Answer.status(204)) as silent, Sink() as sink:
        answers = {f"/{name}": Answer(200, body=body) for name, (body, _) in REFUSALS.items()}
        sink.answer = lambda request: answers[request.path]
        base = sink.url.removesuffix("/hook")
        receivers = [{"name": name, "slack": f"{base}/{name}", "group": {"wait": "0s"}} for name in REFUSALS]
        receivers += [{"name": "silent", "slack": silent.url, "group": {"wait": "0s"}}]
        with Bridge(tmp_path / "bridge", simulator, receivers) as bridge:
            bridge.fails()
            (delivered,) = bridge.delivered("silent")
            refused = {name: bridge.refused(name) for name in REFUSALS}
            tests = {name: command(bridge.folder, "test", name) for name in REFUSALS}
    assert delivered["state"] == "delivered"
    for name, (body, why) in REFUSALS.items():
        assert refused[name]["finished_at"] is None
        assert refused[name]["reason"].startswith(why)
        assert refused[name]["tries"][0]["answer"] == body.decode()
        assert tests[name].returncode == 1
        assert why in tests[name].stdout


@pytest.mark.waits
def test_test_that_succeeds_releases_all_that_is_queued_for_a_group_at_once(tmp_path: Path) -> None:
    """The breaker is open, and Slack has asked for a pause of an hour."""
    others = range(1, 40)
    with Simulator() as simulator, Sink(lambda _: Answer.status(500, b"rollup_error")) as sink:
        receivers = [{"name": "ops", "slack": sink.url, "events": ["failed"], "group": {"wait": "2s"}}]
        with Bridge(tmp_path / "bridge", simulator, receivers, others=others, hurry=5) as bridge:
            bridge.fails()
            until(lambda: breaker(bridge)["state"] == "open", 60)
            sink.answer = lambda _: Answer.status(503, retry_after="3600")
            until(lambda: breaker(bridge)["paused_until"] is not None)
            until(lambda: len(bridge.deliveries("ops")) == 1 + len(others))
            refused = sink.count
            sink.answer = lambda _: Answer.ok()
            time.sleep(1)
            assert sink.count == refused, "the pause is kept"
            assert command(bridge.folder, "test", "ops").returncode == 0
            released = time.monotonic()
            until(lambda: all(each["state"] == "delivered" for each in bridge.deliveries("ops")), 10)
            took = time.monotonic() - released
            assert breaker(bridge)["state"] == "closed"
            status = command(bridge.folder, "status")
            posts = sink.count - refused
    assert took < 5, took
    assert posts == 2, "the test, and one digest of everything"
    assert (status.returncode, status.stdout.splitlines()[0]) == (
        0,
        "the bridge works; 40 incidents are open (`wbiz-bridge incidents`)",
    )
    assert "next try" not in status.stdout


def breaker(bridge: Bridge) -> dict[str, Any]:
    status = json.loads(command(bridge.folder, "status", "--json").stdout)
    return status["breakers"].get("ops") or {"state": "closed", "paused_until": None}


def test_layout_that_a_webhook_refuses_is_left_out_once(tmp_path: Path) -> None:
    def answer(request: Received) -> Answer:
        return Answer.status(400, b"invalid_blocks") if "blocks" in json.loads(request.body) else Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        receivers = [{"name": "ops", "slack": sink.url, "events": ["failed"]}]
        with Bridge(tmp_path / "bridge", simulator, receivers) as bridge:
            bridge.fails()
            (delivered,) = bridge.delivered("ops")
        (first, second) = (json.loads(each.body) for each in sink.records())
    assert (first["text"], "blocks" in first) == (second["text"], True)
    assert not {"blocks", "attachments"} & set(second)
    assert delivered["tries"][0]["answer"].startswith("Slack refused the layout: tried as plain text")
