"""What is wrong, told by the real daemon: only if it lasts, again while it lasts, until somebody acknowledges it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.faulty_server import Answer
from bridge.simulator.sink import Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def sent_to(sink: Sink, name: str) -> list[dict[str, Any]]:
    """List the events that came to a receiver."""
    return [json.loads(record.body) for record in sink.records() if record.path.endswith(f"?{name}")]


def types(sink: Sink, name: str) -> list[tuple[str, int]]:
    return [(event["type"], event["data"]["message_id"]) for event in sent_to(sink, name)]


def test_second_person_hears_only_of_what_lasts(tmp_path: Path) -> None:
    """What is over within `hold` reaches the first receiver only; what lasts reaches the second, as does its end."""
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        simulator.account.put(2)
        events = {"events": ["failed", "sent"]}
        receivers = [webhook(sink, "first", **events), webhook(sink, "second", hold="2s", **events)]
        write_config(
            tmp_path,
            bridge_config(simulator, receivers, [1, 2], poll={"every": "250ms", "linger": "1h"}),
        )
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            for message_id in (1, 2):
                simulator.account.put(message_id, Status.FAILED, "Number is not on WhatsApp")
            until(lambda: len(types(sink, "first")) == 2)
            simulator.account.put(1, Status.SENT)
            until(lambda: types(sink, "first")[2:] == [("message.sent", 1)])
            until(lambda: types(sink, "second") == [("message.failed", 2)])
            simulator.account.put(2, Status.SENT)
            until(lambda: types(sink, "second")[1:] == [("message.sent", 2)])
            shown = json.loads(command(tmp_path, "deliveries", "--state", "dropped", "--json").stdout)
    sent, failed = shown
    assert (sent["event"]["type"], failed["event"]["type"]) == ("message.sent", "message.failed")
    assert failed["reason"].startswith("over after ")
    assert failed["reason"].endswith(": not sent, because `hold` is 2 s")
    dropped = [line for line in map(json.loads, daemon.log().splitlines()) if line["event"] == "deliveries_dropped"]
    assert [(line["receiver"], line["count"]) for line in dropped] == [("second", 2)]


def test_second_person_who_was_muted_gets_only_what_still_lasts(tmp_path: Path) -> None:
    """`hold` passes within a mute, and so do an acknowledgement and the end; killed before the mute ends."""
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        simulator.account.put(2)
        receivers = [webhook(sink, "first"), webhook(sink, "second", events=["failed", "sent"], hold="1s")]
        write_config(tmp_path, bridge_config(simulator, receivers, [1, 2], poll={"every": "250ms", "linger": "1h"}))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            assert command(tmp_path, "mute", "second", "--for", "1h").returncode == 0
            for message_id in (1, 2):
                simulator.account.put(message_id, Status.FAILED, "Number is not on WhatsApp")
            until(lambda: len(_due(tmp_path, "second")) == 2)
            assert command(tmp_path, "ack", "1", "--by", "Anna").returncode == 0
            simulator.account.put(1, Status.SENT)
            until(lambda: len(_due(tmp_path, "second")) == 3)
            daemon.kill()
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            assert command(tmp_path, "unmute", "second").returncode == 0
            until(lambda: types(sink, "second") == [("message.failed", 2)])
            until(lambda: len(json.loads(command(tmp_path, "deliveries", "--state", "dropped", "--json").stdout)) == 2)
            assert daemon.stop()[0] == 0
    assert types(sink, "second") == [("message.failed", 2)]


def _due(folder: Path, receiver: str) -> list[int]:
    """List what would be sent to a receiver now if it was not muted."""
    query = "SELECT id FROM deliveries WHERE receiver = ? AND state = 'queued' AND due_at <= ?"
    with closing(sqlite3.connect(folder / "bridge.db", timeout=10)) as connection:
        return [id_ for (id_,) in connection.execute(query, (receiver, int(time.time() * 1000)))]


def test_reminder_survives_a_kill_and_stops_when_it_is_acknowledged(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in (1, 2):
            simulator.account.put(message_id)
        receiver = webhook(sink, "crm", events=["failed"], remind="1m")
        write_config(tmp_path, bridge_config(simulator, [receiver], [1, 2]))

        def reminders() -> list[int | None]:
            return [event["data"].get("reminder") for event in sent_to(sink, "crm")]

        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            simulator.account.put(1, Status.FAILED, "Number is not on WhatsApp")
            until(lambda: _planned(tmp_path) == [0])
            daemon.kill()
        _let_reminders_be_due(tmp_path)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: reminders() == [None, 1])
            until(lambda: _planned(tmp_path) == [1])
            shown = json.loads(command(tmp_path, "incidents", "--json").stdout)
            assert [each["subject"] for each in shown] == ["message/1"]
            said = command(tmp_path, "ack", "1", "--by", "Anna", "--note", "told the customer")
            assert (said.returncode, said.stdout) == (0, "acknowledged: 1\n")
            assert command(tmp_path, "ack", "1", "7").returncode == 1
            (logged,) = (line for line in map(json.loads, daemon.log().splitlines()) if line["event"] == "acknowledged")
            assert (logged["subjects"], logged["by"], logged["note"]) == (["message/1"], "Anna", "told the customer")
            daemon.kill()
        _let_reminders_be_due(tmp_path)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: _planned(tmp_path) == [])
            simulator.account.put(2, Status.FAILED, "Number is not on WhatsApp")
            until(lambda: reminders() == [None, 1, None])


def test_reminder_that_the_receiver_refuses_for_good_is_followed_by_the_next(tmp_path: Path) -> None:
    answers = iter([Answer.ok(), Answer.status(410)])
    with Simulator() as simulator, Sink(lambda _: next(answers, Answer.ok())) as sink:
        simulator.account.put(1)
        receiver = webhook(sink, "crm", events=["failed"], remind="1m")
        write_config(tmp_path, bridge_config(simulator, [receiver], [1]))
        for number in range(3):
            with Daemon(tmp_path) as daemon:
                daemon.wait_until_ready()
                if not number:
                    simulator.account.put(1, Status.FAILED, "Number is not on WhatsApp")
                until(lambda number=number: _planned(tmp_path) == [number])  # type: ignore[misc]
                daemon.kill()
            _let_reminders_be_due(tmp_path)
        came = [event["data"].get("reminder") for event in sent_to(sink, "crm")]
    assert came == [None, 1, 2]


def _planned(folder: Path) -> list[int]:
    """List how often receivers were reminded that are to be reminded again."""
    with closing(sqlite3.connect(folder / "bridge.db", timeout=10)) as connection:
        return [count for (count,) in connection.execute("SELECT count FROM reminders")]


def _let_reminders_be_due(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "bridge.db", timeout=10)) as connection, connection:
        connection.execute("UPDATE reminders SET due_at = 0")
