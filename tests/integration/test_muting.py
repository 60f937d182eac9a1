"""Mutes and quiet hours with the real daemon: commands, API, page, restarts, several nodes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.domain.model import Status
from bridge.simulator.faults import Fault
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

pytestmark = pytest.mark.slow

TOKEN = "token-0123456789abcdef"
ERROR = "Invalid phone number"


class World:
    """A daemon with a webhook and a Slack receiver, and messages that fail when they are told to."""

    def __init__(self, folder: Path, simulator: Simulator, sink: Sink, **more: Any) -> None:
        self.folder, self.sink, self._simulator = folder, sink, simulator
        self.ids = [1, 2, 3, 4]
        for id_ in self.ids:
            simulator.account.put(id_, Status.PENDING)
        self._more = more
        self.configure(None)
        self.daemon = self.start()

    def configure(self, quiet: dict[str, Any] | None, *, without: str | None = None) -> None:
        """Write the configuration, with quiet hours of the webhook or without, and without a receiver."""
        hours = {} if quiet is None else {"quiet": quiet}
        receivers = [
            webhook(self.sink, "crm", events=["failed", "source.*"], concurrency=1, **hours),
            {"name": "ops", "slack": f"{self.sink.url}?ops", "events": ["failed", "source.*"], "group": {"wait": "0s"}},
        ]
        receivers = [each for each in receivers if each["name"] != without]
        write_config(self.folder, bridge_config(self._simulator, receivers, self.ids, **self._more))

    def serve(self) -> str:
        """Start it again with HTTP, and return where."""
        assert self.daemon.stop()[0] == 0
        self._more["http"] = {"listen": "127.0.0.1:0", "token": TOKEN}
        self.configure(None)
        known = len(self.logged("started"))
        self.start()
        until(lambda: len(self.logged("started")) > known)
        return str(self.logged("started")[-1]["http"])

    def start(self) -> Daemon:
        self.daemon = Daemon(self.folder, hurry=20)
        self.daemon.wait_until_ready()
        return self.daemon

    def fail(self, *ids: int) -> None:
        """Let messages fail, one after the other, and wait until all of it is noticed."""
        for id_ in ids:
            known = len(self.events())
            self._simulator.account.put(id_, Status.FAILED, ERROR)
            until(lambda known=known: len(self.events()) > known)  # type: ignore[misc]

    def break_source(self) -> None:
        """Let the status API refuse all calls, and wait until that is noticed."""
        self._simulator.fault(Fault.AUTH_200, call="/message/status/")
        until(lambda: self.events()[-1]["type"] == "source.down")

    def mend_source(self) -> None:
        """Let it answer again. The daemon is killed and started: it looks at once then."""
        self.daemon.kill()
        self._simulator.fix()
        self.start()
        until(lambda: self.events()[-1]["type"] == "source.up")

    def events(self) -> list[Any]:
        return self.json("events")  # type: ignore[no-any-return]

    def json(self, *arguments: str) -> Any:
        done = command(self.folder, *arguments, "--json")
        assert done.returncode in {0, 1, 3}, done
        return json.loads(done.stdout)

    def run(self, *arguments: str) -> tuple[int, str]:
        done = command(self.folder, *arguments)
        return done.returncode, done.stdout + done.stderr

    def sent(self, receiver: str) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.sink.records() if each.path.endswith(f"?{receiver}")]

    def states(self, receiver: str) -> dict[str, int]:
        return dict(self.json("status")["receivers"].get(receiver, {}))

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.daemon.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def world(tmp_path: Path, simulator: Simulator, sink: Sink) -> Iterator[World]:
    made = World(tmp_path, simulator, sink, log={"format": "json"})
    try:
        yield made
    finally:
        made.daemon.kill()


def test_muted_receivers_get_what_was_held_after_a_restart(world: World) -> None:
    """Slack as one message, the webhook each event, in order."""
    for name in ("crm", "ops"):
        code, said = world.run("mute", name, "--for", "2h", "--reason", "deploy", "--by", "anna")
        assert code == 0, said
        assert "(in 2 h): what happens meanwhile is held, and sent then" in said
    world.fail(3, 1, 2)
    shown = world.json("status")
    assert shown["held"]["crm"]["count"] == shown["held"]["ops"]["count"] == 3
    assert shown["mutes"]["ops"]["by"] == "anna"
    assert shown["checks"]["deliveries"]["why"] is None, "held is not late"
    assert shown["ok"]
    _, text = world.run("status")
    assert "receiver   ops: 3 queued; muted until" in text
    assert "by anna: deploy, 3 held" in text
    world.daemon.kill()
    world.start()
    assert sorted(line["receiver"] for line in world.logged("muted")) == ["crm", "crm", "ops", "ops"]
    world.fail(4)
    assert world.sink.count == 0
    for name in ("crm", "ops"):
        assert world.run("unmute", name) == (0, f"{name} is no longer muted; 4 held deliveries are sent now\n")
    until(lambda: world.states("crm") == world.states("ops") == {"delivered": 4})
    assert [each["data"]["message_id"] for each in world.sent("crm")] == [3, 1, 2, 4]
    assert len(world.sent("ops")) == 1
    assert world.json("status")["mutes"] == {}
    assert {line["dropped"] for line in world.logged("unmuted")} == {0}
    assert world.run("unmute", "crm") == (0, "crm is not muted\n")


def test_what_began_and_ended_during_a_mute_is_one_message_in_slack(world: World) -> None:
    """The webhook gets both, one after the other; the daemon is killed in between."""
    for name in ("crm", "ops"):
        assert world.run("mute", name, "--for", "2h")[0] == 0
    world.fail(1)
    world.break_source()
    world.mend_source()
    for name in ("crm", "ops"):
        assert world.run("unmute", name)[0] == 0
    until(lambda: world.states("crm") == world.states("ops") == {"delivered": 3})
    types = [each["type"] for each in world.sent("crm")]
    assert types == ["message.failed", "source.down", "source.up"]
    assert len(world.sent("ops")) == 1


def test_mute_that_drops_counts_what_is_never_sent(world: World) -> None:
    made = world.json("mute", "crm", "--for", "1h", "--drop")
    assert (made["receiver"], made["drop"], made["dropped"]) == ("crm", True, 0)
    world.fail(1, 2)
    assert world.states("crm") == {"dropped": 2}
    until(lambda: len(world.sent("ops")) == 2)
    assert world.json("status")["mutes"]["crm"]["dropped"] == 2
    (first, _) = world.json("deliveries", "--receiver", "crm", "--state", "not sent")
    assert first["reason"].startswith("crm was muted")
    assert world.run("unmute", "crm")[1] == "crm is no longer muted; nothing was held; 2 not sent\n"
    until(lambda: world.logged("unmuted"))
    assert world.logged("unmuted")[0]["dropped"] == 2
    assert sum(line["count"] for line in world.logged("deliveries_dropped")) == 2
    world.fail(3)
    until(lambda: world.states("crm") == {"dropped": 2, "delivered": 1})


def test_end_of_what_a_mute_dropped_is_not_sent_after_it(world: World) -> None:
    assert world.run("mute", "crm", "--for", "1h", "--drop")[0] == 0
    world.break_source()
    assert world.run("unmute", "crm")[0] == 0
    world.mend_source()
    until(lambda: world.states("ops") == {"delivered": 2})
    world.fail(1)
    until(lambda: world.states("crm") == {"dropped": 2, "delivered": 1})
    assert [each["type"] for each in world.sent("crm")] == ["message.failed"]
    (up, _) = world.json("deliveries", "--receiver", "crm", "--state", "dropped")
    assert up["reason"] == "not sent, because what it ends was not sent either"


def test_mute_says_when_it_ends(world: World) -> None:
    said = world.run("mute", "crm", "--for", "15s")[1]
    assert re.match(r"crm is muted until (today|tomorrow), [0-9-]{10} [0-9:]{8} UTC \(in 15 s\): ", said), said
    then = datetime.now(UTC) + timedelta(hours=3)
    said = world.run("mute", "crm", "--until", f"{then:%H:%M}")[1]
    day = "today" if then.date() == datetime.now(UTC).date() else "tomorrow"
    assert said.startswith(f"crm is muted until {day}, {then:%Y-%m-%d %H:%M} UTC (in "), said


def test_mute_ends_by_itself(world: World) -> None:
    world.json("mute", "crm", "--for", "2s")
    world.fail(1)
    until(lambda: world.sent("crm"))
    assert world.logged("unmuted")[0]["receiver"] == "crm"


def test_muting_without_a_daemon_holds_from_the_next_start(world: World) -> None:
    assert world.daemon.stop()[0] == 0
    code, said = world.run("mute", "crm", "--for", "1h")
    assert (code, "no daemon is running" in said) == (0, True)
    assert "crm" in world.json("status")["mutes"]
    world.start()
    world.fail(1)
    until(lambda: world.sent("ops"))
    assert world.sent("crm") == []
    assert world.daemon.stop()[0] == 0
    assert "1 held delivery is sent as soon as a daemon runs" in world.run("unmute", "crm")[1]
    assert world.json("status")["held"] == {}, "it has no quiet hours"
    assert "quiet" not in world.run("deliveries")[1]
    world.start()
    until(lambda: world.sent("crm"))


def test_unmuting_a_receiver_that_has_left_promises_nothing_now(world: World) -> None:
    for running in (True, False):
        assert world.run("mute", "crm", "--for", "1h")[0] == 0
        world.fail(1 if running else 2)
        until(lambda: world.states("crm").get("queued"))
        world.configure(None, without="crm")
        if running:
            until(lambda: "no longer in the configuration" in world.run("status")[1])
        else:
            assert world.daemon.stop()[0] == 0
        said = world.run("unmute", "crm")[1]
        assert "held deliver" in said
        assert "sent once the receiver is in the configuration again" in said
        assert world.json("status")["held"] == {}, "it has no quiet hours"
        world.configure(None)
        if running:
            until(lambda: world.sent("crm"))


WRONG = [
    (["crm"], "give either --for or --until, for example --for 2h"),
    (["crm", "--for", "1h", "--until", "2030-01-01T08:00"], "give either --for or --until, not both"),
    (["crm", "--for", "0s"], "--for: a mute must be longer than 0"),
    (["crm", "--for", "2"], "--for: not a duration"),
    (["crm", "--for", "31d"], "--for: too long: a mute lasts for 30 days at most"),
    (["crm", "--until", "2020-01-01T08:00"], "--until: a mute must end in the future"),
    (["crm", "--until", "2090-01-01T08:00Z"], "--until: too long: a mute lasts for 30 days at most"),
    (["crm", "--until", "tomorrow"], "--until: not a date or time (allowed: e.g. 08:00, 2026-12-24"),
    (["crm", "--for", "1h", "--reason", "x" * 201], "--reason: too long (allowed: up to 200 characters)"),
    (["", "--for", "1h"], "must be the name of a receiver"),
    (["crn", "--for", "1h"], "unknown receiver 'crn' (configured: crm, ops); did you mean `crm`?"),
]


@pytest.mark.parametrize("running", [True, False])
def test_what_cannot_be_muted_is_said(world: World, running: bool) -> None:
    if not running:
        assert world.daemon.stop()[0] == 0
    for arguments, words in WRONG:
        done = command(world.folder, "mute", *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done
    done = command(world.folder, "unmute", "crn")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown receiver 'crn' (configured: crm, ops); did you mean `crm`?" in done.stderr


@pytest.mark.parametrize("running", [True, False])
def test_mute_of_a_receiver_that_has_left_the_configuration_can_be_ended(world: World, running: bool) -> None:
    assert world.run("mute", "ops", "--for", "1h")[0] == 0
    assert world.daemon.stop()[0] == 0
    world.configure(None, without="ops")
    if running:
        world.start()
    assert world.run("mute", "ops", "--for", "1h")[0] == 2
    done = command(world.folder, "unmute", "ops")
    assert (done.returncode, done.stdout) == (0, "ops is no longer muted; nothing was held\n")
    assert world.json("status")["mutes"] == {}
    code, said = world.run("unmute", "ops")
    assert (code, "unknown receiver 'ops'" in said) == (2, True)


@pytest.mark.parametrize("words", [("mute", "crm", "--for", "1h"), ("unmute", "crm")])
def test_without_a_database_nothing_is_muted_and_none_is_made(
    tmp_path: Path, simulator: Simulator, sink: Sink, words: tuple[str, ...]
) -> None:
    write_config(tmp_path, bridge_config(simulator, [webhook(sink, "crm")], [1]))
    before = set(tmp_path.iterdir())
    done = command(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no database" in done.stderr
    assert set(tmp_path.iterdir()) == before


def test_daemon_that_runs_another_configuration_takes_quiet_hours_at_once(world: World) -> None:
    """Quiet now, by the clock; without them, what was held goes out."""
    now = datetime.now(UTC)
    quiet = {
        "from": f"{now - timedelta(hours=1):%H:%M}",
        "to": f"{now + timedelta(hours=2):%H:%M}",
        "timezone": "UTC",
        "except": ["source.down"],
    }
    world.configure(quiet)
    until(lambda: "crm" in world.json("status")["held"])
    world.fail(1, 2)
    held = world.json("status")["held"]["crm"]
    assert held["why"].startswith("in quiet hours until ")
    assert (held["count"], world.sent("crm")) == (2, [])
    assert f"held: {held['why']}" in world.run("deliveries", "--receiver", "crm")[1]
    assert "sent when its quiet hours end: " in world.run("mute", "crm", "--for", "1m")[1]
    assert "2 held deliveries are sent when its quiet hours end: " in world.run("unmute", "crm")[1]
    world.daemon.kill()
    world.start()
    world.configure(None)
    until(lambda: [each["data"]["message_id"] for each in world.sent("crm")] == [1, 2])
    assert world.json("status")["held"] == {}


def test_api_and_page_mute_with_the_token_only(world: World) -> None:
    root = world.serve()
    with requests.Session() as session:
        session.trust_env = False
        path = f"{root}/v1/receivers/ops/mute"
        assert session.post(path, json={"for": "1h"}).status_code == 401
        assert session.delete(path).status_code == 401
        form = {"receiver": "ops", "until": "8h", "reason": "<b>deploy</b>", "by": "Ada <b>", "mute": "true"}
        refused = session.post(f"{root}/receivers/mute", data={**form, "token": "guessed"})
        assert "Nothing was changed: that is not the bridge&#39;s token" in refused.text
        for kept in ('value="Ada &lt;b&gt;"', 'value="&lt;b&gt;deploy&lt;/b&gt;"', "<option selected>ops</option>"):
            assert kept in refused.text, "written once is enough"
        assert "guessed" not in refused.text
        assert world.json("status")["mutes"] == {}

        answer = session.post(f"{root}/receivers/mute", data={**form, "token": TOKEN})
        assert re.search(
            r"ops is muted until <time [^>]*>[^<]*</time>: what happens meanwhile is held, and", answer.text
        )
        assert "deploy" not in re.findall("<input[^>]*reason[^>]*>", answer.text)[0]
        assert "is muted until <time" not in session.get(answer.url).text.partition("<h1")[0], "said once"
        assert "4 messages are polled." in answer.text
        assert "<strong>ops</strong> is muted until" in answer.text
        assert 'name="unmute" value="ops">Unmute' in answer.text
        assert "by <bdi>Ada &lt;b&gt;</bdi>: <bdi>&lt;b&gt;deploy&lt;/b&gt;</bdi>" in answer.text
        (mute,) = world.json("status")["mutes"].values()
        assert (mute["reason"], mute["by"]) == ("<b>deploy</b>", "Ada <b>")
        for wrong, outcome in (
            ({"receiver": "x"}, "Nothing was changed: there is no such receiver."),
            ({"until": "2h\0"}, "ops was not muted: choose for how long."),
            ({"until": ""}, "ops was not muted: choose for how long."),
        ):
            answer = session.post(f"{root}/receivers/mute", data={**form, "token": TOKEN, **wrong})
            assert outcome in answer.text
        answer = session.post(f"{root}/receivers/mute", data={"unmute": "ops", "token": TOKEN})
        assert "ops is no longer muted: what was held is sent now." in answer.text

        session.headers["Authorization"] = f"Bearer {TOKEN}"
        made = session.post(path, json={"for": "1h", "reason": "deploy", "by": "anna", "drop": True})
        assert (made.status_code, made.json()["drop"]) == (200, True)
        ended = session.delete(path)
        assert (ended.status_code, ended.json()["held"], ended.json()["mute"]["by"]) == (200, 0, "anna")
        nothing = {"mute": None, "held": 0, "quiet_until": None, "running": True, "configured": True}
        assert session.delete(path).json() == nothing
        for body, status in (
            ({}, 422),
            ({"for": "1h", "until": "2030-01-01T00:00:00Z"}, 422),
            ({"for": "1 day"}, 422),
            ({"for": "0s"}, 409),
            ({"for": "31d"}, 409),
            ({"until": "2020-01-01T00:00:00Z"}, 409),
            ({"for": "1h", "dorp": True}, 422),
        ):
            assert session.post(path, json=body).status_code == status, body
        unknown = session.post(f"{root}/v1/receivers/opps/mute", json={"for": "1h"})
        assert unknown.status_code == 404
        assert "did you mean `ops`?" in unknown.json()["detail"]
        metrics = session.get(f"{root}/metrics").text
        assert 'wbiz_bridge_receiver_muted{receiver="ops"} 0.0' in metrics


@pytest.mark.postgres
def test_two_nodes_release_once(tmp_path: Path, simulator: Simulator, sink: Sink, postgres_url: str) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    world = World(first, simulator, sink, log={"format": "json"}, database=postgres_url, control="a.sock")
    other = World(second, simulator, sink, log={"format": "json"}, database=postgres_url, control="b.sock")
    try:
        until(lambda: len(world.json("status")["nodes"]) == 2)
        for name in ("crm", "ops"):
            assert world.run("mute", name, "--for", "1h")[0] == 0
        until(lambda: len(world.json("status")["held"]) == 2)
        world.fail(3, 1, 2)
        assert sink.count == 0
        assert other.run("unmute", "ops")[0] == 0
        assert other.run("unmute", "crm")[0] == 0
        until(lambda: world.states("crm") == world.states("ops") == {"delivered": 3})
        assert [each["data"]["message_id"] for each in world.sent("crm")] == [3, 1, 2]
        assert len(world.sent("ops")) == 1
        assert len(world.logged("unmuted") + other.logged("unmuted")) == 2
    finally:
        world.daemon.kill()
        other.daemon.kill()
