"""From SQLite to PostgreSQL with everything: nothing is told twice afterwards, and nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bridge.domain.model import Details, Status
from bridge.domain.outcome import Retry
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from bridge.store.store import Store
from tests.world import listed
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.records import NOW, OK, after, due, fail_some, observe, tried
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.sink import Recorded

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SECRET = "hidden-0123456789"


@pytest.fixture
def target(postgres_url: str) -> str:
    """An empty database of PostgreSQL, as a person writes its address."""
    return postgres_url.replace("postgresql+psycopg", "postgresql")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration, and a database in which something of everything has happened."""
    configure(tmp_path, "sqlite:///bridge.db")
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True) as store:
        store.messages.watch([5], NOW, Details(label="Invoice 88", tags={"team": "billing"}))
        fail_some(store, range(1, 4), to=("crm", "ops"))
        observe(store, 5, Status.PENDING)
        for delivery in due(store)[:2]:
            tried(store, delivery, OK)
        tried(store, due(store)[0], Retry("HTTP 503", after=timedelta(hours=1)))
        fail_some(store, [9], after(-100 * 86400))
        for receiver in ("crm", "ops"):
            for delivery in due(store, after(10**6), receiver=receiver):
                if delivery.event.message_id == 9:
                    tried(store, delivery, OK, after(-99 * 86400))
        store.prune(after(-30 * 86400))
    return tmp_path


def configure(folder: Path, database: str, **more: Any) -> None:
    account = {"client_id": 1, "api_key": "unused-key", "base_url": "http://127.0.0.1:9"}
    receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9"}]
    write_config(folder, {"wbiztool": account, "receivers": receivers, "database": database, **more})


def everything(store: Store) -> dict[str, Any]:
    deliveries = listed.deliveries(store)
    return {
        "messages": listed.messages(store),
        "events": listed.events(store),
        "deliveries": deliveries,
        "attempts": {delivery.id: listed.attempts(store, delivery.id) for delivery in deliveries},
        "summary": replace(store.summaries.summary(finished=True), size=0),  # it differs from database to database
        "id": store.id,
    }


def test_everything_is_there_afterwards_and_the_source_is_as_it_was(folder: Path, target: str) -> None:
    with Store(f"sqlite:///{folder}/bridge.db") as store:
        before = everything(store)
    done = command(folder, "move", "--to", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 messages, 4 events" in done.stdout
    assert "set `database:` to that URL" in done.stdout
    with Store(target.replace("postgresql", "postgresql+psycopg")) as store:
        assert everything(store) == before
    with Store(f"sqlite:///{folder}/bridge.db") as store:
        assert everything(store) == before


def test_no_number_and_no_event_s_id_comes_a_second_time(folder: Path, target: str) -> None:
    used = {}
    for name, url in (("sqlite", f"sqlite:///{folder}/bridge.db"), ("postgres", target)):
        if name == "postgres":
            assert command(folder, "move", "--to", target).returncode == 0
        with Store(url.replace("postgresql:", "postgresql+psycopg:"), exclusive=True) as store:
            if name == "sqlite":
                used = {position: event.id for position, event in listed.events(store)}
                highest = max(delivery.id for delivery in listed.deliveries(store))
                continue
            fail_some(store, [9, 10], after(60))
            new = {position: event.id for position, event in listed.events(store) if position not in used}
            assert len(new) == 2
            # What was pruned had numbers too: message 9 was the fifth event.
            assert min(new) > max(used) + 1
            assert not set(new.values()) & set(used.values())
            assert max(delivery.id for delivery in listed.deliveries(store)) > highest
            assert listed.events(store, message_id=9)[-1][1].sequence == 2, "its first is forgotten, and has its id"


def test_a_daemon_goes_on_where_the_other_one_stopped(tmp_path: Path, target: str) -> None:
    down = [True]
    taken: list[Recorded] = []

    def answer(request: Recorded) -> Answer:
        if down[0] and request.path.endswith("?crm"):
            return Answer.status(503)
        taken.append(request)
        return Answer.ok()

    with Simulator() as simulator, Sink(answer) as sink:
        for message_id in range(1, 31):
            simulator.account.put(message_id, Status.PENDING if message_id % 3 else Status.SENT)
        settings = bridge_config(simulator, [webhook(sink, name) for name in ("crm", "ops")], range(1, 31))
        write_config(tmp_path, settings)
        with Daemon(tmp_path, hurry=100) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(30)
            running = command(tmp_path, "move", "--to", target)
            assert (running.returncode, "another bridge" in running.stderr) == (75, True)
            assert daemon.stop()[0] == 0
        assert command(tmp_path, "move", "--to", target).returncode == 0
        down[0] = False
        for message_id in range(1, 31):
            simulator.account.put(message_id, Status.SENT)
        write_config(tmp_path, {**settings, "database": target})
        with Daemon(tmp_path, hurry=100) as daemon:
            daemon.wait_until_ready()
            until(lambda: all(len(told(taken, name)) == len(EXPECTED) for name in ("crm", "ops")))
            assert daemon.stop()[0] == 0
    for name in ("crm", "ops"):
        assert sorted(told(taken, name).values()) == EXPECTED


EXPECTED = sorted(
    (id_, *step) for id_ in range(1, 31) for step in ([(1, "pending"), (2, "sent")] if id_ % 3 else [(1, "sent")])
)


def told(taken: list[Recorded], name: str) -> dict[str, tuple[int, int, str]]:
    """What a receiver took, by the events' ids: message, sequence, status."""
    events = [json.loads(each.body) for each in list(taken) if each.path.endswith(f"?{name}")]
    return {
        event["id"]: (event["data"]["message_id"], event["data"]["sequence"], event["data"]["current"]["status"])
        for event in events
        if event["type"].startswith("message.")
    }


@pytest.mark.parametrize(
    ("to", "code", "words"),
    [
        ("sqlite:////tmp/other.db", 2, "--to: must be a PostgreSQL URL: postgresql://user@host/name"),
        ("mysql://x@y/z", 2, "--to: not a usable database"),
        (f"postgresql://x:{SECRET}@127.0.0.1:1/bridge", 75, "postgresql://x:***@127.0.0.1:1/bridge is out of"),
    ],
)
def test_where_it_cannot_go_is_said_without_the_password(folder: Path, to: str, code: int, words: str) -> None:
    done = command(folder, "move", "--to", to)
    assert done.returncode == code
    assert words in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_a_database_that_is_in_use_is_not_written_to(folder: Path, target: str) -> None:
    with Store(target.replace("postgresql", "postgresql+psycopg"), exclusive=True) as store:
        store.messages.watch([77], NOW)
        before = everything(store)
        running = command(folder, "move", "--to", target)
        assert (running.returncode, "another bridge is running" in running.stderr) == (75, True)
    done = command(folder, "move", "--to", target)
    assert (done.returncode, "is not empty, a bridge has used it: name one that is" in done.stderr) == (2, True)
    with Store(target.replace("postgresql", "postgresql+psycopg")) as store:
        assert everything(store) == before


def test_a_dry_run_counts_and_writes_nothing(folder: Path, target: str) -> None:
    done = command(folder, "move", "--dry-run", extra={"WBIZ_BRIDGE_MOVE_TO": target})
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 messages, 4 events" in done.stdout
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_what_is_in_postgresql_already_is_not_moved(folder: Path, target: str) -> None:
    configure(folder, target)
    done = command(folder, "move", "--to", target)
    assert (done.returncode, "is already PostgreSQL" in done.stderr) == (2, True)
