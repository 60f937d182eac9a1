"""Bursts of failures: a handful of Slack messages, and every delivery accounted for."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, account, command, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.sink import Recorded

pytestmark = pytest.mark.timeout(200)

ERRORS = ("Invalid phone number", "Number is not on WhatsApp", "<!channel> *look* & weep", "خطأ في الرقم")


@pytest.mark.slow
def test_three_hundred_failures_are_a_few_slack_messages(tmp_path: Path) -> None:
    storm(tmp_path, 300, wait="2s", most=4)


@pytest.mark.chaos
def test_five_thousand_failures_are_at_most_twenty_slack_messages(tmp_path: Path) -> None:
    storm(tmp_path, 5000, wait="10s", most=20)


def storm(folder: Path, count: int, *, wait: str, most: int) -> None:
    with Simulator() as simulator, Sink() as slack:
        for message_id in range(1, count + 1):
            simulator.account.put(message_id, Status.FAILED, ERRORS[message_id % len(ERRORS)])
        (folder / "ids.txt").write_text("\n".join(map(str, range(1, count + 1))))
        write_config(folder, config(simulator, slack, wait))
        with Daemon(folder) as daemon:
            daemon.wait_until_ready()
            until_delivered(folder, count)
            assert daemon.stop()[0] == 0
        messages = slack.records()
    assert len(messages) <= most
    assert sum(counted(message) for message in messages) == count
    for before, after in itertools.pairwise(messages):
        assert after.at - before.at > 0.95, "Slack takes one message a second"
    errors = sum((Counter(dict(by_error(message))) for message in messages), Counter())
    assert sum(errors.values()) == count
    # Every delivery is recorded as delivered by the attempt that carried it.
    with sqlite3.connect(folder / "bridge.db") as database:
        carried = database.execute(
            "SELECT a.id, count(*) FROM deliveries d"
            " JOIN carried c ON c.delivery = d.id JOIN attempts a ON a.id = c.attempt"
            " WHERE d.state = 'delivered' AND a.outcome = 'delivered' GROUP BY a.id ORDER BY a.id"
        ).fetchall()
    assert [number for _, number in carried] == [counted(message) for message in messages]


def config(simulator: Simulator, slack: Sink, wait: str) -> dict[str, Any]:
    receiver = {"slack": slack.url, "events": ["failed"], "group": {"wait": wait, "by": ["type", "error"]}}
    wbiztool = account(simulator, rate_limit="2000/s")
    return bridge_config(simulator, [receiver], [{"include": "ids.txt"}], wbiztool=wbiztool, poll=None)


def until_delivered(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        receivers = json.loads(command(folder, "status", "--json").stdout)["receivers"]
        if receivers.get("slack") == {"delivered": count}:
            return
    raise AssertionError(f"not delivered: {receivers}")


def counted(message: Recorded) -> int:
    """How many events a Slack message says it tells of."""
    header = json.loads(message.body)["blocks"][0]["text"]["text"]
    found = re.search(r"([\d,]+) WhatsApp messages failed", header)
    return int(found[1].replace(",", "")) if found else 1


def by_error(message: Recorded) -> list[tuple[str, int]]:
    """The counts that a digest gives for each error."""
    text = json.loads(message.body)["text"]
    found = re.findall(r" · ([\d,]+) failed: (.+?): ", text)
    return [(error, int(number.replace(",", ""))) for number, error in found] or [("", counted(message))]
