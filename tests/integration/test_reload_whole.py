"""A reload is a transaction: the new configuration is in force as a whole, or nothing of it is."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from tests.world.daemon import Daemon, write_config
from tests.world.hurried import be_impatient
from tests.world.reloading import TOKEN, WRONG_KEY, World, answers, faults, ready, with_faults
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path, simulator: Simulator, sink: Sink) -> World:
    return World(tmp_path, simulator, sink)


def test_fault_in_one_section_changes_nothing(world: World) -> None:
    """Two that show when the file is read, two that show later. tests/chaos has all sections, and any two of them."""
    world.assert_refused_whole(lambda _: [("http",), ("credentials",), ("receivers",), ("lists",)])


def test_faults_that_only_show_now_are_all_named(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Daemon(world.folder) as daemon:
        daemon.wait_until_ready()
        wrong = faults(taken.getsockname()[1])
        world.reload(daemon, with_faults(world.new(), wrong["http"][0], wrong["credentials"][0]))
        assert wrong["http"][1] in daemon.log()
        assert wrong["credentials"][1] in daemon.log()
        assert daemon.stop()[0] == 0


def test_same_port_at_another_address_is_taken_over_or_left(world: World) -> None:
    """127.0.0.1:8095 to 0.0.0.0:8095 and back, first with a wrong key beside it."""
    port = world.old_port
    narrow, wide = (
        world.config(1, port, "old", http={"listen": f"{host}:{port}", "token": TOKEN})
        for host in ("127.0.0.1", "0.0.0.0")
    )
    wrong = {"wbiztool": {"api_key": WRONG_KEY}}
    with Daemon(world.folder) as daemon:
        daemon.wait_until_ready()
        world.reload(daemon, with_faults({**wide}, wrong))
        assert answers("127.0.0.1", port)
        assert not answers("127.0.0.2", port)
        world.reload(daemon, wide)
        assert answers("127.0.0.1", port)
        assert answers("127.0.0.2", port)
        world.reload(daemon, with_faults({**narrow}, wrong))
        assert answers("127.0.0.1", port)
        assert answers("127.0.0.2", port)
        world.reload(daemon, narrow)
        assert answers("127.0.0.1", port)
        assert not answers("127.0.0.2", port)
        assert daemon.log().count('"event": "config_reloaded"') == 2
        assert daemon.stop()[0] == 0


def test_token_changes_without_a_refused_connection(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """The new server has the old one's socket: with port 0, the port stays as well."""
    world = World(tmp_path, simulator, sink)
    http = {"listen": "127.0.0.1:0", "token": TOKEN}
    write_config(tmp_path, world.config(1, 0, "old"))
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: '"event": "started"' in daemon.log())
        (line,) = (json.loads(line) for line in daemon.log().splitlines() if '"event": "started"' in line)
        port = int(line["http"].rpartition(":")[2])
        done = daemon.log().count('"event": "config_reload')
        write_config(tmp_path, world.config(1, 0, "old", http={**http, "token": f"{TOKEN}-2"}))
        daemon.process.send_signal(signal.SIGHUP)
        asked = 0
        while daemon.log().count('"event": "config_reload') == done:
            assert answers("127.0.0.1", port)
            asked += 1
        assert asked
        with requests.Session() as session:
            session.trust_env = False
            shown = {"Authorization": f"Bearer {TOKEN}-2"}
            url = f"http://127.0.0.1:{port}/v1/messages/99/poll"
            assert session.post(url, headers=shown, timeout=5).status_code == 404
        assert daemon.stop()[0] == 0


def test_locked_database_delays_a_reload_as_a_whole(world: World) -> None:
    with Daemon(world.folder, first=be_impatient) as daemon:
        daemon.wait_until_ready()
        until(lambda: world.told() == [("old", 1, "message.pending")])
        with locked(world.folder / "bridge.db"):
            write_config(world.folder, world.new())
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: "reading the configuration again" in daemon.log())
            assert answers("127.0.0.1", world.old_port)
            assert not answers("127.0.0.1", world.new_port)
            assert world.simulator.polls[2] == 0
        world.assert_new_is_whole()
        assert '"event": "config_reload_refused"' not in daemon.log()
        assert daemon.stop()[0] == 0


def test_refusal_is_shown_once_the_database_can_be_written(world: World) -> None:
    with Daemon(world.folder, first=be_impatient) as daemon:
        daemon.wait_until_ready()
        with locked(world.folder / "bridge.db"):
            world.reload(daemon, {**world.new(), "poll": {"every": "never"}})
        until(lambda: "poll.every" in str(ready(world.old_port)["checks"]["configuration"]["why"]))
        assert daemon.stop()[0] == 0


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let nobody else write."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
