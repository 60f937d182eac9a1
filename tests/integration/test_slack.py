"""Slack's answers with the real daemon: what refuses with status 200 is not delivered, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.simulator import Simulator
from bridge.simulator.sink import Answer, Sink
from tests.world.bridge import Bridge
from tests.world.daemon import command

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = {
    "api": (b'{"ok": false, "error": "not_authed"}', "HTTP 200 OK, not_authed: this address needs a token"),
    "page": (b"<!DOCTYPE html><h1>Sign in</h1>", "HTTP 200 OK: a web page came instead of Slack's answer"),
}


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
