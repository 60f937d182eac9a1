"""A PostgreSQL server of a test's own, which it may stop, promote and misconfigure, and a PgBouncer before one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg
import pytest

from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OWNER = "postgres"
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@*/bin")
_QUICK = "fsync=off", "full_page_writes=off"  # what is committed survives a crash of the server, not of the machine


def _program(name: str) -> str:
    """Where one of the server's programs is; the test is skipped where it is not."""
    if found := shutil.which(name):
        return found
    for place in _PLACES:
        for folder in sorted(Path("/").glob(place[1:]), reverse=True):
            if (folder / name).is_file():
                return str(folder / name)
    return pytest.skip(f"no {name} here: install PostgreSQL's server")


def as_owner(*command: str) -> list[str]:
    """Begin a command as a user who may run a server: root may not."""
    if os.geteuid() != 0:
        return [*command]
    try:
        pwd.getpwnam(_OWNER)
    except KeyError:
        pytest.skip(f"root cannot run a PostgreSQL server, and there is no user {_OWNER}")
    if shutil.which("setpriv") is None:
        pytest.skip("not on this platform: root becomes another user by setpriv only")
    return ["setpriv", f"--reuid={_OWNER}", f"--regid={_OWNER}", "--init-groups", "--", *command]


def free_port() -> int:
    """A port that nobody listens at now: programs that can't take port 0 get it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _run(*command: str) -> None:
    done = subprocess.run(as_owner(*command), capture_output=True, text=True, cwd="/", check=False, timeout=60)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


class Cluster:
    """A server on loopback, without passwords, and its user ``bridge`` who may do everything. Use :func:`cluster`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", user: str = "bridge") -> str:
        """The address of a database on it."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it, and wait until it takes connections."""
        options = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        options |= dict(each.split("=") for each in _QUICK) | dict(settings or {})
        given = [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            command = as_owner(_program("postgres"), "-D", str(self.folder / "data"), *given)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)
        until(self._answers, 60)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it: at once (SIGQUIT, as a crash would), or in order (SIGINT). Safe to call twice."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def promote(self) -> None:
        """Make a standby the primary."""
        _run(_program("pg_ctl"), "promote", "-D", str(self.folder / "data"), "-w")

    def copy(self, folder: Path) -> Cluster:
        """Make a standby of it: it follows this server once it is started."""
        _run(_program("pg_basebackup"), "-d", self.url(), "-D", str(folder / "data"), "-R", "-c", "fast")
        return Cluster(folder, free_port())

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Execute statements as an administrator would."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                connection.execute(statement)

    def holds(self, question: str, database: str) -> bool:
        """Ask for a boolean."""
        with psycopg.connect(self.url(database), connect_timeout=5) as connection:
            row = connection.execute(question).fetchone()
            return bool(row and row[0])

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text(errors="replace")[-3000:]
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def folders() -> Iterator[Path]:
    """A folder that the server's user may use: pytest's are closed to others."""
    with tempfile.TemporaryDirectory(prefix="wbiz-cluster-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, _OWNER)
        yield Path(name)


@contextmanager
def cluster(*, encoding: str = "UTF8", start: bool = True) -> Iterator[Cluster]:
    """Make a server, and end it with everything that is in it."""
    with ExitStack() as stack:
        folder = stack.enter_context(folders())
        made_by = ("-D", str(folder / "data"), "-U", "bridge", "-A", "trust", "-E", encoding, "--no-locale", "-N")
        _run(_program("initdb"), *made_by)
        made = stack.enter_context(Cluster(folder, free_port()))
        if start:
            made.start()
        yield made
