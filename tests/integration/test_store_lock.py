"""One daemon to a database. The other one is a real process, and is really killed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from bridge.domain.errors import NotNowError
from bridge.store.errors import DatabaseError
from bridge.store.lock import _ADVISORY_KEY
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLD = """
import sys
from bridge.store.store import Store
with Store(sys.argv[1], exclusive=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def daemon_elsewhere(url: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock, until its standard input is closed or it is killed."""
    command = [sys.executable, "-c", _HOLD, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def wait_until_the_server_noticed(url: str) -> None:
    """PostgreSQL gives a killed client's lock to whoever waits for it."""
    if url.startswith("sqlite"):
        return
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute("SET lock_timeout = '20s'")
        server.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_KEY])
        server.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_KEY])


@pytest.mark.slow
def test_a_second_daemon_is_told_that_another_one_runs(database_url: str) -> None:
    with daemon_elsewhere(database_url) as other:
        with pytest.raises(NotNowError) as refused:
            Store(database_url, exclusive=True)
        assert refused.value.exit_code == 75
        assert "another bridge" in str(refused.value)
        assert str(refused.value).endswith(": stop that one first")
        if database_url.startswith("sqlite"):
            assert f"(process {other.pid})" in str(refused.value)


@pytest.mark.slow
def test_the_lock_is_free_again_after_the_daemon_was_killed(database_url: str) -> None:
    with daemon_elsewhere(database_url) as other:
        other.kill()
        other.wait()
        wait_until_the_server_noticed(database_url)
        with Store(database_url, exclusive=True) as store:
            assert store.id


@pytest.mark.slow
def test_the_lock_is_free_again_as_soon_as_the_daemon_has_ended(database_url: str) -> None:
    for _ in range(5):
        with Store(database_url, exclusive=True), pytest.raises(NotNowError):
            Store(database_url, exclusive=True)


def test_a_daemon_that_could_not_start_leaves_the_lock_free(sqlite_url: str, tmp_path: Path) -> None:
    damaged = tmp_path / "bridge.db"
    damaged.write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseError):
        Store(sqlite_url, exclusive=True)
    damaged.unlink()
    with Store(sqlite_url, exclusive=True) as store:
        assert store.id


def test_commands_read_and_write_beside_a_running_daemon(store: Store) -> None:
    url = store._database.url
    with Store(url) as first, Store(url) as second:
        first.set_fact("colour", "green")
        assert second.fact("colour") == store.fact("colour") == "green"


def test_the_lock_is_one_for_each_database(tmp_path: Path) -> None:
    with (
        Store(f"sqlite:///{tmp_path}/one.db", exclusive=True) as one,
        Store(f"sqlite:///{tmp_path}/two.db", exclusive=True) as two,
    ):
        assert one.id != two.id


def test_the_lock_file_holds_the_process_id_and_is_private(sqlite_url: str, tmp_path: Path) -> None:
    with Store(sqlite_url, exclusive=True):
        lock = tmp_path / "bridge.db.lock"
        assert lock.read_text(encoding="ascii").split() == [str(os.getpid())]
        assert lock.stat().st_mode & 0o777 == 0o600
