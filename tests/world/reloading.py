"""A daemon with an old configuration, and a new one that differs from it everywhere: which of them is in force?"""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING, Any

import requests

from bridge.domain.model import Status
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

TOKEN = "a-token-of-at-least-some-length"
WRONG_KEY = "a-key-that-is-wrong"


class World:
    """A daemon with an old configuration, and a new one that differs from it everywhere."""

    def __init__(self, folder: Path, simulator: Simulator, sink: Sink) -> None:
        self.folder = folder
        self.simulator = simulator
        self.sink = sink
        self.old_port, self.new_port = free_port(), free_port()
        for message_id in (1, 2):
            simulator.account.put(message_id)
        write_config(folder, self.config(1, self.old_port, "old"))

    def config(self, message_id: int, port: int, receiver: str, **more: Any) -> dict[str, Any]:
        sections = {"http": {"listen": f"127.0.0.1:{port}", "token": TOKEN}, **more}
        return bridge_config(self.simulator, [webhook(self.sink, receiver)], [message_id], **sections)

    def new(self) -> dict[str, Any]:
        return self.config(2, self.new_port, "new")

    def reload(self, daemon: Daemon, settings: dict[str, Any]) -> None:
        done = daemon.log().count('"event": "config_reload')
        write_config(self.folder, settings)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: daemon.log().count('"event": "config_reload') > done)

    def told(self) -> list[tuple[str, int, str]]:
        """Who was told what of which message."""
        return [
            (record.path.partition("?")[2], event["data"]["message_id"], event["type"])
            for record in self.sink.records()
            for event in [json.loads(record.body)]
        ]

    def assert_old_is_whole(self) -> None:
        assert answers("127.0.0.1", self.old_port)
        assert not answers("127.0.0.1", self.new_port)
        polls = self.simulator.polls[1]
        until(lambda: self.simulator.polls[1] > polls)
        assert self.simulator.polls[2] == 0
        assert {name for name, _, _ in self.told()} <= {"old"}

    def assert_new_is_whole(self) -> None:
        until(lambda: ("new", 2, "message.pending") in self.told())
        until(lambda: answers("127.0.0.1", self.new_port) and not answers("127.0.0.1", self.old_port))
        polls = self.simulator.polls[1]
        self.simulator.account.put(2, Status.SENT)
        until(lambda: ("new", 2, "message.sent") in self.told())
        assert self.simulator.polls[1] <= polls + 1, "one may have been on its way"

    def assert_refused_whole(self, choose: Callable[[Collection[str]], Iterable[tuple[str, ...]]]) -> None:
        """See that a new configuration with faults in some sections, and right otherwise, changes nothing.

        Args:
            choose: Chooses from the sections which are wrong together, each time.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken, Daemon(self.folder) as daemon:
            daemon.wait_until_ready()
            until(lambda: self.told() == [("old", 1, "message.pending")])
            wrong = faults(taken.getsockname()[1])
            for names in choose(wrong):
                logged = len(daemon.log())
                self.reload(daemon, with_faults(self.new(), *(wrong[name][0] for name in names)))
                refused = [json.loads(line) for line in daemon.log()[logged:].splitlines()]
                why = " ".join(line["why"] for line in refused if line["event"] == "config_reload_refused")
                assert any(wrong[name][1] in why for name in names), (names, why)
                until(lambda: not ready(self.old_port)["checks"]["configuration"]["ok"])
                assert answers("127.0.0.1", self.old_port), names
                assert not answers("127.0.0.1", self.new_port), names
            assert metric(self.old_port, "wbiz_bridge_config_last_reload_successful") == "0.0"
            self.assert_old_is_whole()
            assert not (self.folder / "other.db").exists()
            self.reload(daemon, self.new())
            self.assert_new_is_whole()
            until(lambda: ready(self.new_port)["checks"]["configuration"]["ok"])
            assert daemon.stop()[0] == 0
        assert WRONG_KEY not in daemon.log()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(host: str, port: int) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"http://{host}:{port}/healthz", timeout=5).ok
        except requests.ConnectionError:
            return False


def ready(port: int) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        found: dict[str, Any] = session.get(f"http://127.0.0.1:{port}/health", timeout=5).json()
        return found


def metric(port: int, name: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        return next(line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))


def faults(taken: int) -> dict[str, tuple[dict[str, Any], str]]:
    """By section: what is wrong there, and a word of what is said of it."""
    hook = {"name": "new", "webhook": "https://127.0.0.1:1/"}
    return {
        "http": ({"http": {"listen": f"127.0.0.1:{taken}", "token": TOKEN}}, "the port is taken"),
        "credentials": ({"wbiztool": {"api_key": WRONG_KEY}}, "refuses the credentials"),
        "account": ({"wbiztool": {"client_id": 4711}}, "the account can't change"),
        "database": ({"database": "sqlite:///other.db"}, "another database needs a restart"),
        "receivers": ({"receivers": [{**hook, "events": ["nonsense"]}]}, "unknown event type"),
        "tls": ({"receivers": [{**hook, "tls": {"ca_file": "gone.pem"}}]}, "no such file"),
        "lists": ({"messages": [{"include": "gone.txt"}]}, "no such file"),
        "poll": ({"poll": {"every": "never"}}, "poll.every"),
    }


def with_faults(settings: dict[str, Any], *wrong: dict[str, Any]) -> dict[str, Any]:
    for each in wrong:
        for key, value in each.items():
            settings[key] = {**settings[key], **value} if key == "wbiztool" else value
    return settings
