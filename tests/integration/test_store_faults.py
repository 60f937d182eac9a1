"""What a real database can do to the store, and what the person who runs it is told."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import traceback
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.errors import BridgeError, NotNowError
from bridge.domain.model import Details, EventType
from bridge.store import breakers, engine
from bridge.store.errors import DatabaseError, UnstorableError
from bridge.store.store import Store
from tests.world import listed
from tests.world.records import NOW, SINCE, due, fail_some, known, record_health, statements, values

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""

_OPEN = """
import sys
from bridge.domain.errors import BridgeError
from bridge.store.store import Store
try:
    Store(sys.argv[1], exclusive=sys.argv[2] == "daemon").set_fact("colour", "green")
except BridgeError as error:
    sys.exit(f"{type(error).__name__} {error.exit_code}: {error}")
"""


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextmanager
def locked_elsewhere(url: str) -> Iterator[None]:
    """Let another process write for as long as this lasts."""
    command = [sys.executable, "-c", _LOCK, str(file_of(url))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            yield
        finally:
            process.communicate(timeout=20)


def without_root() -> list[str]:
    """Begin a command whose files have modes: root is held up by none until it lays down its power over them."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("not on this platform: root can lay down its powers only with setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]


def opened_by(url: str, who: str) -> str:
    """Open a store in a process that file modes hold for, write to it, and return what it said before it ended."""
    command = [*without_root(), sys.executable, "-c", _OPEN, url, who]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=60).stderr.strip()


# Locked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a lock a fifth of a second only."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_locked_for_too_long_is_for_later(sqlite_url: str) -> None:
    with Store(sqlite_url, exclusive=True) as store:
        store.messages.watch([1], NOW)
        with locked_elsewhere(sqlite_url):
            with pytest.raises(NotNowError) as refused:
                fail_some(store, [1])
            assert str(refused.value) == f"the database {file_of(sqlite_url)} is locked by another program"
            assert refused.value.exit_code == 75
            assert known(store, 1).state is None  # reading goes on
        fail_some(store, [1])
        assert len(due(store)) == 1


@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_locked_when_it_is_to_be_made_is_for_later(sqlite_url: str) -> None:
    with locked_elsewhere(sqlite_url), pytest.raises(NotNowError, match="is locked by another program"):
        Store(sqlite_url)


@pytest.mark.postgres
@pytest.mark.usefixtures("impatient")
def test_a_table_that_is_locked_for_too_long_is_for_later(postgres_url: str) -> None:
    with Store(postgres_url, exclusive=True) as store:
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
            other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(NotNowError, match="is busy: another program holds a lock"):
                store.messages.watch([1], NOW)
        assert store.messages.watch([1], NOW) == [1]


def test_more_threads_than_connections_are_told_to_come_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(sqlite_url) as store, ExitStack() as held:
        pool = store._database._engine.pool
        assert isinstance(pool, sa.QueuePool)
        monkeypatch.setattr(pool, "_timeout", 0.05)
        for _ in range(pool.size() + pool._max_overflow):
            held.enter_context(store._database.read())
        with pytest.raises(NotNowError, match="is busy"):
            store.fact("colour")


# Gone, or never there


@pytest.mark.postgres
def test_a_server_that_cut_all_connections_is_used_again(postgres_url: str) -> None:
    with Store(postgres_url) as store:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        statements(store, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        assert store.fact("database_id") == store.id


@pytest.mark.postgres
def test_a_connection_that_is_cut_within_a_transaction_is_for_later(postgres_url: str) -> None:
    with Store(postgres_url) as store:
        with pytest.raises(NotNowError, match="is out of reach: the server ended the connection"):
            _cut(store)
        assert store.fact("database_id") == store.id


def _cut(store: Store) -> None:
    with store._database.write() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        statements(store, f"SELECT pg_terminate_backend({pid})")
        breakers.put(store._database, connection, CircuitBreaker("crm"))


def test_a_server_that_does_not_answer_is_for_later_and_its_password_is_not_shown() -> None:
    password = secrets.token_hex(8)  # made here, for a traceback quotes the test's own lines
    with pytest.raises(NotNowError) as refused:
        Store(f"postgresql+psycopg://bridge:{password}@127.0.0.1:1/none")
    assert "postgresql://bridge:***@127.0.0.1:1/none is out of reach" in str(refused.value)
    assert password not in "".join(traceback.format_exception(refused.value))


# Not what it should be


@pytest.mark.slow
@pytest.mark.parametrize("who", ["daemon", "command"])
def test_a_folder_that_is_read_only_is_named(tmp_path: Path, who: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o555)
    assert opened_by(f"sqlite:///{folder}/bridge.db", who) == (
        f"DatabaseError 74: the database {folder}/bridge.db cannot be made: user root may not write in {folder}, which "
        f"belongs to root (mode 0555); fix: chmod u+rwx {folder}"
    )


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"cannot be made: .*/file is not a folder"):
        Store(f"sqlite:///{tmp_path}/file/bridge.db")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["daemon", "command"])
def test_a_file_that_is_read_only_is_named(sqlite_url: str, who: str) -> None:
    Store(sqlite_url).close()
    file_of(sqlite_url).chmod(0o444)
    assert opened_by(sqlite_url, who) == (
        f"DatabaseError 74: the database {file_of(sqlite_url)} cannot be written: user root may not read and write "
        f"{file_of(sqlite_url)}, which belongs to root (mode 0400); fix: chmod u+rw {file_of(sqlite_url)}"
    )


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_directory_in_place_of_the_file_cannot_be_opened(sqlite_url: str, exclusive: bool) -> None:
    file_of(sqlite_url).mkdir()
    with pytest.raises(DatabaseError, match=r"cannot be opened: .*bridge\.db is a folder: name a file in it"):
        Store(sqlite_url, exclusive=exclusive)


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_file_that_is_no_database_is_left_as_it_is(sqlite_url: str, exclusive: bool) -> None:
    file_of(sqlite_url).write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(DatabaseError, match="is not a database: restore a backup, or move it away to start afresh"):
        Store(sqlite_url, exclusive=exclusive)
    assert file_of(sqlite_url).read_bytes() == b"Dear diary, " * 1000


def test_an_empty_file_becomes_a_database(sqlite_url: str) -> None:
    file_of(sqlite_url).touch()
    with Store(sqlite_url) as store:
        assert store.id


def test_a_file_with_damaged_pages_is_named_as_such(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        fail_some(store, range(1, 501))
    whole = file_of(sqlite_url).read_bytes()
    file_of(sqlite_url).write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(DatabaseError) as refused, Store(sqlite_url) as store:
        listed.events(store)
    assert str(refused.value) == (
        f"the database {file_of(sqlite_url)} is damaged: restore a backup, or move it away to start afresh"
    )


def test_a_file_that_was_cut_short_is_named_as_damaged(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        fail_some(store, range(1, 501))
    os.truncate(file_of(sqlite_url), 3 * 4096)
    with pytest.raises(DatabaseError, match="is damaged"), Store(sqlite_url) as store:
        fail_some(store, range(501, 600))


# Full


def test_a_full_disk_is_for_later_and_leaves_nothing_half_written(sqlite_url: str) -> None:
    with Store(sqlite_url, exclusive=True) as store:
        store.messages.watch([1], NOW)
        ((pages,),) = values(store, "PRAGMA page_count")
        store._database.close()

        def limit(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {int(str(pages)) + 4}")

        sa.event.listen(store._database._engine, "connect", limit)
        with pytest.raises(NotNowError) as refused:
            fail_some(store, range(1, 2001))
        assert str(refused.value) == f"the database {file_of(sqlite_url)} cannot grow: the disk is full"
        assert refused.value.exit_code == 75
        assert (len(listed.messages(store)), len(listed.events(store))) == (1, 0)

        sa.event.remove(store._database._engine, "connect", limit)
        store._database.close()
        assert len(fail_some(store, range(1, 2001))) == 2000


# What is told holds no secret


def test_an_error_shows_neither_sql_nor_what_was_to_be_written(own_store: Store) -> None:
    label = secrets.token_hex(8)
    statements(own_store, "CREATE UNIQUE INDEX one_only ON events (type)")
    own_store.messages.watch([1, 2], NOW, Details(label=label))
    with pytest.raises(DatabaseError) as refused:
        fail_some(own_store, [1, 2])
    shown = "".join(traceback.format_exception(refused.value))
    assert label not in shown
    assert "INSERT" not in shown
    assert "[SQL" not in shown
    assert str(refused.value).startswith(f"the database {own_store.name} answers ")


def test_a_wrong_statement_is_not_for_later(own_store: Store) -> None:
    statements(own_store, "DROP TABLE breakers")
    with pytest.raises(BridgeError) as refused:
        own_store.deliveries.breaker("crm")
    assert refused.type is DatabaseError


def test_the_name_of_a_database_holds_no_password(sqlite_url: str) -> None:
    url = "postgresql+psycopg://bridge:hunter2@db.example.com/bridge"
    assert engine.Database(url).name == "postgresql://bridge:***@db.example.com/bridge"
    with Store(sqlite_url) as store:
        assert store.name == str(file_of(sqlite_url))
        assert record_health(store, EventType.SOURCE_UP, SINCE, NOW, (), facts={}).sequence == 1


@pytest.mark.postgres
def test_connections_are_named_and_notice_a_server_that_is_gone(postgres_url: str) -> None:
    """The kernel is asked to give up a peer that does not answer within half a minute, instead of two hours."""
    with Store(postgres_url) as store, store._database.read() as connection:
        assert connection.scalar(sa.text("SHOW application_name")) == "wbiz-bridge"
        assert connection.scalar(sa.text("SHOW client_encoding")) == "UTF8"
        assert connection.scalar(sa.text("SHOW lock_timeout")) == "10s"
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as raw:
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    with Store(f"{postgres_url}?application_name=mine") as store, store._database.read() as connection:
        assert connection.scalar(sa.text("SHOW application_name")) == "mine"


def test_value_that_no_database_holds_is_an_error_of_ours(own_store: Store) -> None:
    """Not a traceback of the driver's: half of a surrogate pair, a number that is too large."""
    unstorable = ["\ud800"] if own_store._database.path else ["\ud800", "a\0b"]  # SQLite holds a NUL
    for value in unstorable:
        with pytest.raises(UnstorableError, match="cannot hold a value"):
            own_store.set_fact("colour", value)
    with pytest.raises(UnstorableError, match="cannot hold a value"):
        own_store.messages.watch([2**63], NOW)
    own_store.set_fact("colour", "green")
    assert own_store.fact("colour") == "green"
