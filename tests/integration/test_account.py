"""What the account tells beside the status of messages: the report, its numbers, whether the credentials are good."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain import poll_schedule
from bridge.domain.model import Status
from bridge.simulator.faults import Fault
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

pytestmark = pytest.mark.slow


def told(sink: Sink) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in sink.records()]


def types(sink: Sink) -> list[str]:
    return [event["type"] for event in told(sink)]


# The report


def test_whatever_the_account_sends_is_watched_without_a_list(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    write_config(tmp_path, bridge_config(simulator, sink, discover={"report": True, "every": "1s"}))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        simulator.account.life = [(0.5, Status.FAILED, "Invalid phone number")]
        message_id = simulator.account.send("49151234", "a text that nobody else shall read")
        until(lambda: "message.failed" in types(sink))
        (event,) = (event for event in told(sink) if event["type"] == "message.failed")
        assert (event["data"]["message_id"], event["data"]["label"]) == (message_id, "49151234")
        assert daemon.stop()[0] == 0
    assert "nobody else" not in daemon.log() + json.dumps(told(sink))


def test_one_pass_reads_it_too(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    write_config(tmp_path, bridge_config(simulator, sink, discover={"report": True}, numbers={"watch": True}))
    for message_id in range(1, 251):
        simulator.account.put(message_id, Status.SENT)
    assert command(tmp_path, "poll").returncode == 0
    assert sorted(event["data"]["message_id"] for event in told(sink)) == list(range(1, 251))
    polls = simulator.polls.total()
    assert command(tmp_path, "poll").returncode == 0
    assert (simulator.polls.total(), sink.count) == (polls, 250), "what is finished is not polled again"
    assert simulator.counts()[0]["/whatsapp/accounts/"] == 2
    assert "0 messages listed, plus everything the account sends; " in command(tmp_path, "check").stdout


def test_a_report_that_always_shows_the_same_does_not_keep_a_change_from_being_noticed(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.shown = lambda message, now: "Pending"  # noqa: ARG005 -- whatever it is
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, discover={"report": True, "every": "1s", "relaxed": "1s"})
    write_config(tmp_path, settings)
    with Daemon(tmp_path, first=settle_at_once) as daemon:
        daemon.wait_until_ready()
        until(lambda: types(sink) == ["message.pending"])
        simulator.account.put(1, script=[(2, Status.SENT, None)])
        until(lambda: types(sink) == ["message.pending", "message.sent"])
        assert simulator.polls[1] < 8, "it was polled at the relaxed interval, and not four times a second"
        assert daemon.stop()[0] == 0


def settle_at_once() -> None:
    poll_schedule.SETTLES = timedelta(0)


def test_a_status_call_that_lags_behind_the_report_is_asked_until_it_has_caught_up(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.put(1)
    write_config(tmp_path, bridge_config(simulator, sink, discover={"report": True, "every": "1s", "relaxed": "1h"}))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: types(sink) == ["message.pending"])
        simulator.account.shown = lambda message, now: "Sent"  # noqa: ARG005 -- whatever it is
        simulator.account.put(1, script=[(2, Status.SENT, None)])
        until(lambda: types(sink) == ["message.pending", "message.sent"])
        assert daemon.stop()[0] == 0


# Numbers


@pytest.mark.waits
def test_a_number_that_is_disconnected_is_told_and_why_a_message_is_stuck(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.connect(2, "4915100000002")
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, [1], numbers={"watch": True, "every": "1s", "settle": "1s"})
    settings["poll"]["stuck_after"] = "4s"
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: types(sink) == ["message.pending"])
        simulator.account.connect(2, connected=False)
        until(lambda: len(types(sink)) == 3)
        _, lost, stuck = told(sink)
        assert (lost["type"], lost["data"]["number"]) == ("number.disconnected", "4915100000002")
        assert lost["data"]["whatsapp_client_id"] == 2
        assert stuck["type"] == "message.stuck"
        assert stuck["data"]["disconnected_numbers"] == ["4915100000002"]
        simulator.account.connect(2, connected=True)
        until(lambda: len(types(sink)) == 4)
        (back,) = told(sink)[3:]
        assert (back["type"], back["data"]["number"]) == ("number.connected", "4915100000002")
        assert back["data"]["disconnected_seconds"] >= 1
        assert daemon.stop()[0] == 0


def test_number_that_is_not_watched_any_longer_is_neither_wrong_nor_shown(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    settings = bridge_config(
        simulator, sink, numbers={"watch": True, "every": "1s", "settle": "0s"}, http={"listen": "127.0.0.1:0"}
    )
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        simulator.account.connect(1, connected=False)
        sink.wait_for(1)
        assert "number/1" in command(tmp_path, "incidents").stdout
        write_config(tmp_path, settings | {"numbers": {"watch": False}})
        until(lambda: command(tmp_path, "incidents").stdout == "Nothing is wrong.\n")
        assert "disconnected" not in command(tmp_path, "status").stdout


def test_an_answer_that_cannot_be_read_tells_nothing_of_numbers(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.fault(Fault.EMPTY, call="/whatsapp/accounts/")
    write_config(tmp_path, bridge_config(simulator, sink, numbers={"watch": True, "every": "1s", "settle": "0s"}))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: "looking at the account's numbers" in daemon.log())
        assert daemon.stop()[0] == 0
    assert types(sink) == []


# Credentials


@pytest.mark.parametrize("fault", [Fault.AUTH_200, Fault.AUTH_403, None])
def test_refused_credentials_end_the_start_in_the_apis_own_words(
    tmp_path: Path, simulator: Simulator, sink: Sink, fault: Fault | None
) -> None:
    settings = bridge_config(simulator, sink, [1])
    if fault is None:
        settings["wbiztool"]["api_key"] = "not-the-right-key"
    else:
        simulator.fault(fault)
    write_config(tmp_path, settings)
    ended = command(tmp_path, "run")
    assert ended.returncode == 77
    assert "WbizTool refuses the credentials: Auth Error" in ended.stderr
    assert "not-the-right-key" not in ended.stderr + ended.stdout
    assert (simulator.polls.total(), sink.count) == (0, 0)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HANG, Fault.PAGE_200])
def test_an_api_that_cannot_say_whether_they_are_good_does_not_keep_the_bridge_from_starting(
    tmp_path: Path, simulator: Simulator, sink: Sink, fault: Fault
) -> None:
    simulator.account.put(1)
    simulator.fault(fault, call="/me/")
    settings = bridge_config(simulator, sink, [1])
    settings["wbiztool"]["timeout"] = "300ms"
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: types(sink) == ["message.pending"])
        assert "trying the credentials" in daemon.log()
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_a_key_is_rotated_by_a_reload_and_a_wrong_one_refused(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    (tmp_path / "key").write_text(simulator.api_key)
    settings = bridge_config(simulator, sink, [1])
    del settings["wbiztool"]["api_key"]
    settings["wbiztool"]["api_key_file"] = "key"
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: types(sink) == ["message.pending"])
        (tmp_path / "key").write_text("a-key-with-a-slip")
        until(lambda: "config_reload_refused" in daemon.log())
        assert "WbizTool refuses the credentials: Auth Error" in daemon.log()
        polls = simulator.polls[1]
        until(lambda: simulator.polls[1] > polls)
        assert types(sink) == ["message.pending"], "the old key is in use, and good"
        simulator.account.api_key = "the-new-key-0123"
        until(lambda: "source.down" in types(sink))
        (tmp_path / "key").write_text("the-new-key-0123")
        until(lambda: "source.up" in types(sink))
        assert daemon.stop()[0] == 0
    assert "slip" not in daemon.log()
    assert "the-new-key" not in daemon.log()
