"""Whatever goes wrong with one message or one delivery ends nothing else: the real daemon on a file with damaged rows.

Rows are damaged by hand, with SQL, as no border of the bridge would let them in.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
import uvicorn
import yaml

from bridge.daemon import daemon as daemon_module
from bridge.daemon import housekeeping, http_service, supervisor
from bridge.daemon.scheduler import SteadyScheduler
from bridge.domain.model import Status
from bridge.simulator.sink import Sink
from bridge.store.store import Store
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.slow

GOOD = 100
DAMAGED = {
    1: "UPDATE messages SET expected_at = 10000000000000000 WHERE id = 1",  # beyond all dates
    2: "UPDATE messages SET tags = '{\"team\": ' WHERE id = 2",
    3: "UPDATE messages SET tags = '[1, 2]' WHERE id = 3",
    4: "UPDATE messages SET status = 'lost', since = 5 WHERE id = 4",
    5: "UPDATE messages SET sequence = 9223372036854775807 WHERE id = 5",  # seen only when its event is written
    6: "UPDATE messages SET watched_since = -1000000000000000000 WHERE id = 6",
    7: "UPDATE messages SET label = x'ff00' WHERE id = 7",  # a label as bytes: read as text, and polled
    8: "UPDATE messages SET expected_at = 253402300700000 WHERE id = 8",  # a date, and nothing can be added to it
}
ON_POSTGRES = {  # which looks at the form of JSON, at text and at numbers by itself
    2: "UPDATE messages SET tags = '7' WHERE id = 2",
    5: "UPDATE messages SET sequence = 2147483647 WHERE id = 5",
    7: "UPDATE messages SET label = repeat('x', 100000) WHERE id = 7",
}
ASIDE = sorted(set(DAMAGED) - {7})
DAMAGED_EVENTS = {
    "UPDATE events SET data = '{' WHERE message_id = 1": "data",
    "UPDATE events SET at = 10000000000000000 WHERE message_id = 2": "at",
    "UPDATE events SET type = 'message.lost' WHERE message_id = 3": "type",
    "UPDATE deliveries SET first_due_at = 'soon' WHERE subject = 'message/4'": "first_due_at",
}
EVENTS_ON_POSTGRES = {
    "UPDATE events SET data = '[]' WHERE message_id = 1": "data",
    "UPDATE events SET at = 10000000000000000 WHERE message_id = 2": "at",
    "UPDATE events SET type = 'message.lost' WHERE message_id = 3": "type",
    "UPDATE deliveries SET first_due_at = 10000000000000000 WHERE subject = 'message/4'": "first_due_at",
}


def database_of(folder: Path) -> str:
    return str(yaml.safe_load((folder / "config.yaml").read_text())["database"])


def damages(folder: Path) -> dict[int, str]:
    return DAMAGED | ON_POSTGRES if database_of(folder).startswith("postgresql") else DAMAGED


def run_sql(folder: Path, *statements: str) -> None:
    url = database_of(folder)
    if url.startswith("postgresql"):
        with psycopg.connect(url) as server:
            for statement in statements:
                server.execute(statement)
        return
    with closing(sqlite3.connect(folder / "bridge.db", timeout=20)) as database, database:
        for statement in statements:
            database.execute(statement)


def prepare(folder: Path, simulator: Simulator, sink: Sink, database: str, **more: Any) -> None:
    """Let the database have messages, and a configuration that tells two receivers of them."""
    for message_id in (*DAMAGED, GOOD):
        simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
    receivers = [{"name": name, "webhook": f"{sink.url}?{name}"} for name in ("crm", "erp")]
    settings = {"poll": {"every": "250ms"}, "receivers": receivers, "http": {"listen": "127.0.0.1:0"}, **more}
    write_config(folder, {"wbiztool": account(simulator), "database": database, **settings})
    command(folder, "watch", *map(str, (*DAMAGED, GOOD)))


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(folder, "status", "--json").stdout)
    return found


def http_of(daemon: Daemon) -> str:
    until(lambda: '"started"' in daemon.log().rpartition("\n")[0])
    *_, running = (line for line in daemon.log().splitlines() if '"started"' in line)
    return str(json.loads(running)["http"])


@pytest.fixture
def plain_url(database_url: str) -> str:
    """An empty database, as a configuration names it."""
    return database_url.replace("+psycopg", "")


@pytest.fixture
def folder(tmp_path: Path, simulator: Simulator, sink: Sink, plain_url: str) -> Path:
    prepare(tmp_path, simulator, sink, plain_url)
    return tmp_path


def test_damaged_messages_are_set_aside_and_others_go_on(folder: Path, simulator: Simulator, sink: Sink) -> None:
    """Seven rows that can't be polled or judged, and damaged facts: the others are polled, and all is shown.

    Once they are repaired, the next start tries them at once.
    """
    simulator.account.put(8, Status.PENDING)  # or nothing would be added to its date
    run_sql(folder, *damages(folder).values(), "INSERT INTO meta VALUES ('source', 'x'), ('numbers', '[')")
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        until(lambda: {told_of(each) for each in sink.records()} == {7, GOOD})
        until(lambda: len(status(folder)["internal_errors"]) == len(ASIDE))
        shown = status(folder)
        assert sorted(each["of"] for each in shown["internal_errors"]) == [f"message {id_}" for id_ in ASIDE]
        assert shown["checks"]["scheduler"]["ok"]
        words = command(folder, "status")
        assert words.returncode == 1
        assert "internal error, please report it (see CONTRIBUTING.md): message" in words.stdout
        assert_everything_is_shown(folder, http_of(daemon))
        metrics = requests.get(f"{http_of(daemon)}/metrics", timeout=10).text
        (counted,) = re.findall(r'wbiz_bridge_internal_errors_total{of="message"} (\d+)', metrics)
        assert int(counted) >= len(ASIDE)  # more, where this took a minute
        assert "has been set aside" in requests.get(f"{http_of(daemon)}/", timeout=10).text
        assert daemon.process.poll() is None
        assert daemon.stop()[0] == 0
        assert "Traceback" not in daemon.log()
    fixed = "expected_at = NULL, tags = NULL, status = NULL, since = NULL, sequence = 1, watched_since = 1790000000000"
    run_sql(folder, f"UPDATE messages SET {fixed} WHERE id IN (1, 2, 3, 4, 5, 6, 8)")
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        # The eighth is abandoned, being watched for so long, and is told of as well, a little later or not.
        until(lambda: {told_of(each) for each in sink.records()} | {8} == {*DAMAGED, GOOD}, 60)
        until(lambda: status(folder)["internal_errors"] == [])


def test_damaged_delivery_is_set_aside_and_others_go_on(folder: Path, sink: Sink) -> None:
    """Both receivers have nine events queued when their data is damaged for one: the others arrive, this one waits."""
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        until(lambda: len(sink.records()) == 2 * (len(DAMAGED) + 1))
        daemon.stop()
    damaged = EVENTS_ON_POSTGRES if database_of(folder).startswith("postgresql") else DAMAGED_EVENTS
    run_sql(folder, "UPDATE deliveries SET state = 'queued', attempts = 0, finished_at = NULL", *damaged)
    before = sink.count
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        until(lambda: sorted(map(told_of, sink.records()[before:])) == sorted(2 * [5, 6, 7, 8, GOOD]))
        until(lambda: len(status(folder)["internal_errors"]) == 8)
        assert_everything_is_shown(folder, http_of(daemon))
        assert daemon.process.poll() is None
        shown = json.loads(command(folder, "deliveries", "--state", "queued", "--json").stdout)
        unreadable = {each["event"]["data"]["unreadable"][0] for each in shown if "unreadable" in each["event"]["data"]}
        assert unreadable == set(damaged.values())


def test_digest_goes_without_the_event_that_cannot_be_told(
    tmp_path: Path, simulator: Simulator, plain_url: str
) -> None:
    """One of five events that go to Slack together can't be read."""
    with Sink() as slack:
        ops = {"name": "ops", "slack": slack.url, "group": {"wait": "1s"}}
        prepare(tmp_path, simulator, slack, plain_url, receivers=[ops])
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: status(tmp_path)["receivers"].get("ops") == {"delivered": len(DAMAGED) + 1})
            daemon.stop()
        again = "UPDATE deliveries SET state = 'queued', attempts = 0, finished_at = NULL WHERE subject IN {}"
        subjects = tuple(f"message/{id_}" for id_ in (1, 2, 3, 4, 5))
        run_sql(tmp_path, again.format(subjects), "UPDATE events SET data = '[]' WHERE message_id = 3")
        before = slack.count
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            until(lambda: status(tmp_path)["receivers"]["ops"] == {"delivered": len(DAMAGED), "queued": 1})
            (aside,) = status(tmp_path)["internal_errors"]
            assert aside["of"].startswith("delivery ")
            assert daemon.process.poll() is None
            assert daemon.stop()[0] == 0
        (digest,) = slack.records()[before:]
        heading, ids = json.loads(digest.body)["text"].split(" · ")
        assert heading == "❌ 4 WhatsApp messages failed: invalid numbers"
        assert sorted(ids.split(", ")) == ["1", "2", "4", "5"]  # in the order in which they were polled


def break_jobs() -> None:
    """In the daemon's process: let jobs that come again and again raise what nobody expects."""
    supervisor.Supervisor.follow_nudges = _raise  # type: ignore[method-assign,assignment]
    http_service.Web.try_again = _raise  # type: ignore[method-assign,assignment]
    housekeeping.follow_clock = _raise  # type: ignore[assignment]
    daemon_module.HOUSEKEEPING = timedelta(seconds=0.5)
    Store.prune = _raise  # type: ignore[method-assign,assignment]


def _raise(*_: object) -> Any:
    raise RuntimeError("nobody expected this")


def test_job_that_raises_ends_nothing(folder: Path, simulator: Simulator, sink: Sink) -> None:
    """Four of the daemon's jobs raise each time; messages are polled and delivered, and all is shown."""
    simulator.account.put(1)
    steps = {"step deliver", "step clock", "step housekeeping", "step reload"}
    with Daemon(folder, first=break_jobs) as daemon:
        daemon.wait_until_ready()
        until(lambda: {each["of"] for each in status(folder)["internal_errors"]} == steps)
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        until(lambda: sum(told_of(each) == 1 for each in sink.records()) == 2)
        assert "nobody expected this" in command(folder, "status").stdout
        assert daemon.process.poll() is None
        assert daemon.stop()[0] == 0
        assert "Traceback" not in daemon.log()
    with Daemon(folder) as daemon:
        daemon.wait_until_ready()
        until(lambda: status(folder)["internal_errors"] == [])


def break_scheduler() -> None:
    """In the daemon's process: let what gives the beat die once the daemon runs."""
    follow, looks = SteadyScheduler._follow_wall_clock, iter([False] * 5)

    def dying(scheduler: SteadyScheduler) -> None:
        if next(looks, True):
            _raise()
        follow(scheduler)

    SteadyScheduler._follow_wall_clock = dying  # type: ignore[method-assign,assignment]


def test_daemon_whose_scheduler_died_ends_in_words(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """Nothing would be reloaded, watched over or tried again: whoever runs the daemon starts it again."""
    prepare(tmp_path, simulator, sink, "sqlite:///bridge.db")
    with Daemon(tmp_path, first=break_scheduler) as daemon:
        daemon.wait_until_ready()
        assert daemon.process.wait(20) == 1
        lines = daemon.log().splitlines()
    words = "the scheduler was ended by an internal error: RuntimeError: nobody expected this"
    assert lines[-1] == f"wbiz-bridge: {words}"
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert [line["why"] for line in logged if line["event"] == "stopping"] == [words]
    assert "Traceback" not in daemon.log()


def break_http() -> None:
    """In the daemon's process: let the thread of the HTTP server die once, a while after its start."""
    on_tick, ticks = uvicorn.Server.on_tick, iter([*[False] * 20, True])

    async def dying(server: uvicorn.Server, counter: int) -> bool:
        if threading.current_thread().name == "http" and next(ticks, False):
            raise RuntimeError("nobody expected this")
        return await on_tick(server, counter)

    uvicorn.Server.on_tick = dying  # type: ignore[method-assign,assignment]


@pytest.mark.waits
def test_http_thread_that_dies_is_started_again(folder: Path, sink: Sink) -> None:
    with Daemon(folder, first=break_http) as daemon:
        daemon.wait_until_ready()
        until(lambda: '"thread http"' in daemon.log() or "step thread http" in daemon.log())
        until(lambda: '"http_listens"' in daemon.log().rpartition("\n")[0])
        (line,) = (json.loads(line) for line in daemon.log().splitlines() if '"http_listens"' in line)
        assert requests.get(f"{line['http']}/v1/messages", timeout=10).status_code == 200
        until(lambda: status(folder)["internal_errors"] == [])
        until(lambda: sink.count == 2 * (len(DAMAGED) + 1))
        assert "HTTP was ended by an internal error, and is started again" in daemon.log()
        assert daemon.stop()[0] == 0


def assert_everything_is_shown(folder: Path, http: str) -> None:
    """What is damaged keeps nothing from being listed, by commands, over the API and on the page."""
    for listing in (["messages"], ["events"], ["deliveries"]):
        for form in ([], ["--json"]):
            done = command(folder, *listing, *form)
            assert (done.returncode, done.stderr) == (0, ""), listing
            assert str(GOOD) in done.stdout
    ids = range(1, 9)
    paths = ["/", "/messages", "/deliveries", "/v1/messages", "/v1/events", "/v1/deliveries", "/metrics"]
    for path in (*paths, *(f"/messages/{id_}" for id_ in ids), *(f"/v1/messages/{id_}" for id_ in ids)):
        assert requests.get(http + path, timeout=10).status_code == 200, path


def told_of(post: Any) -> int:
    return int(json.loads(post.body)["data"]["message_id"])


def test_single_pass_goes_on_and_says_so(folder: Path, sink: Sink) -> None:
    run_sql(folder, damages(folder)[1], damages(folder)[5])
    done = command(folder, "poll")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("wbiz-bridge: message ")
    assert {told_of(each) for each in sink.records()} == {*DAMAGED, GOOD} - {1, 5}
