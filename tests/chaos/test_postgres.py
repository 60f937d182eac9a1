"""PostgreSQL as it is in life, under the real daemon: it goes on by itself within seconds, and loses nothing.

Most of it needs a server of the tests' own: one that they may stop, promote and make read-only.
"""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from bridge.store.postgres import Server
from tests.world.cluster import cluster, folders
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.relay import Relay
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.world.cluster import Cluster

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]

BACK_WITHIN = 10.0
"""Seconds in which the daemon must go on when the database is well again, on a busy machine."""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
def database(server: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on a server that runs."""
    name = f"x{abs(hash(request.node.name))}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class World:
    """A daemon on a database, between a simulated WbizTool and a receiver."""

    def __init__(self, simulator: Simulator, sink: Sink, daemon: Daemon) -> None:
        self.simulator = simulator
        self.sink = sink
        self.daemon = daemon
        self._expected = 1

    def changes(self, status: Status) -> None:
        """Let the message change, which must be noticed and delivered some time."""
        self.simulator.account.put(1, status)
        self._expected += 1

    def is_up_to_date(self) -> bool:
        return self.sink.count >= self._expected

    def assert_goes_on_within(self, seconds: float) -> None:
        """Wait until everything was delivered that happened; exactly once, for no POST was cut."""
        started = time.monotonic()
        until(self.is_up_to_date, seconds)
        print(f"went on {time.monotonic() - started:.1f} s after it was well again")  # noqa: T201 -- with pytest -rP
        ids = [record.headers["webhook-id"] for record in self.sink.records()]
        assert len(ids) == len(set(ids)) == self._expected
        assert "Traceback" not in self.daemon.log()
        assert self.daemon.process.poll() is None


@contextmanager
def watching(folder: Path, database: str) -> Iterator[World]:
    """A daemon that has delivered a first event."""
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        receivers, poll = [webhook(sink, events=["message.*"])], {"every": "250ms", "linger": "1h"}
        write_config(folder, bridge_config(simulator, receivers, [1], poll=poll, database=database))
        with Daemon(folder) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            yield World(simulator, sink, daemon)
            assert daemon.stop()[0] == 0


@pytest.mark.parametrize("how", ["SYSTEM", "DATABASE"])
def test_read_only_for_a_while_is_only_a_pause(tmp_path: Path, server: Cluster, database: str, how: str) -> None:
    """As managed services do when a disk fills up. Sessions that began meanwhile stay read-only: they must go."""
    name = database.rpartition("/")[2]
    what = "SYSTEM" if how == "SYSTEM" else f"DATABASE {name}"
    with watching(tmp_path, database) as world:
        server.execute(f"ALTER {what} SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        words = f"the database {database} is read-only now"
        until(lambda: words in world.daemon.log())
        status = command(tmp_path, "status")
        assert (status.returncode, words in status.stdout) == (1, True), status.stdout
        world.changes(Status.FAILED)
        time.sleep(3)
        assert not world.is_up_to_date()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER {what} RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
        world.assert_goes_on_within(BACK_WITHIN)


def test_rights_taken_away_for_a_while_are_only_a_pause(tmp_path: Path, server: Cluster, database: str) -> None:
    """What would end a start does not end a daemon, and no message is set aside for it."""
    name = database.rpartition("/")[2]
    server.execute("CREATE ROLE app LOGIN", f"ALTER DATABASE {name} OWNER TO app")
    with watching(tmp_path, server.url(name, "app")) as world:
        server.execute(
            "ALTER ROLE app NOLOGIN",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
        )
        world.changes(Status.FAILED)
        until(lambda: "the role may not log in" in world.daemon.log())
        time.sleep(2)
        server.execute("ALTER ROLE app LOGIN")
        world.assert_goes_on_within(BACK_WITHIN)
        assert "internal" not in world.daemon.log()


def test_right_to_write_that_was_taken_away_is_told(tmp_path: Path, server: Cluster, database: str) -> None:
    """By `status`, which asks the daemon."""
    name = database.rpartition("/")[2]
    server.execute("CREATE ROLE writer LOGIN", f"ALTER DATABASE {name} OWNER TO writer")
    with watching(tmp_path, server.url(name, "writer")) as world:
        assert json.loads(command(tmp_path, "status", "--json").stdout)["checks"]["database"]["ok"]
        with psycopg.connect(server.url(name, "writer"), autocommit=True) as connection:
            connection.execute("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM writer")
        world.changes(Status.FAILED)
        until(lambda: command(tmp_path, "status").returncode == 1)
        shown = json.loads(command(tmp_path, "status", "--json").stdout)
        assert not shown["checks"]["database"]["ok"]
        assert "does not let the user do what the bridge must do" in shown["faults"][0]
        assert shown["checks"]["database"]["why"] in world.daemon.log()
        with psycopg.connect(server.url(name, "writer"), autocommit=True) as connection:
            connection.execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer")
        world.assert_goes_on_within(BACK_WITHIN)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_server_that_is_away_is_waited_for(tmp_path: Path, server: Cluster, database: str, how: signal.Signals) -> None:
    with watching(tmp_path, database) as world:
        server.stop(how)
        world.changes(Status.FAILED)
        status = command(tmp_path, "status")
        assert (status.returncode, "is out of reach" in status.stdout) == (1, True)
        until(lambda: "is out of reach" in world.daemon.log())
        server.start()
        world.assert_goes_on_within(BACK_WITHIN)


def test_standby_takes_over_by_several_hosts(tmp_path: Path) -> None:
    """The primary dies, the standby that read-only sessions were refused by is promoted: the bridge finds it."""
    with ExitStack() as stack:
        primary = stack.enter_context(cluster(start=False))
        primary.start({"wal_level": "replica"})
        primary.execute("CREATE DATABASE bridge")
        standby = stack.enter_context(primary.copy(stack.enter_context(folders())))
        standby.start({"hot_standby": "on"})
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        address = f"postgresql://bridge@{hosts}/bridge?target_session_attrs=any"
        world = stack.enter_context(watching(tmp_path, address))
        until(lambda: standby.holds("SELECT count(*) = 1 FROM deliveries WHERE state = 'delivered'", "bridge"))
        primary.stop()
        world.changes(Status.FAILED)
        until(lambda: "is read-only now" in world.daemon.log())
        standby.promote()
        world.assert_goes_on_within(BACK_WITHIN)


def test_connections_that_are_cut_anywhere_lose_and_repeat_nothing(tmp_path: Path, database: str) -> None:
    """A relay cuts all connections again and again: between, and in the middle of transactions."""
    with Relay(database) as relay, watching(tmp_path, relay.url) as world:
        for number in range(20):
            world.changes(Status.FAILED if number % 2 == 0 else Status.SENT)
            relay.cut_after(number % 7 + 1)
            until(world.is_up_to_date, BACK_WITHIN + 5)
        world.assert_goes_on_within(BACK_WITHIN)
        assert relay.cuts >= 20


COMMANDS = (["run"], ["poll"], ["messages"], ["check", "--online"])


def refusals(folder: Path, database: str, *commands: list[str]) -> set[tuple[int, str]]:
    """How commands end on a database, and what they say."""
    with Simulator() as simulator:
        receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
        write_config(folder, bridge_config(simulator, receivers, [1], poll=None, database=database))
        ended = [command(folder, *arguments) for arguments in commands]
        assert simulator.polls.total() == 0
    assert {done.stdout for done in ended} == {""}
    assert {done.stderr.count("\n") for done in ended} == {1}, "one sentence"
    return {(done.returncode, done.stderr.removeprefix("wbiz-bridge: the database ")[:-1]) for done in ended}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_database_of_another_encoding_is_refused_before_anything_is_written(
    tmp_path: Path, server: Cluster, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    server.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
    ((code, words),) = refusals(tmp_path, server.url(name), *COMMANDS)
    assert code == 78
    assert words.startswith(f"{server.url(name)} has the encoding {encoding}, which cannot hold every text: make one")
    write_config(tmp_path, {"wbiztool": {"client_id": 1, "api_key": "k"}, "messages": [1], "database": "sqlite:///b.db",
                            "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]})  # fmt: skip
    assert command(tmp_path, "watch", "1").returncode == 0
    moved = command(tmp_path, "move", "--to", server.url(name))
    assert (moved.returncode, f"has the encoding {encoding}" in moved.stderr) == (78, True)
    assert not server.holds("SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public')", name)


REFUSED = {
    "locked:wrong-password": (77, "refuses the password: correct it in `database:`"),
    "locked": (77, "refuses the password: correct it in `database:`"),
    "away": (77, "refuses the user: see whether the role exists and may log in"),
    "nobody": (77, "refuses the user: there is no such role"),
    "group_only": (77, "refuses the user: the role may not log in"),
    "guest": (78, "does not let the user do what the bridge must do"),
    "few": (75, "has no free connection: raise the limit"),
}
"""Users, and what is said of each."""


def test_each_refusal_has_a_sentence_and_a_code(tmp_path: Path, server: Cluster, database: str) -> None:
    hba = server.folder / "data" / "pg_hba.conf"
    before = hba.read_text(encoding="utf-8")
    closed = "host all locked 127.0.0.1/32 scram-sha-256\nhost all away 127.0.0.1/32 reject\n"
    hba.write_text(closed + before, encoding="utf-8")
    server.execute(
        "CREATE ROLE locked LOGIN PASSWORD 'right-password'",
        "CREATE ROLE away LOGIN",
        "CREATE ROLE guest LOGIN",
        "CREATE ROLE group_only NOLOGIN",
        "CREATE ROLE few LOGIN CONNECTION LIMIT 0",
        "SELECT pg_reload_conf()",
    )
    place = database.partition("@")[2]
    expected = {f"postgresql://{who}@{place}": said for who, said in REFUSED.items()}
    expected[server.url("none")] = 78, "does not exist on this server: create it"
    expected[f"{database}?sslmode=require"] = 78, "has no TLS"
    for url, (code, words) in expected.items():
        ((found, said),) = refusals(tmp_path, url, ["run"], ["check", "--online"])
        assert (found, words in said) == (code, True), said
        assert "wrong-password" not in said
    hba.write_text(before, encoding="utf-8")
    server.execute("SELECT pg_reload_conf()")


def test_code_of_a_refusal_is_known_in_every_language(server: Cluster) -> None:
    """libpq has no code of a refusal, only the server's words, which may be German: the code is asked for."""
    for url, code in ((server.url("none"), "3D000"), (server.url(user="nobody"), "28000")):
        assert Server(url, lock_timeout=1)._ask_again() == code
    assert Server("postgresql://bridge@127.0.0.1:1/x", lock_timeout=1)._ask_again() is None
