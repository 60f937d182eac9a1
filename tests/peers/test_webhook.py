"""Debian's webhook with the hooks.json that docs/receivers.md prints: it runs a script, for the bridge only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from tests.world.bridge import ERROR, MESSAGE, Bridge
from tests.world.daemon import command
from tests.world.printed import block
from tests.world.programs import Program, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

DOCUMENT, SECTION = "docs/receivers.md", "### webhook: run a script when a message fails"
SECRET, OTHER = 'a secret with "quotes" in it', "another secret"
SCRIPT = """#!/bin/sh
if [ "$WBIZ_BRIDGE_TEST" = 1 ]; then echo "a test: no SMS"; exit 0; fi
printf '%s\\n' "$EVENT_ID" "$@" >>called
if [ -e fails-once ]; then
  rm fails-once
  echo "the SMS service is away"
  exit 1
fi
echo "an SMS is on its way"
"""


class Hooks:
    """The program, and the script that it runs."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.address = f"{program.url}/hooks/whatsapp-failed"

    def configured(self) -> dict[str, Any]:
        """The receiver as it is printed; only the port is another."""
        printed = block(DOCUMENT, SECTION, "yaml").replace("http://127.0.0.1:9000", self._program.url)
        (receiver,) = yaml.safe_load(printed)["receivers"]
        found: dict[str, Any] = receiver
        return found

    def script_fails_once(self) -> None:
        (self._program.folder / "fails-once").touch()

    def calls(self) -> list[tuple[str, ...]]:
        """How the script was called: the event's id, then its arguments."""
        called = self._program.folder / "called"
        lines = called.read_text(encoding="utf-8").splitlines() if called.exists() else []
        return [tuple(lines[start : start + 3]) for start in range(0, len(lines), 3)]


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    folder = tmp_path / "hooks"
    folder.mkdir()
    script = folder / "script"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    printed = block(DOCUMENT, SECTION, "json").replace("/usr/local/bin/resend-by-sms", str(script))
    printed = printed.replace('"execute-command"', f'"command-working-directory": "{folder}",\n    "execute-command"')
    (folder / "hooks.json").write_text(printed, encoding="utf-8")
    options = ["-template", "-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", "0", "-verbose"]
    with Program(folder, find("webhook"), *options, extra={"HOOK_SECRET": SECRET}) as program:
        yield Hooks(program)


def test_it_runs_the_script_for_a_message_that_failed(hooks: Hooks, simulator: Simulator, tmp_path: Path) -> None:
    with Bridge(tmp_path / "bridge", simulator, [hooks.configured()], environment={"HOOK_SECRET": SECRET}) as bridge:
        bridge.fails()
        (told,) = bridge.delivered("sms")
    assert hooks.calls() == [(told["event"]["id"], str(MESSAGE["id"]), ERROR)]
    (attempt,) = told["tries"]
    assert (attempt["http_status"], attempt["answer"].strip()) == (200, "an SMS is on its way")


def test_script_knows_that_a_test_is_one(hooks: Hooks, simulator: Simulator, tmp_path: Path) -> None:
    secret = {"HOOK_SECRET": SECRET}
    with Bridge(tmp_path / "bridge", simulator, [hooks.configured()], environment=secret) as bridge:
        shown = command(bridge.folder, "test", "sms", "--json", extra=secret)
    assert json.loads(shown.stdout)["answer"].strip() == "a test: no SMS"
    assert hooks.calls() == []


def test_it_does_not_for_a_call_with_a_wrong_signature(hooks: Hooks, simulator: Simulator, tmp_path: Path) -> None:
    with Bridge(tmp_path / "bridge", simulator, [hooks.configured()], environment={"HOOK_SECRET": OTHER}) as bridge:
        bridge.fails()
        shown = bridge.refused("sms")
    assert hooks.calls() == []
    assert (shown["state"], shown["tries"][0]["http_status"]) == ("queued", 500)
    assert shown["tries"][0]["answer"].strip() == "Error occurred while evaluating hook rules."


def test_it_does_not_for_a_call_without_a_signature(hooks: Hooks) -> None:
    answer = requests.post(hooks.address, json={"type": "message.failed"}, timeout=10)
    assert answer.status_code == 401
    assert hooks.calls() == []


def test_when_the_script_fails_the_bridge_comes_again(hooks: Hooks, simulator: Simulator, tmp_path: Path) -> None:
    hooks.script_fails_once()
    with Bridge(tmp_path / "bridge", simulator, [hooks.configured()], environment={"HOOK_SECRET": SECRET}) as bridge:
        bridge.fails()
        (told,) = bridge.delivered("sms")
    first, second = hooks.calls()
    assert first == second == (told["event"]["id"], str(MESSAGE["id"]), ERROR)
    assert [tried["http_status"] for tried in told["tries"]] == [500, 200]
    assert told["tries"][0]["answer"].strip() == "the SMS service is away"
