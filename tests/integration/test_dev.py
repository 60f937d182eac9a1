"""``dev`` and ``trigger``: what a developer does who writes a receiver."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.cli.dev.request import OTHERS, RULES_OF_TIME, STATUSES
from bridge.client import verify
from bridge.domain.model import EventType
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.daemon import command
from tests.world.dev import Dev, at
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

Event = dict[str, Any]


class World:
    """A `dev` that sends everything, and its receiver, which takes what is signed."""

    def __init__(self, dev: Dev, sink: Sink) -> None:
        self.dev = dev
        self._sink = sink

    def triggered(self, *arguments: str) -> tuple[Event, list[Event]]:
        """Trigger an event: as `trigger` shows it, and all that came to the receiver up to it."""
        before = self._sink.count
        done = self.dev.trigger(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        event: Event = json.loads(done.stdout)["event"]
        until(lambda: event["id"] in [each.headers["webhook-id"] for each in self._sink.records()[before:]])
        return event, [self.verified(each) for each in self._sink.records()[before:]]

    def verified(self, request: Recorded) -> Event:
        """Read an event as a receiver does that trusts nobody."""
        event: Event = verify(request.body, request.headers, self.dev.ready["secret"])
        return event

    def latest(self) -> Event:
        """The latest that came."""
        return self.verified(self._sink.records()[-1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Sink() as sink, Dev(tmp_path_factory.mktemp("dev"), sink.url, "--events", "*") as dev:
        yield World(dev, sink)
        assert dev.ends() == 0


@pytest.mark.parametrize("type_", [type_ for type_ in STATUSES if type_ is not EventType.MESSAGE_FAILED])
def test_trigger_lets_a_message_come_to_a_status(world: World, type_: EventType) -> None:
    event, came = world.triggered(type_.removeprefix("message."))
    assert came[-1] == event
    assert (event["type"], event["data"]["current"]["status"]) == (type_, STATUSES[type_])
    seen_first = type_ in {EventType.MESSAGE_PENDING, EventType.MESSAGE_UNKNOWN}
    assert (event["data"]["previous"] or {}).get("status") == (None if seen_first else "pending")


def test_trigger_failed_has_what_is_given(world: World) -> None:
    given = ["--error", "Number is not on WhatsApp", "--label", "Invoice 88", "--tag", "team=billing", "--id", "777"]
    event, (pending, failed) = world.triggered("failed", *given)
    assert (pending["type"], failed) == ("message.pending", event)
    data = failed["data"]
    assert (data["message_id"], data["label"], data["tags"]) == (777, "Invoice 88", {"team": "billing"})
    assert data["current"]["error"] == "Number is not on WhatsApp"


def test_trigger_changes_a_known_message_once_more(world: World) -> None:
    world.triggered("expired", "--id", "778")
    event, came = world.triggered("sent", "--id", "778")
    assert came == [event]
    assert event["data"]["previous"]["status"] == "expired"
    again = world.dev.trigger("sent", "--id", "778")
    assert (again.returncode, "message 778 is already sent" in again.stderr) == (2, True)


def test_trigger_stuck_tells_of_the_disconnected_number(world: World) -> None:
    gone, _ = world.triggered("number.disconnected")
    event, came = world.triggered("stuck", "--label", "Invoice 88")
    back, _ = world.triggered("number.connected")
    assert came == [event], "that it was pending is told long since"
    assert event["data"]["pending_seconds"] >= 15 * 60
    assert event["data"]["disconnected_numbers"] == [gone["data"]["number"]]
    assert back["data"]["whatsapp_client_id"] == gone["data"]["whatsapp_client_id"]


def test_trigger_abandoned_tells_of_a_message_watched_for_a_week(world: World) -> None:
    event, came = world.triggered("abandoned")
    assert came == [event]
    assert event["data"]["watched_seconds"] >= 7 * 86400


@pytest.mark.parametrize("type_", ["stuck", "abandoned"])
def test_trigger_of_a_rule_of_time_refuses_a_known_message(world: World, type_: str) -> None:
    event, _ = world.triggered("pending")
    done = world.dev.trigger(type_, "--id", str(event["data"]["message_id"]))
    assert (done.returncode, "needs a new one: leave --id out" in done.stderr) == (2, True)


def test_trigger_source_down_lasts_until_source_up(world: World) -> None:
    down, came = world.triggered("source.down")
    assert came == [down]
    assert down["data"]["reason"] == "Auth Error"
    for arguments, words in [(["failed"], "the source is down"), (["source.down"], "already down")]:
        done = world.dev.trigger(*arguments)
        assert (done.returncode > 0, words in done.stderr) == (True, True), done.stderr
    up, came = world.triggered("source.up")
    assert came == [up]
    assert up["data"]["down_since"] == down["data"]["since"]
    _, came = world.triggered("sent")
    assert [each["type"] for each in came] == ["message.pending", "message.sent"]


@pytest.mark.parametrize(
    ("type_", "before"), [("source.up", "source.down"), ("number.connected", "number.disconnected")]
)
def test_trigger_of_an_end_makes_the_beginning_too(world: World, type_: str, before: str) -> None:
    _, came = world.triggered(type_)
    assert [each["type"] for each in came] == [before, type_]


@pytest.mark.parametrize("type_", [type_ for type_ in EventType if type_ not in {*STATUSES, *RULES_OF_TIME, *OTHERS}])
def test_trigger_of_anything_else_is_a_test(world: World, type_: EventType) -> None:
    done = world.dev.trigger(type_)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == 'sent a test event ("test": true): delivered\n'
    came = world.latest()
    assert (came["type"], came["test"]) == (type_, True)
    (shown,) = [post for post in world.dev.posts if post["event_id"] == came["id"]]
    assert (shown["type"], shown["test"], shown["http_status"]) == (type_, True, 200)


def test_dev_shows_each_post_and_its_answer(world: World) -> None:
    event, _ = world.triggered("failed")
    until(lambda: world.dev.posts[-1]["event_id"] == event["id"])
    post = world.dev.posts[-1]
    assert (post["type"], post["message_id"]) == ("message.failed", event["data"]["message_id"])
    assert (post["http_status"], post["outcome"], post["why"], post["test"]) == (200, "delivered", None, False)
    assert 0 <= post["seconds"] < 15


def test_other_commands_reach_dev_by_its_socket(world: World) -> None:
    event, _ = world.triggered("failed", "--label", "Invoice 89")
    done = command(world.dev.folder, "events", "--control", world.dev.ready["control"], "--json")
    assert event in json.loads(done.stdout)


def test_second_dev_of_a_user_is_refused(world: World) -> None:
    done = command(world.dev.folder, "dev", "--forward-to", "localhost:1", extra=at(world.dev.folder))
    assert done.returncode == 75
    assert f"is already running (process {world.dev.process.pid}, forwarding to http://127.0.0.1:" in done.stderr


def test_trigger_names_what_may_have_been_meant(world: World) -> None:
    done = world.dev.trigger("fialed")
    assert (done.returncode, "did you mean `failed`?" in done.stderr) == (2, True)


def test_trigger_says_what_is_not_subscribed(tmp_path: Path, sink: Sink) -> None:
    with Dev(tmp_path, sink.url, "--events", "failed,source.*") as dev:
        done = dev.trigger("sent")
        assert done.returncode == 0
        assert done.stdout.startswith("message.sent · 5001 · evt_")
        assert done.stderr == "note: your receiver is not subscribed to message.sent: run `dev` with --events '*'\n"
        dev.trigger("source.down")
        until(lambda: [post["type"] for post in dev.posts] == ["source.down"])


def test_trigger_without_dev_ends_with_3(tmp_path: Path) -> None:
    done = command(tmp_path, "trigger", "failed", extra=at(tmp_path))
    assert done.returncode == 3
    assert "first run `wbiz-bridge dev --forward-to URL` in another window" in done.stderr


def test_killed_dev_is_no_dev(tmp_path: Path, sink: Sink) -> None:
    with Dev(tmp_path, sink.url) as killed:
        killed.process.kill()
        killed.process.wait(30)
        assert (tmp_path / "run/wbiz-bridge/dev/dev.json").exists()
        assert killed.trigger("failed").returncode == 3
    with Dev(tmp_path, sink.url) as dev:
        assert dev.trigger("failed").returncode == 0


def test_dev_leaves_nothing_and_uses_no_state_directory(tmp_path: Path, sink: Sink) -> None:
    for folder in ("state", "runtime"):
        (tmp_path / folder).mkdir()
    service = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path / "runtime")}
    with Dev(tmp_path, sink.url, extra=service) as dev:
        assert (tmp_path / "run/wbiz-bridge/dev/dev.json").stat().st_mode & 0o777 == 0o600
        shown = command(tmp_path, "status", "--control", dev.ready["control"], "--json")
        configuration = Path(json.loads(shown.stdout)["configuration"])
        assert configuration.exists()
        assert dev.ends() == 0
    assert not configuration.parent.exists()
    left = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if not each.is_dir()}
    assert left == {"dev.out", "dev.err"}


def test_dev_prints_the_secret_on_a_line_of_its_own_into_a_pipe(tmp_path: Path, sink: Sink) -> None:
    with Dev(tmp_path, sink.url, as_json=False) as dev:
        (secret,) = [line for line in dev.shown.splitlines() if line.startswith("whsec_")]
        dev.trigger("failed")
        until(lambda: "message.failed" in dev.shown)
    (record,) = sink.records()
    event = verify(record.body, record.headers, secret)
    assert dev.shown.splitlines()[-1].split()[1:6] == ["message.failed", "5001", "200", "in", dev.shown.split()[-3]]
    assert dev.shown.endswith(f" ms  {event['id']}\n")


def test_dev_keeps_the_secret_of_a_file(tmp_path: Path, sink: Sink) -> None:
    file = tmp_path / "secret"
    found = []
    for _ in range(2):
        with Dev(tmp_path, sink.url, "--secret-file", "secret") as dev:
            found.append(dev.ready["secret"])
            assert dev.ends() == 0
    assert found == [file.read_text().strip()] * 2
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.waits
def test_dev_shows_why_a_receiver_fails_and_that_it_is_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Dev(tmp_path, f"localhost:{port}/hooks") as dev:
        dev.trigger("failed")
        until(lambda: len(dev.posts) >= 3)
        first = dev.posts[0]
        assert (first["http_status"], first["why"]) == (None, f"localhost:{port} refuses connections")
        with Sink(port=port) as sink:
            sink.answer_next(Answer.status(401, b"NameError: name 'SECRETT' is not defined"))
            until(lambda: sink.count == 1, 40)
            until(lambda: dev.posts[-1]["http_status"] == 401)
            assert dev.posts[-1]["answer"] == "NameError: name 'SECRETT' is not defined"
            dev.trigger("sent")
            until(lambda: [post["outcome"] for post in dev.posts].count("delivered") == 2, 5)
        assert first["event_id"] in [post["event_id"] for post in dev.posts[-2:]]
    assert dev.warned == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--forward-to", "example.com/hooks"], "--forward-to example.com/hooks: must be a full URL"),
        (["--forward-to", "ftp://localhost"], "--forward-to: not a usable address"),
        (["--forward-to", "localhost:1", "--format", "xml"], "--format: not a value for this key (allowed: 'standard'"),
        (["--forward-to", "localhost:1", "--events", "faild"], "--events: unknown event type (did you mean"),
        (["--forward-to", "localhost:1", "--secret-file", "/dev/null"], "--secret-file: "),
        (["--forward-to", "localhost:1", "--listen", "8095"], "--listen 8095: not an address with a port"),
        (
            ["--forward-to", "localhost:1", "--listen", "0.0.0.0:1"],
            "other machines could reach this address: use 127.0.0.1",
        ),
        ([], "Missing option '--forward-to'"),
    ],
)
def test_dev_names_the_option_that_is_wrong(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = command(tmp_path, "dev", *arguments, extra=at(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_formats_of_cloudevents_are_signed_too(tmp_path: Path, sink: Sink) -> None:
    with Dev(tmp_path, sink.url, "--format", "cloudevents") as dev:
        dev.trigger("failed")
        (record,) = sink.wait_for(1)
        event = verify(record.body, record.headers, dev.ready["secret"])
    assert (event["specversion"], event["type"]) == ("1.0", "com.wbiztool.bridge.message.failed")


def test_nobody_triggers_without_the_token(world: World) -> None:
    record = world.dev.folder / "run/wbiz-bridge/dev/dev.json"
    text = record.read_text()
    try:
        record.write_text(json.dumps({**json.loads(text), "token": "another"}))
        done = world.dev.trigger("failed")
    finally:
        record.write_text(text)
    assert (done.returncode, "refuses the token" in done.stderr) == (77, True)
