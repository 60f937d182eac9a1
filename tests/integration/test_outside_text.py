"""Whatever text comes from outside, no command lets it drive the terminal or write a line of its own.

Outside are: the answers of WbizTool and of receivers, labels and tags, files and their names, the command line.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bridge.cli import lazy
from bridge.cli.demo.screen import Screen
from bridge.cli.dev import screen as dev
from bridge.domain.model import Attempt, Details, Event, EventType, Message, State, Status
from bridge.domain.outcome import Retry
from bridge.domain.samples import sample_event
from bridge.domain.summary import WatchedMessage
from bridge.simulator.sink import Answer, Sink
from bridge.store.store import Store
from tests.integration.test_terminal import COLOURS, on_terminal
from tests.unit.domain.test_sanitization import BIDI, WORST, drives
from tests.world.daemon import command
from tests.world.records import NOW, due, observe, tried

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

FORGED = "FORGED"
"""Stands behind every line break that comes from outside: no line that is shown begins with it."""

BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
EVIL = f"x\n{FORGED}\x1b[2J\x1b]52;c;aGk=\x07\x9b31m{BIDI}[red]é" + "".join(f"{each}{FORGED}" for each in BREAKS)
hostile = st.lists(
    st.text(max_size=8) | st.sampled_from(WORST) | st.sampled_from([each + FORGED for each in BREAKS]), max_size=8
).map("".join)

NOTHING_FROM_OUTSIDE = {
    "run": "never ends by itself; its log is written as `poll` writes it here",
    "demo": "its lines are shown by one class (test_demo_shows_it_harmless)",
    "schema events": "prints what this package ships",
    "schema config": "prints what this package ships",
    "service uninstall": "prints the layout's paths",
}
"""The commands that this module does not run, and why."""


CURSOR = re.compile(r"\x1b\[(\?25[lh]|1A|2K)")


class World:
    """A folder in which everything that can come from outside is the same text."""

    def __init__(self, folder: Path, text: str, receiver: Sink, api: Sink) -> None:
        self.folder = folder
        self.text = text.encode("utf-8", "replace").decode()  # what JSON, YAML and HTTP can carry
        # The name of a file: no slash, no NUL, of a length that file systems take.
        self.name = "".join(each for each in self.text if each not in "/\0")[:58] or "empty"
        receiver.answer = lambda _: Answer.status(404, self.text.encode())
        api.answer = lambda _: Answer.ok(json.dumps({"status": 1, "name": self.text, "message": self.text}).encode())
        self._config = {
            "wbiztool": {"client_id": 1, "api_key": "0123456789ab", "base_url": api.url},
            "messages": [{"id": 1, "label": self.text[:90], "tags": {"team": self.text[:90]}}],
            "receivers": [
                {"name": "crm", "webhook": receiver.url, "headers": {"X-Key": "k"}},
                {"name": "ops", "webhook": receiver.url, "match": {"tags": {"team": self.text or "?"}}},
            ],
            "database": "sqlite:///bridge.db",
            "http": False,
        }
        self.config = self._write(f"{self.name}.yaml", self._config)
        self.logs = [
            self._write(f"{form}.yaml", {**self._config, "log": {"format": form}, "database": f"sqlite:///{form}.db"})
            for form in ("json", "console")
        ]
        wrong = {**self._config, self.text or "?": 1, "messages": [{"id": self.text, "label": 7}]}
        wrong["receivers"] = [{"name": self.text, "webhook": self.text, self.text: 1}]
        self.wrong = self._write(f"wrong {self.name}.yaml", wrong)
        event = {
            "id": "evt_1",
            "type": "message.failed",
            "timestamp": "2026-11-23T20:11:12Z",
            "data": {
                "message_id": 1,
                "label": self.text,
                "tags": {"team": self.text},
                "sequence": 1,
                "previous": None,
                "current": {"status": "failed", "code": 2, "since": "2026-11-23T20:11:12Z", "error": self.text},
            },
        }
        (folder / f"{self.name}.json").write_text(json.dumps(event))
        (folder / f"not JSON {self.name}").write_text(self.text)
        for database in ("bridge", "json", "console"):
            self._fill(folder / f"{database}.db")

    def commands(self) -> dict[str, list[list[str]]]:
        """Name each command that shows something from outside, and how it is called."""
        config = ["-c", str(self.config)]
        return {
            "messages": [config],
            "events": [config],
            "deliveries": [config],
            "report": [
                ["--since", "3650d", *config],
                ["--since", "3650d", "--by", "reason", *config],
                ["--since", "3650d", "--by", f"tag.{self.name}", *config],
                ["--since", "3650d", "--by", "tag.x", *config],
                ["--since", f"x{self.name}", *config],
                ["--by", f"x{self.name}", *config],
            ],
            "status": [config, ["-c", str(self.wrong)]],
            "check": [config, ["-c", str(self.wrong)], ["--online", *config], ["-c", self.name]],
            "test": [["crm", *config], [self.name, *config], ["crm", "--type", f"-{self.name}", *config]],
            "route": [
                [f"{self.name}.json", *config],
                [f"./{self.name}.json", "--expect", f"x{self.name}", *config],
                [f"not JSON {self.name}", *config],
                [f"evt_{self.name}", *config],
            ],
            "watch": [["77", "--label", f"x{self.name}", *config], ["78", "--tag", f"x{self.name}", *config]],
            "unwatch": [["1", "77", *config]],
            "deliveries retry": [["--since", f"x{self.name}", *config]],
            "deliveries resend": [
                ["--receiver", "crm", *config],
                ["--receiver", f"x{self.name}", *config],
                [f"evt_{self.name}", *config],
            ],
            "incidents": [config, ["--all", *config]],
            "ack": [["1", "--note", f"x{self.name}", "--by", f"x{self.name}", *config], [f"x{self.name}", *config]],
            "mute": [
                ["crm", "--for", "1h", "--reason", f"x{self.name}", "--by", f"x{self.name}", *config],
                ["crm", "--until", f"x{self.name}", *config],
                [f"x{self.name}", "--for", "1h", *config],
            ],
            "unmute": [["crm", *config], [f"x{self.name}", *config]],
            "render": [
                [f"{self.name}.json", "--receiver", "crm", *config],
                [f"./{self.name}.json", "--receiver", f"x{self.name}", *config],
                [f"not JSON {self.name}", "--receiver", "crm", *config],
                [f"evt_{self.name}", "--receiver", "crm", *config],
            ],
            "init": [
                ["--no-input", "--client-id", f"x{self.name}", "--directory", f"new {self.name}"],
                ["--no-input", "--client-id", "1", "--api-key-file", f"none/{self.name}"],
                ["--no-input", "--client-id", "1", "--webhook", f"x{self.name}"],
            ],
            "poll": [["-c", str(each)] for each in self.logs],
            "backup": [[f"copy {self.name}", *config], [f"none/{self.name}", *config]],
            "move": [["--to", "postgresql://127.0.0.1:9/x", *config], ["--to", f"x{self.name}", *config]],
            "secret new": [["-o", f"secret {self.name}"], ["-o", f"none/{self.name}"]],
            "secret public": [[f"not JSON {self.name}"], [f"none/{self.name}"]],
            "dev": [["--forward-to", f"x{self.name}"], ["--forward-to", "localhost:1", "--listen", f"x{self.name}"]],
            "trigger": [[f"x{self.name}"], ["failed", "--tag", f"x{self.name}"]],
            "service install": [["--root", f"root {self.name}", "--client-id", "1"]],
        }

    def _write(self, name: str, config: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(config, allow_unicode=False), encoding="utf-8")
        return path

    def _fill(self, file: Path) -> None:
        with Store(f"sqlite:///{file}") as store:
            store.messages.watch([1], NOW, Details(self.text, {self.text: self.text}))
            observe(store, 1, Status.FAILED)
            for delivery in due(store):
                tried(store, delivery, Retry(self.text), answer=self.text)
        with sqlite3.connect(file) as database:
            database.execute("UPDATE messages SET error = ?", (self.text,))
            database.execute("UPDATE events SET data = json_set(data, '$.current.error', ?)", (self.text,))


@contextmanager
def world(text: str) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, Sink() as receiver, Sink() as api:
        yield World(Path(folder), text, receiver, api)


def assert_harmless(shown: str) -> None:
    for line in shown.split("\n"):
        assert not drives(line), line
        assert not line.startswith(FORGED), shown


def leaves(command: Any, name: str = "") -> Iterator[str]:
    """Name every command of the command line."""
    groups = getattr(command, "commands", {})
    if not groups or getattr(command, "invoke_without_command", False):
        yield name
    for each, inside in groups.items():
        yield from leaves(inside, f"{name} {each}".strip())


def test_every_command_is_run_here_or_has_a_reason() -> None:
    with world(EVIL) as outside:
        run = set(outside.commands())
    known = {leaf for name in lazy.COMMANDS for leaf in leaves(lazy.load(name), name)}
    assert run | set(NOTHING_FROM_OUTSIDE) == known
    assert not run & set(NOTHING_FROM_OUTSIDE)


def test_no_command_shows_it_as_it_came() -> None:
    assert_no_command_shows(EVIL)


@pytest.mark.chaos
@pytest.mark.timeout(300)
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(hostile)
def test_no_command_shows_any_text_as_it_came(text: str) -> None:
    assert_no_command_shows(text)


def assert_no_command_shows(text: str) -> None:
    with world(text) as outside:
        for name, calls in outside.commands().items():
            for call in calls:
                done = command(outside.folder, *name.split(), *call)
                assert "Traceback" not in done.stderr, (name, done.stderr)
                assert "internal error" not in done.stderr, (name, done.stderr)
                assert_harmless(done.stdout)
                assert_harmless(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["test", "crm"], r"answer: x FORGED\x1b[2J"),
        (["check", "--online"], r"(account: x FORGED\x1b[2J"),
        (["messages"], "x1b"),
        (["deliveries"], "x1b"),
        (["events"], "x1b"),
        (["route", "event"], "x1b"),
    ],
)
def test_terminal_shows_it_harmless(arguments: list[str], shown: str) -> None:
    with world(EVIL) as outside:
        arguments = [f"{outside.name}.json" if each == "event" else each for each in arguments]
        seen = COLOURS.sub("", on_terminal(outside.folder, *arguments, "-c", str(outside.config), columns=400))
    assert shown in seen
    assert_harmless(seen.replace("\r\n", "\n"))


@given(hostile)
@example(EVIL)
def test_dev_shows_it_harmless(text: str) -> None:
    event = replace(sample_event(NOW), subject=text, message_id=None)
    for terminal in (True, False):
        written = io.StringIO()
        on = Console(file=written, force_terminal=terminal, color_system=None, width=200)
        dev.Screen(as_json=False, gone=lambda: None, on=on).tested(text, event, Attempt(NOW, 1, Retry(text), 500, text))
        assert_harmless(written.getvalue())


@given(hostile)
@example(EVIL)
def test_demo_shows_it_harmless(text: str) -> None:
    for terminal in (True, False):
        written = io.StringIO()
        screen = Screen(Console(file=written, force_terminal=terminal, color_system=None, width=200))
        state = {"status": text}
        with screen:
            screen.show([WatchedMessage(Message(1, text, state=State(Status.FAILED, NOW, text)), True, NOW, NOW)])
            data = {"previous": state, "current": state}
            screen.event_recorded(Event("evt_1", EventType.MESSAGE_FAILED, NOW, "message/1", 1, data, 1))
            screen.event_recorded(Event("evt_2", EventType.RECEIVER_DOWN, NOW, "receiver/x", 1, {"receiver": text}))
        screen.webhook({"type": text, "data": {"message_id": text}}, taken=True)
        screen.slack(f"x{text}")
        seen = written.getvalue()
        if terminal:  # what the live table itself does: it hides the cursor and moves up
            seen = CURSOR.sub("", seen).replace("\r", "")
        assert_harmless(seen)
