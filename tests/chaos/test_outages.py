"""Receivers as they are in life: away for a while, or failing now and then. The product's own waits, none divided."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.chaos.test_crashes import Plan, assert_told_what_happened, body_of, config, lives
from tests.world.daemon import Daemon, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

AWAY = 45


def test_receiver_away_for_45_s_is_found_in_20_and_has_everything_in_40(tmp_path: Path) -> None:
    """One event a second comes meanwhile. Others hear receiver.down and receiver.up, once each."""
    back = threading.Event()
    taken: dict[str, float] = {}
    about: list[str] = []

    def answer(request: Recorded) -> Answer:
        if request.path.endswith("?ops"):
            about.append(body_of(request)["type"])
            return Answer.ok()
        if not back.is_set():
            return Answer.status(503)
        taken.setdefault(body_of(request)["id"], time.monotonic())
        return Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        ids = range(1, AWAY + 1)
        for message_id in ids:
            simulator.account.put(message_id, Status.PENDING, script=[(message_id, Status.FAILED, None)])
        settings = config(simulator, sink, f"sqlite:///{tmp_path}/bridge.db", ids)
        settings["receivers"] = [
            {"name": "crm", "webhook": f"{sink.url}?crm", "events": ["failed"]},
            {"name": "ops", "webhook": f"{sink.url}?ops", "events": ["receiver.*"]},
        ]
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            time.sleep(AWAY)  # the outage itself
            posts = sum(record.path.endswith("?crm") for record in sink.records())
            back.set()
            returned = time.monotonic()
            until(lambda: bool(taken), 20)
            until(lambda: len(taken) == AWAY, 40)
            until(lambda: about == ["receiver.down", "receiver.up"], 60)
            assert daemon.stop()[0] == 0
    assert min(taken.values()) - returned <= 20
    assert max(taken.values()) - returned <= 40
    assert posts <= 60, "a receiver that is away is not hammered"


def test_receiver_that_comes_and_goes_sends_no_flood(tmp_path: Path) -> None:
    """It answers 200 and 410 in turn."""
    answers = 0
    about: list[str] = []

    def answer(request: Recorded) -> Answer:
        nonlocal answers
        if request.path.endswith("?ops"):
            about.append(body_of(request)["type"])
            return Answer.ok()
        answers += 1
        return Answer.ok() if answers % 2 else Answer.status(410)

    with Simulator() as simulator, Sink(answer) as sink:
        for message_id in range(1, 37):
            simulator.account.put(message_id, Status.FAILED)
        settings = config(simulator, sink, f"sqlite:///{tmp_path}/bridge.db", range(1, 37))
        settings["receivers"] = [
            {"name": "crm", "webhook": f"{sink.url}?crm", "events": ["failed"], "concurrency": 1},
            {"name": "ops", "webhook": f"{sink.url}?ops", "events": ["receiver.*"]},
        ]
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: answers == 36, 90)
            assert about == []
            assert daemon.stop()[0] == 0


def test_flaky_receiver_keeps_flowing_through_twelve_kills(tmp_path: Path) -> None:
    """A third of the calls fail (503, cut), one of a hundred hangs; all of 400 events arrive within 120 s."""
    chance = random.Random(7)
    plan = Plan(messages=200, ends=12, lives=20)
    ok: dict[str, float] = {}

    def answer(request: Recorded) -> Answer:
        told = body_of(request)
        luck = chance.random()
        if luck < 0.01:
            return Answer.hang()
        if luck < 0.33:
            return chance.choice((Answer.status(503), Answer.cut()))
        ok.setdefault(told["id"], time.monotonic())
        return Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        truth = lives(simulator, plan, chance)
        settings = config(simulator, sink, f"sqlite:///{tmp_path}/bridge.db", list(truth))
        settings["receivers"] = [{"name": "crm", "webhook": sink.url, "events": ["message.*"]}]
        write_config(tmp_path, settings)
        for _ in range(plan.ends):
            with Daemon(tmp_path) as daemon:
                daemon.wait_until_ready()
                time.sleep(chance.uniform(0.5, 3))
                daemon.kill()
        with Daemon(tmp_path) as daemon:
            started = time.monotonic()
            daemon.wait_until_ready()
            finals = {"sent", "failed", "cancelled", "expired"}

            def final() -> int:
                records = [body_of(record) for record in sink.records()]
                return len(
                    {
                        told["data"]["message_id"]
                        for told in records
                        if told["id"] in ok and told["data"]["current"]["status"] in finals
                    }
                )

            until(lambda: final() == plan.messages, 120)
            assert daemon.stop()[0] == 0
        received = sink.records()
    assert max(ok.values()) - started <= 120
    assert_told_what_happened(received, truth)
