"""Services that Apprise reaches, over real HTTP on loopback: what arrives, what it means, what stays secret."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.model import Attempt, Status
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.redaction import Redactor
from bridge.domain.samples import sample_event
from bridge.receivers.apprise.sender import AppriseSender
from bridge.simulator.api import Simulator
from bridge.simulator.faulty_server import Answer
from bridge.simulator.sink import Sink
from tests.world.daemon import Daemon, account, command, environment, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "marked-token-of-a-service"


def apprise(sink: Sink, scheme: str = "json", timeout: float = 5) -> AppriseSender:
    place = sink.url.removeprefix("http://")
    return AppriseSender(
        "ops", f"{scheme}://{place}/{TOKEN}", timedelta(seconds=timeout), by=("type", "error"), shown=2
    )


def tried(to: AppriseSender, count: int = 1) -> Attempt:
    clock = SystemClock()
    return attempt(to, [sample_event(clock.now()) for _ in range(count)], clock=clock, redact=Redactor([TOKEN]))


@pytest.mark.parametrize("scheme", ["json", "xml", "form", "gotify"])
def test_title_body_and_kind_arrive(scheme: str) -> None:
    with Sink() as sink:
        assert tried(apprise(sink, scheme)).outcome == Delivered()
        (record,) = sink.records()
    body = record.body.decode()
    if scheme in {"json", "gotify"}:
        told = json.loads(body)
        text = told["title"] + told["message"]
    else:
        text = " ".join(value for each in parse_qs(body).values() for value in each) if scheme == "form" else body
    assert "🧪 TEST: WhatsApp message 0 failed" in text
    assert "nothing happened" in text
    assert "Label: Test of this receiver\nStatus: pending → failed\nReason: This is a test" in text
    if scheme != "gotify":
        assert "info" in body, "a test alarms nobody"


def test_many_events_are_one_digest_and_one_call_follows_the_other() -> None:
    with Sink() as sink:
        to = apprise(sink)
        tried(to, 30)
        tried(to)
        first, second = (json.loads(record.body) for record in sink.records())
    assert first["title"] == "🧪 TEST: 1 WhatsApp message failed: “This is a test: no message failed”"
    assert "and 28 more" in first["message"]
    assert second["title"] == "🧪 TEST: WhatsApp message 0 failed: this is a test: no message failed"


@pytest.mark.parametrize(("answer", "why"), [(Answer.status(500), "error=500"), (Answer.cut(), "Connection error")])
def test_what_is_not_delivered_is_tried_by_the_schedule_and_says_why(answer: Answer, why: str) -> None:
    with Sink(lambda _: answer) as sink:
        made = tried(apprise(sink))
    assert isinstance(made.outcome, Retry)
    assert not made.outcome.quick
    assert made.outcome.why.startswith("Apprise could not deliver it: ")
    assert why in made.outcome.why
    assert why in made.answer


@pytest.mark.parametrize("answer", [Answer.hang(), Answer.drip()], ids=["hangs", "drips"])
def test_a_call_is_bounded_as_a_whole(answer: Answer) -> None:
    with Sink(lambda _: answer) as sink:
        to = apprise(sink, timeout=0.3)
        first, second = tried(to), tried(to)
        sink.release()
    for made in (first, second):
        assert isinstance(made.outcome, Retry)
        assert made.duration < 1.5
    # Apprise's own time-out, of the same length, may be the first to say so.
    ends = ("Apprise has not ended its call within 0.3 s", "Apprise could not deliver it: ")
    assert isinstance(first.outcome, Retry)
    assert first.outcome.why.startswith(ends)


def test_its_log_lines_go_nowhere() -> None:
    lines: list[logging.LogRecord] = []
    everything = logging.Handler()
    everything.emit = lines.append  # type: ignore[method-assign,assignment] # shorter than a class
    logging.getLogger().addHandler(everything)
    try:
        with Sink(lambda _: Answer.status(500)) as sink:
            assert tried(apprise(sink)).answer
    finally:
        logging.getLogger().removeHandler(everything)
    assert not [line for line in lines if line.name.startswith("apprise")]


@pytest.mark.slow
def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    with Sink(lambda _: Answer.drip()) as sink:
        code = (
            "import sys; from datetime import UTC, datetime, timedelta;"
            "from bridge.receivers.apprise.sender import AppriseSender; from bridge.domain.samples import sample_event;"
            "w = AppriseSender('x', sys.argv[1], timedelta(seconds=0.3), by=(), shown=1);"
            "print(w.hand_over([sample_event(datetime.now(UTC))]).outcome)"
        )
        url = f"json://{sink.url.removeprefix('http://')}"
        done = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, timeout=20, check=True, env=environment()
        )
    assert "has not ended its call within 0.3 s" in done.stdout


@pytest.mark.slow
def test_the_daemon_delivers_and_no_secret_stands_anywhere(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink, Sink(lambda _: Answer.status(403, TOKEN.encode())) as refusing:
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        urls = [f"json://me:{TOKEN}@{each.url.removeprefix('http://')}/{TOKEN}" for each in (sink, refusing)]
        receivers = [
            {"name": name, "apprise": url, "group": {"wait": "0s"}, "events": ["failed"]}
            for name, url in zip(("ops", "other"), urls, strict=True)
        ]
        settings = {
            "wbiztool": account(simulator),
            "messages": [1],
            "database": "sqlite:///bridge.db",
            "receivers": receivers,
            "log": {"level": "debug"},
        }
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: '"delivered"' in daemon.log() and "delivery_failed" in daemon.log())
            assert daemon.stop()[1] < 5
            log = daemon.log()
        shown = command(tmp_path, "test", "other")
        listed = command(tmp_path, "deliveries", "--json")
    assert "error=403" in shown.stdout
    assert "Apprise could not deliver it" in listed.stdout
    for text in (log, shown.stdout, shown.stderr, listed.stdout):
        assert TOKEN not in text
    assert TOKEN.encode() not in (tmp_path / "bridge.db").read_bytes()
    assert json.loads(sink.records()[0].body)["title"] == "❌ WhatsApp message 1 failed: invalid phone number"
