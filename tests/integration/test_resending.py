"""Sending again what was delivered, and filling in what a new receiver never had."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.client import verify
from bridge.domain.model import DeliveryState, EventType, Resent, Status
from bridge.domain.routing import Subscription
from bridge.store.history import EventQuery
from bridge.store.store import Store
from tests.world import listed
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.records import NOW, OK, due, fail_some, tried
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

pytestmark = pytest.mark.slow

CRM, OPS = Subscription("crm", ("*",)), Subscription("ops", ("message.failed",))
EVERYBODY = (CRM, OPS)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVERYTHING = EventQuery()


def delivered(store: Store, ids: list[int], *, to: str = "crm") -> list[str]:
    """Let messages fail and be told; the ids of the events."""
    events = fail_some(store, ids, to=(to,))
    for delivery in due(store, receiver=to):
        tried(store, delivery, OK)
    return [event.id for event in events]


def queued(store: Store) -> list[tuple[str, str, Resent | None]]:
    return sorted(
        (each.event.id, each.receiver, each.resent) for each in listed.deliveries(store, state=DeliveryState.QUEUED)
    )


def test_what_was_delivered_is_queued_once_more_and_nothing_else(store: Store) -> None:
    one, two = delivered(store, [1, 2])
    fail_some(store, [3])
    assert store.resending.resend(EVERYTHING, EVERYBODY, NOW, dry_run=True) == 2
    assert [each for each in queued(store) if each[2]] == []
    assert store.resending.resend(EVERYTHING, EVERYBODY, NOW) == 2
    assert [each for each in queued(store) if each[2]] == [(id_, "crm", Resent.SAME_ID) for id_ in sorted([one, two])]


def test_an_event_that_was_sent_again_before_is_sent_once(store: Store) -> None:
    delivered(store, [1])
    for _ in range(2):
        assert store.resending.resend(EVERYTHING, EVERYBODY, NOW) == 1
        for delivery in due(store):
            tried(store, delivery, OK)
    assert len(listed.deliveries(store)) == 3


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (EventQuery(types=[EventType.MESSAGE_FAILED]), 2),
        (EventQuery(types=[EventType.MESSAGE_SENT]), 0),
        (EventQuery(since=NOW), 2),
        (EventQuery(since=NOW + timedelta(seconds=1)), 0),
        (EventQuery(until=NOW), 0),
    ],
)
def test_what_is_given_must_be_true(store: Store, query: EventQuery, count: int) -> None:
    delivered(store, [1, 2])
    assert store.resending.resend(query, EVERYBODY, NOW) == count


def test_one_event_to_one_receiver(store: Store) -> None:
    one, _ = delivered(store, [1, 2])
    delivered(store, [3], to="ops")
    assert store.resending.resend(EVERYTHING, [OPS], NOW, event_ids=[one]) == 0, "it never had it"
    assert store.resending.resend(EVERYTHING, [CRM], NOW, event_ids=[one]) == 1
    assert queued(store) == [(one, "crm", Resent.SAME_ID)]


def test_a_new_receiver_gets_what_it_asks_for_and_never_had(store: Store) -> None:
    count = 1500  # more than a page
    fail_some(store, list(range(1, count + 1)))
    late = Subscription("late", ("message.failed",))
    none = Subscription("none", ("source.*",))
    assert store.resending.resend(EVERYTHING, [none], NOW, backfill=True) == 0
    assert store.resending.resend(EVERYTHING, [late], NOW, backfill=True, dry_run=True) == count
    assert store.resending.resend(EVERYTHING, [late], NOW, backfill=True) == count
    assert store.resending.resend(EVERYTHING, [late], NOW, backfill=True) == 0, "it has them now"
    first = due(store, receiver="late", most=3)
    assert [each.event.message_id for each in first] == [1, 2, 3]


# With the real daemon


@pytest.fixture
def daemon(tmp_path: Path, simulator: Simulator, sink: Sink) -> Any:
    """A daemon with a receiver that had an event."""
    simulator.account.put(1, Status.FAILED, "Invalid phone number")
    settings = bridge_config(simulator, sink, [1])
    settings["receivers"][0]["secret"] = SECRET
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as started:
        started.wait_until_ready()
        sink.wait_for(1)
        until(lambda: states(tmp_path) == ["delivered"])
        yield started


def states(folder: Path) -> list[str]:
    return [each["state"] for each in json.loads(command(folder, "deliveries", "--json").stdout)]


def test_it_is_sent_with_its_mark_the_same_body_and_the_same_id_or_a_new_one(daemon: Daemon, sink: Sink) -> None:
    folder = daemon.folder
    (first,) = sink.records()
    done = command(folder, "deliveries", "resend", "--receiver", "crm", "--since", "1h", "--type", "failed")
    assert (done.returncode, done.stdout) == (0, "1 delivery will be sent again\n")
    sink.wait_for(2)
    again = sink.records()[1]
    assert (again.headers["webhook-id"], again.body) == (first.headers["webhook-id"], first.body)
    assert (first.headers.get("webhook-resent"), again.headers["webhook-resent"]) == (None, "1")
    assert command(folder, "deliveries", "resend", json.loads(first.body)["id"], "--new-id").returncode == 0
    sink.wait_for(3)
    new = sink.records()[2]
    event = verify(new.body, new.headers, SECRET)
    assert event["id"] == new.headers["webhook-id"] != first.headers["webhook-id"]
    assert event["data"] == json.loads(first.body)["data"]
    assert '"event": "deliveries_resent"' in daemon.log()


def test_a_receiver_that_is_new_is_filled_in(daemon: Daemon, simulator: Simulator, sink: Sink) -> None:
    folder = daemon.folder
    settings = bridge_config(simulator, sink, [1])
    settings["receivers"].append({"name": "late", "webhook": f"{sink.url}?late"})
    write_config(folder, settings)
    until(lambda: '"event": "config_reloaded"' in daemon.log())
    done = command(folder, "deliveries", "resend", "--receiver", "late", "--since", "1d", "--backfill")
    assert done.stdout == "1 delivery will be sent again\n"
    until(lambda: [each.path.partition("?")[2] for each in sink.records()].count("late") == 1)


def test_many_are_asked_for(daemon: Daemon, simulator: Simulator) -> None:
    folder = daemon.folder
    for id_ in range(2, 152):
        simulator.account.put(id_, Status.SENT)
    assert command(folder, "watch", *map(str, range(2, 152))).returncode == 0
    until(lambda: states(folder).count("delivered") >= 50)
    until(lambda: "queued" not in json.loads(command(folder, "status", "--json").stdout)["receivers"]["crm"])
    done = command(folder, "deliveries", "resend", "--receiver", "crm", "--since", "1h")
    assert (done.returncode, "this would send 151 deliveries again: confirm with --yes" in done.stderr) == (2, True)
    assert command(folder, "deliveries", "resend", "--receiver", "crm", "--since", "1h", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "choose what to resend: event ids, --receiver NAME, or --since AGE"),
        (["--backfill", "--since", "1d"], 2, "--backfill needs --receiver NAME"),
        (["--receiver", "nobody"], 1, "unknown receiver 'nobody'"),
        (["--receiver", "crm", "--type", "faild"], 2, "did you mean `failed`?"),
        (["--receiver", "crm", "--since", "yesterday"], 2, "--since yesterday: not a duration"),
        (["evt_nonsense"], 2, "event_ids"),
        (["evt_aaaaaaaaaaaaaaaaaaaaaaaa"], 1, ""),
    ],
)
def test_what_cannot_be_sent_again_is_said(daemon: Daemon, arguments: list[str], code: int, words: str) -> None:
    done = command(daemon.folder, "deliveries", "resend", *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done


# What would be sent


def shown(folder: Path, *arguments: str) -> Any:
    done = command(folder, "render", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def test_what_is_shown_is_what_was_sent(daemon: Daemon, sink: Sink) -> None:
    (sent,) = sink.records()
    found = shown(daemon.folder, json.loads(sent.body)["id"], "--receiver", "crm")
    assert (found["method"], found["body"].encode()) == ("POST", sent.body)
    assert found["url"] == f"{sink.url}?crm"
    headers = {name.lower(): value for name, value in found["headers"].items()}
    assert headers["webhook-id"] == sent.headers["webhook-id"]
    assert verify(found["body"].encode(), headers, SECRET)
    others = {"host", "webhook-timestamp", "webhook-signature", "connection"}
    assert {name.lower() for name in sent.headers} - others <= set(headers)
    assert sink.count == 1, "nothing is sent"


def test_a_file_and_a_sample_can_be_shown_without_a_daemon(daemon: Daemon) -> None:
    folder = daemon.folder
    (event,) = json.loads(command(folder, "events", "--json").stdout)
    (folder / "event.json").write_text(json.dumps(event))
    by_daemon = shown(folder, "event.json", "--receiver", "crm")
    assert daemon.stop()[0] == 0
    assert json.loads(shown(folder, "event.json", "--receiver", "crm")["body"])["data"] == event["data"]
    assert json.loads(by_daemon["body"])["data"] == event["data"]
    assert json.loads(shown(folder, "source.down", "--receiver", "crm")["body"])["test"] is True
    text = command(folder, "render", "failed", "--receiver", "crm").stdout
    assert text.startswith("POST http://127.0.0.1:")
    assert "\nwebhook-signature: v1," in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["faild", "--receiver", "crm"], 2, "did you mean `failed`?"),
        (["failed", "--receiver", "crn"], 1, "unknown receiver 'crn' (configured: crm)"),
        (["evt_aaaaaaaaaaaaaaaaaaaaaaaa", "--receiver", "crm"], 1, "unknown or expired event evt_"),
        (["config.yaml", "--receiver", "crm"], 2, "config.yaml: this is not JSON"),
        (["list.json", "--receiver", "crm"], 2, "list.json: must be one event"),
        (["event.json", "--receiver", "crm"], 2, "event/type: unknown value ("),
    ],
)
def test_what_cannot_be_shown_is_said(daemon: Daemon, arguments: list[str], code: int, words: str) -> None:
    (daemon.folder / "list.json").write_text("[1, 2]")
    (daemon.folder / "event.json").write_text('{"type": "message.faild", "data": {}}')
    done = command(daemon.folder, "render", *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done


def test_that_no_daemon_runs_is_said_once(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """Two calls are made: one to count, one to resend."""
    write_config(tmp_path, bridge_config(simulator, sink))
    with Store(f"sqlite:///{tmp_path}/bridge.db"):
        pass
    done = command(tmp_path, "deliveries", "resend", "--since", "1d")
    assert (done.stdout, done.stderr.count("no daemon is running")) == ("nothing to send again\n", 1)


def test_a_wrong_event_is_refused_without_a_daemon_too(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    write_config(tmp_path, bridge_config(simulator, sink, [1]))
    (tmp_path / "event.json").write_text('{"type": "message.failed", "data": {"message_id": "7"}}')
    done = command(tmp_path, "render", "event.json", "--receiver", "crm")
    assert done.returncode == 2
    assert "event: data.message_id: must be a whole number" in done.stderr


def test_secrets_are_not_shown(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    settings = bridge_config(simulator, sink, [1])
    token, slack = "Bearer abcdefghijklmnop", "https://hooks.slack.com/services/T00/B00/abcdefghijklmnop"
    settings["receivers"] = [
        {"name": "crm", "webhook": f"{sink.url}/abcdefghijklmnop0123456789", "headers": {"Authorization": token}},
        {"name": "ops", "slack": slack},
    ]
    write_config(tmp_path, settings)
    for name in ("crm", "ops"):
        for form in ([], ["--json"]):
            done = command(tmp_path, "render", "failed", "--receiver", name, *form)
            assert done.returncode == 0
            assert "abcdefghijklmnop" not in done.stdout
            assert "/***" in done.stdout
