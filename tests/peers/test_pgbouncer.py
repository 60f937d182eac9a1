"""PgBouncer before PostgreSQL, as Debian installs it: session mode does, the other modes are refused."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from bridge.domain.model import Status
from bridge.simulator.sink import Sink
from tests.world.cluster import as_owner, folders, free_port
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.programs import Program, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = [pytest.mark.peers, pytest.mark.postgres]


@contextmanager
def pooled(url: str, mode: str, folder: Path) -> Iterator[str]:
    """A PgBouncer with its defaults but for the mode; the database's address through it."""
    server, port = sa.make_url(url), free_port()
    password = f" password={server.password}" if server.password else ""
    settings = (
        "[databases]",
        f"* = host={server.host} port={server.port or 5432} user={server.username}{password}",
        "[pgbouncer]",
        *("listen_addr=127.0.0.1", f"listen_port={port}", "auth_type=any", "unix_socket_dir=", f"pool_mode={mode}"),
    )
    (folder / "pgbouncer.ini").write_text("\n".join(settings), encoding="utf-8")
    with Program(folder, *as_owner(find("pgbouncer"), str(folder / "pgbouncer.ini"))) as program:
        assert program.url == f"http://127.0.0.1:{port}"
        yield f"postgresql://{server.username}@127.0.0.1:{port}/{server.database}"


@pytest.fixture
def folder() -> Iterator[Path]:
    with folders() as made:
        yield made


def configure(tmp_path: Path, simulator: Simulator, sink: Sink, database: str) -> None:
    settings = bridge_config(
        simulator, [webhook(sink, events=["message.*"])], [1], poll={"every": "250ms"}, database=database
    )
    write_config(tmp_path, settings)


def test_session_mode_does_with_its_defaults(
    tmp_path: Path, folder: Path, postgres_url: str, simulator: Simulator
) -> None:
    """Two nodes through the pooler poll, deliver and share; commands read beside them."""
    simulator.account.put(1)
    with Sink() as sink, pooled(postgres_url, "session", folder) as url:
        configure(tmp_path, simulator, sink, url)
        assert "can be used; it is empty" in command(tmp_path, "check", "--online").stdout
        second = tmp_path / "second"
        second.mkdir()
        configure(second, simulator, sink, url)
        with Daemon(tmp_path) as daemon, Daemon(second) as other:
            daemon.wait_until_ready()
            other.wait_until_ready()
            sink.wait_for(1)
            simulator.account.put(1, Status.FAILED, "अमान्य नंबर €")
            sink.wait_for(2)
            status = command(tmp_path, "status")
            assert status.returncode == 0, status.stdout
            assert "50% of the rate" in status.stdout
            assert (daemon.stop()[0], other.stop()[0]) == (0, 0)
        assert "अमान्य नंबर €" in command(tmp_path, "events", "--json").stdout
        assert '"level": "error"' not in daemon.log()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_other_modes_are_refused_in_words(
    tmp_path: Path, folder: Path, postgres_url: str, simulator: Simulator, mode: str
) -> None:
    with Sink() as sink, pooled(postgres_url, mode, folder) as url:
        configure(tmp_path, simulator, sink, url)
        for arguments in (["run"], ["poll"], ["check", "--online"], ["messages"]):
            done = command(tmp_path, *arguments)
            assert done.returncode == 78, done.stderr
            (line,) = done.stderr.splitlines()
            assert f"the database {url} is behind a pooler in transaction or statement mode" in line
            assert "pool_mode=session" in line
    assert simulator.polls.total() == 0
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        made = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert made == [], "nothing was made in it"


def test_parameter_that_the_pooler_refuses_is_named(
    tmp_path: Path, folder: Path, postgres_url: str, simulator: Simulator
) -> None:
    with Sink() as sink, pooled(postgres_url, "session", folder) as url:
        configure(tmp_path, simulator, sink, f"{url}?options=-c%20work_mem%3D8MB")
        done = command(tmp_path, "check", "--online")
        assert (done.returncode, "ignore_startup_parameters" in done.stderr) == (78, True)
        configure(tmp_path, simulator, sink, url.replace(url.rpartition("/")[2], f"none_{os.getpid()}"))
        done = command(tmp_path, "check", "--online")
        assert (done.returncode, "does not exist on this server: create it" in done.stderr) == (78, True)
