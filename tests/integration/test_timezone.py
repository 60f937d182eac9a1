"""The configured time zone: commands with a daemon and without one, and the page without JavaScript, agree."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from bridge.domain.clock import isoformat
from bridge.domain.local_time import shown
from bridge.domain.model import Status
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

KATHMANDU = ZoneInfo("Asia/Kathmandu")
ELSEWHERE = {"TZ": "America/Lima"}  # this machine's: what is configured wins


class World:
    """A daemon in a time zone, with one message that failed."""

    def __init__(self, folder: Path, simulator: Simulator, sink: Sink, timezone: str | None) -> None:
        self.folder = folder
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        more: dict[str, Any] = {} if timezone is None else {"timezone": timezone}
        http = {"listen": "127.0.0.1:0", "token": "token-0123456789abcdef"}
        receivers = [webhook(sink, "crm", events=["failed"])]
        config = bridge_config(simulator, receivers, [1], http=http, log={"format": "json"}, **more)
        write_config(folder, config)
        self.daemon = Daemon(folder, hurry=20)
        self.daemon.wait_until_ready()
        until(lambda: self.json("events"))

    def run(self, *arguments: str, code: int = 0) -> str:
        done = command(self.folder, *arguments, extra=ELSEWHERE)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(command(self.folder, *arguments, "--json", extra=ELSEWHERE).stdout)

    def page(self, path: str = "/") -> str:
        lines = [json.loads(line) for line in self.daemon.log().splitlines() if line.startswith("{")]
        (address,) = {line["http"] for line in lines if line["event"] == "started"}
        return requests.get(f"{address}{path}", timeout=10).text


@pytest.fixture
def kathmandu(tmp_path: Path, simulator: Simulator, sink: Sink) -> Iterator[World]:
    world = World(tmp_path, simulator, sink, "Asia/Kathmandu")
    try:
        yield world
    finally:
        world.daemon.kill()


@pytest.mark.slow
def test_commands_and_page_show_the_configured_zone(kathmandu: World) -> None:
    (event,) = kathmandu.json("events")
    assert event["timestamp"].endswith("Z"), "for programs it stays UTC"
    local = shown(datetime.fromisoformat(event["timestamp"]), KATHMANDU)
    assert local.endswith(" UTC+05:45")
    end = datetime.fromisoformat(event["timestamp"]) + timedelta(days=2)
    wanted = f"{end.astimezone(KATHMANDU):%Y-%m-%d 08:00}"
    said = kathmandu.run("mute", "crm", "--until", wanted)
    assert said.startswith(f"crm is muted until {wanted} UTC+05:45 (in ")
    instant = datetime.fromisoformat(wanted).replace(tzinfo=KATHMANDU)
    status = kathmandu.json("status")
    assert status["mutes"]["crm"]["until"] == isoformat(instant)

    page = kathmandu.page()
    assert "Times are in Asia/Kathmandu" in page
    assert f"{instant:%-d %b %Y, %H:%M:%S} UTC+05:45" in page
    when = datetime.fromisoformat(event["timestamp"]).astimezone(KATHMANDU)
    assert f"{when:%-d %b %Y, %H:%M:%S} UTC+05:45" in kathmandu.page("/messages/1")
    for running in (True, False):
        if not running:
            assert kathmandu.daemon.stop()[0] == 0
        assert local in kathmandu.run("events")
        assert f"muted until {wanted} UTC+05:45" in kathmandu.run("status", code=0 if running else 3)
    assert " UTC " not in kathmandu.run("events")


@pytest.mark.slow
def test_dates_on_the_command_line_are_of_the_configured_zone(kathmandu: World) -> None:
    kathmandu.run("watch", "77", "--expected-at", "2030-01-01 09:00")
    (expected,) = [each["expected_at"] for each in kathmandu.json("messages") if each["id"] == 77]
    assert expected == "2030-01-01T03:15:00.000Z"
    kathmandu.run("watch", "78", "--expected-at", "2030-01-01T09:00Z")
    (expected,) = [each["expected_at"] for each in kathmandu.json("messages") if each["id"] == 78]
    assert expected == "2030-01-01T09:00:00.000Z"
    report = kathmandu.json("report", "--since", "2026-01-01", "--by", "day")
    assert (report["since"], report["timezone"]) == ("2025-12-31T18:15:00.000Z", "Asia/Kathmandu")
    assert kathmandu.run("report", "--since", "2026-01-01").startswith("2026-01-01 00:00 UTC+05:45 to ")
    until(lambda: kathmandu.json("deliveries")[0]["state"] == "delivered")
    today = f"{datetime.now(KATHMANDU):%Y-%m-%d}"
    assert "1 delivery will" in kathmandu.run("deliveries", "resend", "--receiver", "crm", "--since", today)
    tomorrow = f"{datetime.now(KATHMANDU) + timedelta(days=1):%Y-%m-%d}"
    assert "nothing to" in kathmandu.run("deliveries", "resend", "--receiver", "crm", "--since", tomorrow)
    assert "no dead letters" in kathmandu.run("deliveries", "retry", "--since", today)
    for arguments in (["deliveries", "retry", "--since"], ["deliveries", "resend", "--receiver", "crm", "--since"]):
        assert "not a duration (allowed:" in kathmandu.run(*arguments, "yesterday", code=2)


@pytest.mark.slow
def test_zone_of_the_machine_holds_where_none_is_configured(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    world = World(tmp_path, simulator, sink, None)
    try:
        for running in (True, False):
            if not running:
                world.daemon.stop()
            assert re.search(
                r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC-05:00  message.failed", world.run("events"), re.MULTILINE
            )
    finally:
        world.daemon.kill()


@pytest.mark.slow
def test_change_of_the_zone_takes_effect_at_a_reload(kathmandu: World) -> None:
    config = kathmandu.folder / "config.yaml"
    config.write_text(config.read_text().replace("Asia/Kathmandu", "Asia/Kolkata"))
    until(lambda: "Times are in Asia/Kolkata" in kathmandu.page())
    assert " IST  message.failed" in kathmandu.run("events")
