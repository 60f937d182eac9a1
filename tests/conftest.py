"""What all tests share: an empty database of either kind, a store on it, and no skips where CI can do without them."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import hypothesis
import psycopg
import pytest
import sqlalchemy as sa

from bridge.store.store import Store
from bridge.store.tables import metadata
from tests.world import schemas

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# Every worker and every command would compile all modules again: a third of what the tests take.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

DEFAULT_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_ALLOWED_SKIP = "not on this platform"

# A busy machine is no fault of the rule under test. Who waits for the tests gets fewer examples than CI tries.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=40)
hypothesis.settings.register_profile("thorough", deadline=None)
hypothesis.settings.load_profile("thorough" if os.environ.get("CI") == "true" else "quick")


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither find a database, a socket or a `dev` of this machine's user, nor leave one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield


@pytest.fixture(params=[pytest.param(6, id="few"), pytest.param(20, id="many", marks=pytest.mark.chaos)])
def examples(request: pytest.FixtureRequest) -> hypothesis.settings:
    """For a rule whose every example goes through a database or HTTP: a few, and many among the long runs."""
    return hypothesis.settings(max_examples=request.param)


def _no_skips_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, count a skip as a failure: what is skipped there is never run at all."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(_ALLOWED_SKIP):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, which can provide it: {reason}"


def pytest_xdist_auto_num_workers() -> int:
    """Run more tests side by side than there are cores: most of them wait for a daemon, and not for the machine."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each test's report."""
    report = yield
    _no_skips_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module's report: a module may be skipped as a whole."""
    report = yield
    _no_skips_in_ci(report)
    return report


@pytest.fixture(scope="session", autouse=True)
def _every_event_is_as_its_schema_says() -> Iterator[None]:
    """Look at all events that any test's own process writes, and at all that come to a receiver in it."""
    with schemas.watched():
        yield


@pytest.fixture(autouse=True)
def _no_event_came_otherwise() -> Iterator[None]:
    yield
    assert schemas.complaints() == []


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a server on which databases may be made."""
    url = os.environ.get("WBIZ_BRIDGE_TEST_POSTGRES", DEFAULT_POSTGRES)
    try:
        with psycopg.connect(url, connect_timeout=3):
            return url
    except psycopg.OperationalError as error:
        place = sa.make_url(url).render_as_string(hide_password=True)
        pytest.skip(f"no PostgreSQL server answers at {place} ({type(error).__name__})")


@contextmanager
def _throw_away(server_url: str) -> Iterator[sa.URL]:
    """Make a database and drop it at the end."""
    name = f"wbiz_bridge_test_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # no test pulls the server's plug
            yield sa.make_url(server_url).set(drivername="postgresql+psycopg", database=name)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _run(url: sa.URL, *statements: str) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        # A test that left a transaction open fails the next one, instead of holding it up.
        for statement in ("SET lock_timeout = '10s'", "SET client_min_messages = warning", *statements):
            connection.execute(statement)


@pytest.fixture(scope="session")
def _postgres_bare(postgres_server: str) -> Iterator[sa.URL]:
    """One database for all tests that want an empty one: making and dropping one takes the server long."""
    with _throw_away(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_made(postgres_server: str) -> Iterator[sa.URL]:
    """One database for all tests that want one that is ready: making the tables takes longer than most tests."""
    with _throw_away(postgres_server) as url:
        Store(url.render_as_string(hide_password=False)).close()
        yield url


@pytest.fixture(scope="session")
def _sqlite_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be copied, as above."""
    file = tmp_path_factory.mktemp("made") / "bridge.db"
    Store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def postgres_url(_postgres_bare: sa.URL) -> str:
    """An empty PostgreSQL database."""
    _run(_postgres_bare, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return _postgres_bare.render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/bridge.db"


_KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=_KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=_KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The daemon's store with nothing in it, on SQLite and on PostgreSQL. A test that changes tables takes another."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_sqlite_made"), tmp_path / "bridge.db")
        url: str = request.getfixturevalue("sqlite_url")
    else:
        made: sa.URL = request.getfixturevalue("_postgres_made")
        _run(made, *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)))
        url = made.render_as_string(hide_password=False)
    with Store(url, exclusive=True) as opened:
        yield opened


@pytest.fixture
def sqlite_store(_sqlite_made: Path, tmp_path: Path) -> Iterator[Store]:
    """The daemon's store with nothing in it, on SQLite: for what is above the store, and the same on both."""
    shutil.copy(_sqlite_made, tmp_path / "bridge.db")
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True) as opened:
        yield opened


@pytest.fixture
def own_store(database_url: str) -> Iterator[Store]:
    """The daemon's store on tables that no other test sees, so that this one may change them."""
    with Store(database_url, exclusive=True) as opened:
        yield opened
