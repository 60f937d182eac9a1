"""A changed configuration takes effect in the running daemon, and a wrong one does not."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.reloading import free_port, metric
from tests.world.server import OK, serving
from tests.world.tls import Authority
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.slow

SECRET = "a-token-that-nobody-must-see"


def reload(daemon: Daemon, settings: dict[str, Any]) -> None:
    """Change the configuration, ask for it to be read, and wait until it was."""
    before = reloads(daemon)
    write_config(daemon.folder, settings)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: reloads(daemon) > before)


def reloads(daemon: Daemon) -> int:
    return daemon.log().count('"event": "config_reload')


def told(sink: Sink, name: str = "crm") -> list[tuple[int, str]]:
    events = [json.loads(record.body) for record in sink.records() if record.path.endswith(f"?{name}")]
    return [(event["data"].get("message_id"), event["type"]) for event in events]


def test_ids_come_and_go_at_a_signal(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    simulator.account.put(2)
    write_config(tmp_path, bridge_config(simulator, sink, [1]))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: told(sink) == [(1, "message.pending")])
        reload(daemon, bridge_config(simulator, sink, [2]))
        until(lambda: told(sink)[1:] == [(2, "message.pending")])
        polls = simulator.polls[1]
        simulator.account.put(1, Status.SENT)
        simulator.account.put(2, Status.SENT)
        until(lambda: told(sink)[2:] == [(2, "message.sent")])
        assert simulator.polls[1] == polls, "what left the list is not polled"
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_a_changed_file_is_noticed_without_a_signal(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(7)
    (tmp_path / "ids.txt").write_text("")
    settings = bridge_config(simulator, sink)
    settings["messages"] = [{"include": "ids.txt"}]
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        (tmp_path / "ids.txt").write_text("7\n")
        until(lambda: told(sink) == [(7, "message.pending")])
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_a_wrong_file_is_refused_whole_and_everybody_says_so(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    simulator.account.put(2)
    good = bridge_config(simulator, sink, [1])
    write_config(tmp_path, good)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        reload(daemon, {**bridge_config(simulator, sink, [1, 2]), "polll": {"every": "1s"}, "retention": SECRET})
        check = command(tmp_path, "check")
        faults = [line for line in check.stderr.splitlines() if "config.yaml:" in line]
        assert len(faults) == 2
        for fault in faults:
            assert json.dumps(fault)[1:-1] in daemon.log()
        status = command(tmp_path, "status", "--json")
        assert status.returncode == 1
        assert json.loads(status.stdout)["messages"]["polled"] == 1, "how the bridge goes on is shown all the same"
        assert any(faults[0] in fault for fault in json.loads(status.stdout)["faults"])
        write_config(tmp_path, good)
        until(lambda: told(sink) == [(1, "message.pending")])
        simulator.account.put(1, Status.FAILED, "no such number")
        until(lambda: told(sink)[1:] == [(1, "message.failed")])
        until(lambda: json.loads(command(tmp_path, "status", "--json").stdout)["ok"])  # the file is right again
        assert daemon.stop()[0] == 0


@pytest.mark.waits
def test_a_changed_certificate_is_followed_without_a_signal(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, [1])
    (tmp_path / "trusted.pem").write_text(theirs.pem)
    with serving(OK, tls=ours.server()) as server:
        hook = {"name": "safe", "webhook": server.url, "events": ["*"], "tls": {"ca_file": "trusted.pem"}}
        write_config(tmp_path, {**settings, "receivers": [*settings["receivers"], hook]})
        with Daemon(tmp_path, hurry=3000) as daemon:
            daemon.wait_until_ready()
            until(lambda: f"the TLS certificate of 127.0.0.1:{server.port} is not trusted" in daemon.log())
            (tmp_path / "trusted.pem").write_text(ours.pem)
            until(lambda: len(server.seen) > 0)
            assert daemon.stop()[0] == 0


def test_who_is_not_verified_is_warned_of_where_people_look(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    hook = {"name": "unsafe", "webhook": "https://127.0.0.1:1/", "events": ["stuck"], "tls": {"verify": False}}
    write_config(tmp_path, {**bridge_config(simulator, sink), "messages": [1], "receivers": [hook]})
    words = "receiver unsafe: tls.verify is off: anyone on the network path can read and change what is sent"
    assert f"warning: {words}" in command(tmp_path, "check").stderr
    assert json.loads(command(tmp_path, "check", "--json").stdout)["warnings"] == [words]
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: words in daemon.log())
        assert words in command(tmp_path, "status").stdout
        assert json.loads(command(tmp_path, "status", "--json").stdout)["warnings"] == [words]
        assert daemon.stop()[0] == 0


def test_another_database_needs_a_restart(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    write_config(tmp_path, bridge_config(simulator, sink))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        reload(daemon, bridge_config(simulator, sink, database="sqlite:///other.db"))
        assert "another database needs a restart" in daemon.log()
        assert daemon.stop()[0] == 0
    assert not (tmp_path / "other.db").exists()


def test_receivers_come_change_and_go(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    for message_id in (1, 2, 3):
        simulator.account.put(message_id)
    settings = bridge_config(simulator, sink, [1])
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: told(sink) == [(1, "message.pending")])
        settings["receivers"].append({"name": "ops", "webhook": f"{sink.url}?ops", "events": ["*"]})
        reload(daemon, {**settings, "messages": [1, 2]})
        until(lambda: told(sink, "ops") == [(2, "message.pending")] and len(told(sink)) == 2)
        settings["receivers"][1]["webhook"] = f"{sink.url}?elsewhere"
        del settings["receivers"][0]
        reload(daemon, {**settings, "messages": [1, 2, 3]})
        until(lambda: told(sink, "elsewhere") == [(3, "message.pending")])
        assert told(sink, "crm") == [(1, "message.pending"), (2, "message.pending")]
        assert told(sink, "ops") == [(2, "message.pending")]
        assert daemon.stop()[0] == 0


def test_what_is_in_flight_is_neither_dropped_nor_sent_twice(tmp_path: Path, simulator: Simulator) -> None:
    """A POST is on its way while its receiver gets another setting: its successor waits for its end."""
    simulator.account.put(1, Status.FAILED, "no such number")
    arrived: list[Recorded] = []
    with Sink(lambda _: Answer.hang(), on_request=arrived.append) as slow, Sink() as quick:
        settings = bridge_config(simulator, slow, [1])
        settings["receivers"].append({"name": "quick", "webhook": f"{quick.url}?quick", "events": ["*"]})
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: len(arrived) == 1)
            slow.answer = lambda _: Answer.ok()
            settings["receivers"][0]["concurrency"] = 2
            simulator.account.put(2, Status.FAILED, "no such number")
            write_config(tmp_path, {**settings, "messages": [1, 2]})
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: told(quick, "quick")[1:] == [(2, "message.failed")])  # the others don't wait
            assert len(arrived) == 1, "the first POST is still on its way"
            slow.release()
            until(lambda: len(arrived) == 2)
            until(lambda: daemon.log().count('"event": "delivered"') == 4)
            assert daemon.stop()[0] == 0
    assert [json.loads(record.body)["data"]["message_id"] for record in arrived] == [1, 2]


def test_a_daemon_that_waits_for_what_is_in_flight_still_ends_in_time(tmp_path: Path, simulator: Simulator) -> None:
    simulator.account.put(1, Status.FAILED, "no such number")
    with Sink(lambda _: Answer.hang()) as slow:
        settings = bridge_config(simulator, slow, [1])
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            slow.wait_for(1)
            settings["receivers"][0]["concurrency"] = 2
            write_config(tmp_path, {**settings, "messages": [1, 2]})
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: simulator.polls[2] > 0)  # all but the receiver has followed
            code, seconds = daemon.stop()
            assert (code, seconds < 5) == (0, True)


@pytest.mark.waits
def test_heartbeats_come_only_while_all_is_well(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    with Sink() as watcher:
        port, beat = free_port(), {"url": f"{watcher.url}?{SECRET}", "every": "1s"}
        settings = bridge_config(simulator, sink, [1], heartbeat=beat, http={"listen": f"127.0.0.1:{port}"})
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            assert watcher.wait_for(2)[0].method == "GET"
            assert abs(time.time() - float(metric(port, "wbiz_bridge_heartbeat_last_success_timestamp_seconds"))) < 5
            reload(daemon, {**settings, "poll": {"every": "wrong"}})
            beats = watcher.count
            time.sleep(2.5)
            assert watcher.count <= beats + 1, "one may have been on its way"
            beats = watcher.count
            reload(daemon, settings)
            watcher.wait_for(beats + 1)
            reload(daemon, bridge_config(simulator, sink, [1]))
            beats = watcher.count
            time.sleep(1.5)
            assert watcher.count <= beats + 1
            assert daemon.stop()[0] == 0
        assert SECRET not in daemon.log()
