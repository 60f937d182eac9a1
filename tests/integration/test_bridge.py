"""The promises end to end: a simulated WbizTool, the real daemon as a process of its own, real receivers."""

from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from bridge.cli.app import app
from bridge.client import verify
from bridge.daemon.claim_depth import DEPTH
from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
NEW_SECRET = "whsec_c2lnbmVkIHdpdGggdGhpcyBzZWNyZXQgZnJvbSBub3cgb24="


REFUSALS = (Fault.AUTH_400, Fault.AUTH_403, Fault.AUTH_200)
PAUSES = (Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE)
"""Faults that say something about the whole account, like refusals: others would not be seen beside them."""


@dataclass(frozen=True)
class Spoilt:
    """What was told of a message that is really sent and of one that really failed.

    First the events while their answers were spoilt, then all of them, when the answers had been honest again.
    ``health`` are the types of the events about the source.
    """

    sent_id: int
    failed_id: int
    meanwhile: list[dict[str, Any]]
    in_the_end: list[dict[str, Any]]
    health: tuple[str, ...]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> dict[Fault, Spoilt]:
    """Every fault, all at the same time, by a daemon of its own where it would hide others."""
    single = [fault for fault in Fault if fault not in REFUSALS + PAUSES]
    groups = [single, PAUSES, *([fault] for fault in REFUSALS)]
    found: dict[Fault, Spoilt] = {}
    folders = [tmp_path_factory.mktemp("spoilt") for _ in groups]
    with ThreadPoolExecutor(len(groups)) as pool:
        for told in pool.map(spoil, folders, groups):
            found |= told
    return found


def spoil(folder: Path, faults: Sequence[Fault]) -> dict[Fault, Spoilt]:
    """Spoil the answers about two messages for each fault, fix them, and say what was told."""
    with Simulator() as simulator, Sink() as sink:
        ids = {fault: (100 + fault.value, 200 + fault.value) for fault in faults}
        for fault, (sent_id, failed_id) in ids.items():
            simulator.account.put(sent_id, Status.SENT)
            simulator.account.put(failed_id, Status.FAILED, "Invalid phone number")
            simulator.fault(fault, message_id=sent_id)
            simulator.fault(fault, message_id=failed_id)
        everybody = [message_id for pair in ids.values() for message_id in pair]
        settings = config(simulator, everybody, [webhook(sink, "crm")], every="400ms")
        settings["wbiztool"] |= {"timeout": "300ms", "concurrency": 64}
        refused = faults[0] in REFUSALS
        with running(folder, settings) as daemon:
            if refused:
                sink.wait_for(1)
            else:
                until(lambda: all_asked_enough(simulator, sink, everybody))
            meanwhile = about_messages(sink)
            if refused:  # who fixes the credentials starts the bridge again
                assert daemon.stop()[0] == 0
            simulator.fix()
            with running(folder, settings) if refused else nullcontext(daemon) as fixed:
                until(lambda: len(about_messages(sink)) >= len(everybody))
                assert fixed.stop()[0] == 0
        events = [json.loads(record.body) for record in sink.records()]
    return {
        fault: Spoilt(
            *pair,
            meanwhile=[event for event in meanwhile if event["data"]["message_id"] in pair],
            in_the_end=[event for event in events if event["data"].get("message_id") in pair],
            health=tuple(event["type"] for event in events if event["type"].startswith("source.")),
        )
        for fault, pair in ids.items()
    }


def all_asked_enough(simulator: Simulator, sink: Sink, ids: Iterable[int]) -> bool:
    """Whether each spoilt answer was read, so that the message is asked for again, or was told of all the same."""
    told = {event["data"]["message_id"] for event in about_messages(sink)}
    return all(simulator.polls[message_id] > 1 or message_id in told for message_id in ids)


@pytest.mark.slow
def test_a_failed_message_reaches_slack_and_a_webhook_within_one_interval(tmp_path: Path) -> None:
    watched = {"id": 12346, "label": "Invoice 88", "tags": {"team": "billing"}}
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(12346)
        receivers = [slack(sink, "ops", events=["failed"]), webhook(sink, "crm", secret=[NEW_SECRET, OLD_SECRET])]
        with running(tmp_path, config(simulator, [watched], receivers, every="1s")):
            arrived(sink, "crm", 1)
            changed = time.monotonic()
            simulator.account.put(12346, Status.FAILED, "Invalid phone number")
            said, told = arrived(sink, "ops", 1)[0], arrived(sink, "crm", 2)
    for record in (said, told[1]):
        assert record.at - changed < 2, "one interval, and a second for a busy machine"
    post = json.loads(said.body)
    assert post["text"] == "❌ WhatsApp message 12346 failed: invalid phone number · Invoice 88"
    for part in ("12346", "Invoice 88", "invalid phone number"):
        assert part in json.dumps([post[key] for key in ("blocks", "attachments")])
    first, second = (json.loads(record.body) for record in told)
    assert first["data"]["previous"] is None
    assert list(second) == ["id", "type", "timestamp", "data"]
    assert second["type"] == "message.failed"
    since = second["data"]["current"]["since"]
    assert since <= second["timestamp"]
    assert second["data"] == {
        "message_id": 12346,
        "label": "Invoice 88",
        "tags": {"team": "billing"},
        "sequence": 2,
        "previous": {"status": "pending", "code": 0, "since": first["data"]["current"]["since"]},
        "current": {"status": "failed", "code": 2, "since": since, "error": "Invalid phone number"},
    }
    for record in told:
        assert record.headers["webhook-id"] == json.loads(record.body)["id"]
        assert "." not in record.headers["webhook-id"]
        for secret in (NEW_SECRET, OLD_SECRET):
            assert Webhook(secret).verify(record.body, dict(record.headers)) == json.loads(record.body)
            assert verify(record.body, record.headers, secret) == json.loads(record.body)


@pytest.mark.slow
def test_after_a_kill_nothing_is_repeated_and_nothing_was_missed(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        simulator.account.put(2, Status.SENT)
        settings = config(simulator, [1, 2], [webhook(sink, "crm")])
        with running(tmp_path, settings) as daemon:
            until(lambda: daemon.log().count('"event": "delivered"') == 2)
            daemon.kill()
        simulator.account.put(1, Status.EXPIRED)
        with running(tmp_path, settings) as daemon:
            arrived(sink, "crm", 3)
            assert daemon.stop()[0] == 0
        assert sorted(stories(sink.records())) == [(1, 1, "pending"), (1, 2, "expired"), (2, 1, "sent")]
        assert len({record.headers["webhook-id"] for record in sink.records()}) == 3
    assert len(listed(tmp_path, "events")) == 3


@pytest.mark.slow
def test_unknown_is_told_only_after_it_has_lasted_and_never_as_pending(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        settings = config(simulator, [7, 8], [webhook(sink, "crm")], unknown_after="1500ms")
        with running(tmp_path, settings):
            until(lambda: simulator.polls[8] > 0)
            simulator.account.put(8, Status.SENT)  # its id was unknown for a moment only
            arrived(sink, "crm", 2)
            simulator.account.put(7, Status.SENT)
            records = arrived(sink, "crm", 3)
    first_poll = min(call.at for call in simulator.records() if call.message_id == 7)
    assert stories(records) == [(8, 1, "sent"), (7, 1, "unknown"), (7, 2, "sent")]
    assert records[1].at - first_poll >= 1.5
    events = [json.loads(record.body)["data"] for record in records]
    assert events[0]["previous"] is None
    assert events[1]["current"] == {"status": "unknown", "code": None, "since": events[1]["current"]["since"]}
    assert events[2]["previous"] == events[1]["current"]


@pytest.mark.slow
def test_what_was_claimed_when_the_source_went_down_is_not_called_for(tmp_path: Path) -> None:
    with Simulator(latency=0.2) as simulator, Sink() as sink:
        simulator.fault(Fault.AUTH_403, call="/message/status/")
        settings = config(simulator, range(1, 41), [webhook(sink, "crm")])
        settings["wbiztool"] |= {"concurrency": 4}
        with running(tmp_path, settings):
            arrived(sink, "crm", 1)
            assert simulator.polls.total() <= 8, "those in flight, and those that threads began before it was noticed"


@pytest.mark.slow
def test_what_is_stuck_is_told_once_and_what_lingers_is_watched_on(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        simulator.account.put(2, Status.SENT)
        with running(tmp_path, config(simulator, [1, 2], [webhook(sink, "crm")], stuck_after="1s", linger="1h")):
            arrived(sink, "crm", 3)
            simulator.account.put(2, Status.FAILED, "Number is not on WhatsApp")
            arrived(sink, "crm", 4)
            polls = simulator.polls[1]
            until(lambda: simulator.polls[1] > polls + 4)
            records = to(sink.records(), "crm")
    told = [json.loads(record.body) for record in records]
    of_one = [event for event in told if event["data"]["message_id"] == 1]
    assert [event["type"] for event in of_one] == ["message.pending", "message.stuck"]
    assert of_one[1]["data"]["previous"] == of_one[1]["data"]["current"] == of_one[0]["data"]["current"]
    assert of_one[1]["data"]["pending_seconds"] >= 1
    assert [event["type"] for event in told if event not in of_one] == ["message.sent", "message.failed"]


@pytest.mark.slow
def test_refused_credentials_are_told_once_and_stop_the_calls_until_they_are_fixed(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in range(1, 41):
            simulator.account.put(message_id, Status.SENT)
        simulator.fault(Fault.AUTH_200, call="/message/status/")
        settings = config(simulator, range(1, 41), [webhook(sink, "crm")])
        settings["wbiztool"] |= {"concurrency": 4}
        with running(tmp_path, settings):
            down = json.loads(arrived(sink, "crm", 1)[0].body)
            shown = command(tmp_path, "status", "--json")  # meanwhile two intervals pass
            assert shown.returncode == 1
            assert "Auth Error" in shown.stdout
            assert simulator.polls.total() <= 4 * DEPTH, "no more than what was claimed when the first was refused"
        simulator.fix()
        with running(tmp_path, settings):
            records = arrived(sink, "crm", 42)
    told = [json.loads(record.body) for record in records]
    health = [event for event in told if event["type"].startswith("source.")]
    assert [event["type"] for event in health] == ["source.down", "source.up"]
    assert down["data"] == {"since": down["data"]["since"], "reason": "Auth Error", "sequence": 1}
    assert health[1]["data"]["sequence"] == 2
    assert health[1]["data"]["down_since"] == down["data"]["since"]


@pytest.mark.parametrize("fault", list(Fault))
def test_no_answer_makes_the_bridge_tell_what_is_not_true(fault: Fault, spoilt: Mapping[Fault, Spoilt]) -> None:
    seen = spoilt[fault]
    true = [(seen.sent_id, None, "sent", None), (seen.failed_id, None, "failed", "Invalid phone number")]
    told = [facts(event) for event in seen.in_the_end]
    assert sorted(told) == true
    assert all(facts(event) in true for event in seen.meanwhile)


@pytest.mark.parametrize("fault", REFUSALS)
def test_each_kind_of_refusal_is_told_once_and_so_is_its_end(fault: Fault, spoilt: Mapping[Fault, Spoilt]) -> None:
    assert spoilt[fault].health == ("source.down", "source.up")


def test_a_redirect_of_the_api_is_not_followed(tmp_path: Path) -> None:
    with Sink() as trap, Sink(lambda _: Answer.redirect(trap.url)) as api, Sink() as sink, Simulator() as simulator:
        settings = config(simulator, [1], [webhook(sink, "crm")])
        settings["wbiztool"]["base_url"] = api.url
        write_config(tmp_path, settings)
        done = command(tmp_path, "poll")
        assert (done.returncode, api.count, trap.count, sink.count) == (75, 1, 0, 0)
    assert "127.0.0.1" in done.stderr.splitlines()[-1]
    assert "redirects are not followed" in done.stderr.splitlines()[-1]


def test_a_redirect_of_a_receiver_is_not_followed(tmp_path: Path) -> None:
    with Sink() as trap, Sink(lambda _: Answer.redirect(trap.url)) as sink, Simulator() as simulator:
        simulator.account.put(1, Status.SENT)
        write_config(tmp_path, config(simulator, [1], [webhook(sink, "crm")]))
        assert command(tmp_path, "poll").returncode == 0
        assert (sink.count, trap.count) == (1, 0)
    (delivery,) = listed(tmp_path, "deliveries")
    assert (delivery["state"], delivery["attempts"]) == ("queued", 1)
    assert "redirects to 127.0.0.1" in delivery["reason"]


@pytest.mark.slow
def test_no_more_calls_are_in_flight_than_concurrency_allows(tmp_path: Path) -> None:
    with Simulator(latency=0.1) as simulator, Sink() as sink:
        for message_id in range(1, 13):
            simulator.account.put(message_id, Status.SENT)
        settings = config(simulator, range(1, 13), [webhook(sink, "crm")])
        settings["wbiztool"]["concurrency"] = 3
        write_config(tmp_path, settings)
        assert command(tmp_path, "poll").returncode == 0
        starts = [call.at for call in simulator.records()]
    assert len(starts) == 12
    # Each call takes at least the latency, so a fourth one can begin only that long after the first of three.
    assert all(fourth - first >= 0.1 for first, fourth in zip(starts, starts[3:], strict=False))


@pytest.mark.slow
def test_calls_and_deliveries_keep_to_their_rates(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in range(1, 11):
            simulator.account.put(message_id, Status.SENT)
        settings = config(simulator, range(1, 11), [webhook(sink, "crm", rate_limit="10/s")])
        settings["wbiztool"]["rate_limit"] = "20/s"
        write_config(tmp_path, settings)
        assert command(tmp_path, "poll").returncode == 0
        calls = [call.at for call in simulator.records()]
        posts = [record.at for record in sink.records()]
    assert (len(calls), len(posts)) == (10, 10)
    late = 0.2  # the first of each opens a connection, and may be late by more than the last one
    assert calls[-1] - calls[0] >= 9 / 20 - late
    assert posts[-1] - posts[0] >= 9 / 10 - late


@pytest.mark.slow
def test_receivers_are_chosen_by_events_and_tags(tmp_path: Path) -> None:
    ids = [{"id": 1, "tags": {"team": "billing"}}, {"id": 2, "tags": {"team": "support"}}, 3, 4]
    with Simulator() as simulator, Sink() as sink:
        for message_id, status in ((1, Status.FAILED), (2, Status.SENT), (3, Status.PENDING), (4, Status.CANCELLED)):
            simulator.account.put(message_id, status)
        receivers = [
            {"name": "default", "webhook": f"{sink.url}?default"},
            webhook(sink, "everything", events=["*"]),
            webhook(sink, "waiting", events=["pending"]),
            webhook(sink, "ended", events=["failed", "message.can*"]),
            webhook(sink, "billing", match={"tags": {"team": "billing"}}),
            webhook(sink, "health", events=["source.*"]),
        ]
        write_config(tmp_path, config(simulator, ids, receivers))
        assert command(tmp_path, "poll").returncode == 0
        records = sink.records()
    came = {each["name"]: sorted(story[0] for story in stories(to(records, each["name"]))) for each in receivers}
    assert came == {
        "default": [1, 2, 4],
        "everything": [1, 2, 3, 4],
        "waiting": [3],
        "ended": [1, 4],
        "billing": [1],
        "health": [],
    }


@pytest.mark.slow
def test_a_receiver_that_fails_is_told_of_once_and_gets_what_it_is_queued_in_order(tmp_path: Path) -> None:
    failing, taken, lock = threading.Event(), [], threading.Lock()
    failing.set()

    def answer(record: Recorded) -> Answer:
        if "crm" in record.path and failing.is_set():
            return Answer.status(404)
        with lock:
            taken.append(record)
        return Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        for message_id in (1, 2, 3):
            simulator.account.put(message_id)
        receivers = [webhook(sink, "crm", settle="1s"), webhook(sink, "ops", events=["failed", "receiver.*"])]
        with running(tmp_path, config(simulator, [1, 2, 3], receivers)) as daemon:
            arrived(sink, "ops", 1)
            for message_id in (1, 2, 3):
                simulator.account.put(message_id, Status.FAILED, "no such number")
            arrived(sink, "ops", 4)
            failing.clear()
            until(lambda: len(to(taken, "crm")) == 6)
            arrived(sink, "ops", 5)
            assert daemon.stop()[0] == 0
        told = [json.loads(record.body) for record in to(taken, "ops")]
        assert listed(tmp_path, "deliveries", "--state", "queued") == []
    down, *_, up = told
    assert [down["type"], up["type"]] == ["receiver.down", "receiver.up"]
    assert {event["type"] for event in told[1:-1]} == {"message.failed"}
    assert down["data"]["receiver"] == "crm"
    assert "404" in down["data"]["reason"]
    assert up["data"]["down_since"] == down["data"]["since"]
    for message_id in (1, 2, 3):
        mine = [story[1:] for story in stories(to(taken, "crm")) if story[0] == message_id]
        assert mine == [(1, "pending"), (2, "failed")]


@pytest.mark.slow
def test_a_receiver_that_says_when_to_come_back_is_left_alone_until_then(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in (1, 2):
            simulator.account.put(message_id, Status.SENT)
        sink.answer_next(Answer.status(429, retry_after="1"))
        with running(tmp_path, config(simulator, [1, 2], [webhook(sink, "crm", concurrency=1)])):
            first, *others = arrived(sink, "crm", 3)
    assert all(record.at - first.at >= 1 for record in others)
    assert sorted(stories(others)) == [(1, 1, "sent"), (2, 1, "sent")]
    assert sum(record.headers["webhook-id"] == first.headers["webhook-id"] for record in others) == 1


@pytest.mark.slow
def test_what_is_gone_is_a_dead_letter_at_once_and_can_be_sent_again(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1, Status.SENT)
        sink.answer_next(Answer.status(410, b"moved house"))
        write_config(tmp_path, config(simulator, [1], [webhook(sink, "crm")]))
        assert command(tmp_path, "poll").returncode == 0
        (dead,) = listed(tmp_path, "deliveries", "--state", "dead")
        assert (dead["attempts"], dead["tries"][0]["http_status"]) == (1, 410)
        assert dead["tries"][0]["answer"] == "moved house"
        for state in ("dead", "dead letter", "dead-letter"):
            assert " crm       dead letter " in command(tmp_path, "deliveries", "--state", state).stdout
        assert "receiver   crm: 1 dead letter\n" in command(tmp_path, "status").stdout
        assert command(tmp_path, "deliveries", "retry", "--all").stdout == "1 dead letter will be sent again\n"
        assert command(tmp_path, "poll").returncode == 0
        first, second = sink.records()
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == dead["event"]["id"]
    assert first.body == second.body
    (done,) = listed(tmp_path, "deliveries")
    assert (done["id"], done["state"]) == (dead["id"], "delivered")


@pytest.mark.slow
def test_a_receiver_that_hangs_does_not_slow_another(tmp_path: Path) -> None:
    def answer(record: Recorded) -> Answer:
        return Answer.hang() if "slow" in record.path else Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        for message_id in range(1, 31):
            simulator.account.put(message_id, Status.SENT)
        receivers = [webhook(sink, "slow", timeout="30s", concurrency=2), webhook(sink, "quick")]
        with running(tmp_path, config(simulator, range(1, 31), receivers)):
            quick = arrived(sink, "quick", 30)
        assert quick[-1].at - simulator.records()[0].at < 3
        assert len(to(sink.records(), "slow")) <= 2


def config(simulator: Simulator, messages: Iterable[object], receivers: list[Any], **poll: str) -> dict[str, Any]:
    polling = {"every": "250ms", "attempts": 1, "unknown_after": "0s", **poll}
    return bridge_config(simulator, receivers, messages, poll=polling)


def slack(sink: Sink, name: str, **more: object) -> dict[str, Any]:
    return {"name": name, "slack": f"{sink.url}?{name}", "group": {"wait": "0s"}, **more}


@contextmanager
def running(folder: Path, settings: dict[str, Any], *, hurry: float = 1) -> Iterator[Daemon]:
    write_config(folder, settings)
    with Daemon(folder, hurry=hurry) as daemon:
        daemon.wait_until_ready()
        yield daemon


def to(records: Iterable[Recorded], name: str) -> list[Recorded]:
    return [record for record in list(records) if record.path.endswith(f"?{name}")]


def arrived(sink: Sink, name: str, count: int) -> list[Recorded]:
    """Wait until this many POSTs have come to a receiver."""
    until(lambda: len(to(sink.records(), name)) >= count)
    return to(sink.records(), name)


def stories(records: Iterable[Recorded]) -> list[tuple[int, int, str]]:
    """Say what was told of messages: id, sequence, status."""
    told = [json.loads(record.body)["data"] for record in records]
    return [(data["message_id"], data["sequence"], data["current"]["status"]) for data in told]


def about_messages(sink: Sink) -> list[dict[str, Any]]:
    events = [json.loads(record.body) for record in sink.records()]
    return [event for event in events if event["type"].startswith("message.")]


def facts(event: dict[str, Any]) -> tuple[int, Any, str, str | None]:
    """Say of which message it tells what: id, what was before, status, error."""
    data = event["data"]
    return data["message_id"], data["previous"], data["current"]["status"], data["current"].get("error")


def listed(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Read the bridge's own record: with the command's code, in this process, which spares the start of a new one."""
    with redirect_stdout(io.StringIO()) as printed:
        app([*arguments, "--json", "-c", str(folder / "config.yaml")], standalone_mode=False)
    found: list[dict[str, Any]] = json.loads(printed.getvalue())
    return found
