"""A backup is whole, whenever it is made; an upgrade makes one first; and what a restore means is what docs say."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Recorded, Sink
from bridge.store import backup, migrate, migrations, opening
from bridge.store.backup import back_up
from bridge.store.engine import Database
from bridge.store.errors import DamagedError, DatabaseError
from bridge.store.migrate import revision
from bridge.store.store import Store
from bridge.store.tables import HEAD
from bridge.store.temporary_folders import locked
from tests.world import listed
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.nodes import leases
from tests.world.printed import block
from tests.world.records import NOW, fail_some, observe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

_LATER = '''
"""A migration of a later version."""

from alembic import op

revision = "9000"
down_revision = "{head}"

def upgrade() -> None:
    {upgrade}
'''

_KILLED = """
import os, signal, sys

def hook(event, arguments):
    if event == sys.argv[1] and str(arguments[0]).endswith("/copy"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from bridge.store import migrate, opening, store
migrate.SCRIPTS, migrate.HEAD = sys.argv[3:]
opening.HEAD = migrate.HEAD
store.Store(sys.argv[2], exclusive=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database in which five messages failed."""
    file = tmp_path / "bridge.db"
    with Store(f"sqlite:///{file}", exclusive=True) as store:
        fail_some(store, range(1, 6))
    return file


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB: room for one database, and not for its backup."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("not on this platform: only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let this be a later version of the bridge, with one more migration, which does what it is given."""

    def upgrade(does: str = "op.execute('CREATE TABLE later (id INTEGER)')") -> None:
        scripts = tmp_path / "migrations"
        shutil.copytree(Path(migrations.__file__).parent, scripts)
        (scripts / "versions" / "v9000_later.py").write_text(_LATER.format(head=HEAD, upgrade=does))
        monkeypatch.setattr(migrate, "SCRIPTS", str(scripts))
        monkeypatch.setattr(migrate, "HEAD", "9000")
        monkeypatch.setattr(opening, "HEAD", "9000")

    return upgrade


def failed_in(file: Path) -> list[int | None]:
    """List the messages of which a database tells that they failed; all of them must be queued."""
    with Store(f"sqlite:///{file}") as store:
        events = [event.message_id for _, event in listed.events(store)]
        assert sorted(delivery.event.message_id or 0 for delivery in listed.deliveries(store)) == sorted(
            message_id or 0 for message_id in events
        )
    return events


def read(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def tables(file: Path) -> set[str]:
    return {name for (name,) in read(file, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_backup_holds_everything_in_one_file_that_only_its_owner_reads(database: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    copy = tmp_path / "copy.db"
    size = back_up(database, copy)
    assert set(tmp_path.iterdir()) - before == {copy}
    assert size == copy.stat().st_size > 50_000
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert read(copy, "PRAGMA journal_mode") == [("delete",)], "nobody has to copy a -wal beside it"
    assert failed_in(copy) == [1, 2, 3, 4, 5]
    with Store(f"sqlite:///{database}") as original, Store(f"sqlite:///{copy}") as copied:
        assert original.id == copied.id


def test_a_backup_is_whole_though_the_bridge_goes_on_writing(database: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with Store(f"sqlite:///{database}", exclusive=True) as store:

        def write() -> None:
            first = 10
            while not stop.is_set():
                fail_some(store, range(first, first + 50))
                first += 50

        writer = threading.Thread(target=write)
        writer.start()
        counts = []
        try:
            for _ in range(8):
                back_up(database, tmp_path / "copy.db", force=True)
                counts.append(len(failed_in(tmp_path / "copy.db")))
        finally:
            stop.set()
            writer.join()
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert {(count - 5) % 50 for count in counts} == {0}, "each transaction is in it or not, as a whole"


def test_a_backup_has_what_a_killed_process_left_in_the_log(database: Path, tmp_path: Path) -> None:
    with Store(f"sqlite:///{database}") as store:
        fail_some(store, [6])
        for end in ("", "-wal"):  # what a kill leaves: the log is not yet in the database
            shutil.copy(f"{database}{end}", tmp_path / f"killed.db{end}")
    assert (tmp_path / "killed.db-wal").stat().st_size > 0
    back_up(tmp_path / "killed.db", tmp_path / "copy.db")
    assert failed_in(tmp_path / "copy.db") == [1, 2, 3, 4, 5, 6]


def test_what_is_there_is_replaced_only_when_that_is_asked_for(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with pytest.raises(UsageError, match=r"copy\.db: there is such a file already; .* --force"):
        back_up(database, copy)
    assert copy.read_text() == "precious"
    back_up(database, copy, force=True)
    assert failed_in(copy) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal", ".lock"])
def test_the_database_is_never_overwritten_by_its_own_backup(database: Path, tmp_path: Path, end: str) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "elsewhere", tmp_path / "elsewhere" / ".." / tmp_path.name):
        with pytest.raises(UsageError, match="is the database's own; name another one"):
            back_up(database, folder / f"bridge.db{end}", force=True)
    assert failed_in(database) == [1, 2, 3, 4, 5]


def test_what_cannot_be_written_is_named(database: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is a folder; name a file in it"):
        back_up(database, tmp_path, force=True)
    with pytest.raises(BridgeError, match=r"nowhere/copy\.db: the backup cannot be written: No such file") as failed:
        back_up(database, tmp_path / "nowhere" / "copy.db")
    assert failed.value.exit_code == 1


def test_a_full_disk_leaves_the_earlier_backup_as_it_was(database: Path, small_disk: Path) -> None:
    copy = small_disk / "copy.db"
    copy.write_bytes(b"x" * 250_000)
    with pytest.raises(NotNowError, match=r"copy\.db: the backup does not fit: the disk is full") as failed:
        back_up(database, copy, force=True)
    assert failed.value.exit_code == 75
    assert copy.read_bytes() == b"x" * 250_000
    assert list(small_disk.iterdir()) == [copy]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match=r"there is no database to back up"):
        back_up(tmp_path / "bridge.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_locked_is_not_waited_for_without_end(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "BUSY_TIMEOUT", 0.1)
    with closing(sqlite3.connect(database, isolation_level=None)) as greedy:
        greedy.execute("PRAGMA locking_mode = EXCLUSIVE")
        greedy.execute("DELETE FROM attempts")
        with pytest.raises(NotNowError, match="is locked by another program"):
            back_up(database, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("place", [0, 8 * 4096])
def test_a_damaged_database_makes_no_backup(database: Path, tmp_path: Path, place: int) -> None:
    with database.open("r+b") as file:
        file.seek(place)
        file.write(b"\xde\xad" * 2048)
    earlier = tmp_path / "copy.db"
    earlier.write_text("from before")
    with pytest.raises(DamagedError, match="is damaged"):
        back_up(database, earlier, force=True)
    assert earlier.read_text() == "from before"


def test_the_command_says_how_large_the_backup_is(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        write_config(tmp_path, config(simulator, sink))
    missing = command(tmp_path, "backup", "copy.db")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert command(tmp_path, "watch", "1").returncode == 0
    done = command(tmp_path, "backup", "copy.db")
    assert done.returncode == 0
    assert re.fullmatch(r"copy\.db: \d+ kB, checked\n", done.stdout)
    again = command(tmp_path, "backup", "copy.db")
    assert (again.returncode, again.stdout) == (2, "")
    assert "--force" in again.stderr
    assert command(tmp_path, "backup", "--force", "copy.db").returncode == 0


def test_for_postgresql_the_command_names_the_tool_and_no_password(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        settings = config(simulator, sink)
    settings["database"] = "postgresql://me:hidden-word@db.example/bridge?password=hidden-too"
    write_config(tmp_path, settings)
    done = command(tmp_path, "backup", "copy.db")
    assert done.returncode == 2
    assert "pg_dump --host=db.example --username=me --format=custom --file=FILE bridge (to restore" in done.stderr
    assert "hidden" not in done.stderr + done.stdout


def test_an_upgrade_keeps_the_database_as_it_was(database: Path, upgraded: Callable[..., None]) -> None:
    upgraded()
    with Store(f"sqlite:///{database}", exclusive=True) as store:
        assert revision(store._database) == "9000"
    before = database.with_name("bridge.db.before-9000")
    assert "later" in tables(database)
    assert "later" not in tables(before)
    assert read(before, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    assert failed_in(database) == [1, 2, 3, 4, 5]


def test_the_version_before_says_what_to_do_and_runs_on_that_backup(
    database: Path, upgraded: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded()
    Store(f"sqlite:///{database}").close()
    monkeypatch.undo()
    with pytest.raises(DatabaseError, match=r"newer version .* install that version again, or restore a backup"):
        Store(f"sqlite:///{database}", exclusive=True)
    database.unlink()
    database.with_name("bridge.db.before-9000").rename(database)
    assert failed_in(database) == [1, 2, 3, 4, 5]


def test_neither_a_new_database_nor_one_that_is_up_to_date_is_backed_up(
    sqlite_url: str, tmp_path: Path, upgraded: Callable[..., None]
) -> None:
    upgraded()
    for _ in range(2):
        Store(sqlite_url, exclusive=True).close()
    assert {file.name for file in tmp_path.iterdir()} == {"bridge.db", "bridge.db.lock", "migrations"}


@pytest.mark.postgres
def test_postgresql_is_upgraded_without_a_file(
    postgres_url: str, tmp_path: Path, upgraded: Callable[..., None]
) -> None:
    Store(postgres_url).close()
    upgraded()
    with Store(postgres_url, exclusive=True) as store:
        assert revision(store._database) == "9000"
    assert [file.name for file in tmp_path.iterdir()] == ["migrations"]


@pytest.mark.parametrize("exclusive", [True, False])
def test_without_a_backup_there_is_no_upgrade(
    database: Path, upgraded: Callable[..., None], *, exclusive: bool
) -> None:
    upgraded()
    database.with_name("bridge.db.before-9000").mkdir()
    with pytest.raises(NotNowError) as stopped:
        Store(f"sqlite:///{database}", exclusive=exclusive)
    if exclusive:
        assert str(stopped.value) == (
            f"the database {database} was not brought to the new version, because it has to be backed up first, which "
            f"failed: {database}.before-9000: this is a folder; name a file in it"
        )
    assert stopped.value.exit_code == 75
    assert "later" not in tables(database)
    database.with_name("bridge.db.before-9000").rmdir()
    Store(f"sqlite:///{database}", exclusive=exclusive).close()
    assert "later" in tables(database)


def test_a_full_disk_stops_the_upgrade_and_leaves_the_database_as_it_was(
    database: Path, small_disk: Path, upgraded: Callable[..., None]
) -> None:
    upgraded()
    moved = small_disk / "bridge.db"
    shutil.copy(database, moved)
    left = database.stat().st_size // 2  # enough to open it, too little for a copy
    (small_disk / "fill").write_bytes(b"x" * (shutil.disk_usage(small_disk).free - left))
    with pytest.raises(NotNowError, match=r"has to be backed up first, which failed: .* the disk is full") as stopped:
        Store(f"sqlite:///{moved}", exclusive=True)
    assert stopped.value.exit_code == 75
    assert {file.name for file in small_disk.iterdir()} == {"bridge.db", "bridge.db.lock", "fill"}
    assert "later" not in tables(moved)


def test_an_upgrade_that_fails_leaves_the_database_and_its_backup(
    database: Path, upgraded: Callable[..., None]
) -> None:
    upgraded("op.execute('CREATE TABLE later (id INTEGER)'); op.execute('INSERT INTO nowhere VALUES (1)')")
    for _ in range(2):
        with pytest.raises(DatabaseError):
            Store(f"sqlite:///{database}", exclusive=True)
    for file in (database, database.with_name("bridge.db.before-9000")):
        assert "later" not in tables(file)
        assert len(read(file, "SELECT * FROM events")) == 5


def test_after_a_restore_what_came_after_the_backup_is_told_again_and_nothing_else(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        simulator.account.put(2)
        simulator.account.put(3)
        write_config(tmp_path, config(simulator, sink))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            assert_settled(tmp_path, sink, 3)
            assert command(tmp_path, "backup", "copy.db").returncode == 0
            simulator.account.put(2, Status.SENT)
            assert_settled(tmp_path, sink, 4)
            assert daemon.stop()[0] == 0
        simulator.account.put(3, Status.FAILED, "while nobody looked")

        for file in tmp_path.glob("bridge.db*"):
            file.unlink()
        shutil.copy(tmp_path / "copy.db", tmp_path / "bridge.db")

        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            assert_settled(tmp_path, sink, 6)
            assert daemon.stop()[0] == 0
        records = sink.records()
    before, after, again = records[:3], records[3], records[4:]
    assert sorted(map(told, before)) == [(1, "failed", 1), (2, "pending", 1), (3, "pending", 1)]
    assert told(after) == (2, "sent", 2)
    assert sorted(map(told, again)) == [(2, "sent", 2), (3, "failed", 2)]
    repeated = next(record for record in again if told(record) == told(after))
    assert repeated.headers["webhook-id"] == after.headers["webhook-id"], "by which receivers know it"


@pytest.fixture
def restored_name(postgres_server: str) -> Iterator[str]:
    """The name of a database that a test makes itself."""
    name = f"wbiz_bridge_test_{uuid.uuid4().hex}"
    yield name
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.postgres
def test_postgresql_is_restored_by_the_commands_that_docs_print(
    tmp_path: Path, postgres_url: str, restored_name: str
) -> None:
    """The same rules as above: what came after the dump is sent again under its id, and nothing else.

    The node of the time of the dump counts as one that still runs until its lease is over.
    """
    heading = "### Backup and restore on PostgreSQL"
    backup, restore = (block("docs/operate.md", heading, language) for language in ("sh", "bash"))
    url = sa.make_url(postgres_url).set(drivername="postgresql")
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        simulator.account.put(2)
        simulator.account.put(3)
        settings = config(simulator, sink) | {"database": url.render_as_string(hide_password=False)}
        write_config(tmp_path, settings)
        with Daemon(tmp_path, first=leases(2)) as daemon:
            daemon.wait_until_ready()
            assert_settled(tmp_path, sink, 3, postgres_url)
            shell(backup, tmp_path, url, restored_name)
            assert stat.S_IMODE((tmp_path / "bridge.dump").stat().st_mode) == 0o600
            simulator.account.put(2, Status.SENT)
            assert_settled(tmp_path, sink, 4, postgres_url)
            assert daemon.stop()[0] == 0
        simulator.account.put(3, Status.FAILED, "while nobody looked")

        shell(restore, tmp_path, url, restored_name)
        restored = url.set(database=restored_name).render_as_string(hide_password=False)
        write_config(tmp_path, settings | {"database": restored})

        with Daemon(tmp_path, first=leases(2)) as daemon:
            daemon.wait_until_ready()
            assert_settled(tmp_path, sink, 6, restored)
            assert restored_name in command(tmp_path, "status").stdout
            assert daemon.stop()[0] == 0
        records = sink.records()
    after, again = records[3], records[4:]
    assert sorted(map(told, again)) == [(2, "sent", 2), (3, "failed", 2)]
    repeated = next(record for record in again if told(record) == told(after))
    assert repeated.headers["webhook-id"] == after.headers["webhook-id"], "by which receivers know it"


def shell(script: str, folder: Path, url: sa.URL, restored: str) -> None:
    """Run commands of docs/operate.md, with the test's own names for the databases and their owner."""
    assert url.database
    script = re.sub("(owner|role)=bridge ", f"\\1={url.username} ", script)
    for word, name in (("bridge_restored", restored), ("bridge", url.database)):
        script = re.sub(rf"(?<=[ =]){word}(?=\s)", name, script)
    given = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    extra = {key: str(value) for key, value in given.items() if value is not None}
    environment = {"PATH": os.environ["PATH"], **extra}
    done = subprocess.run(
        ["sh", "-ec", script], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_another_status_than_before_the_restore_has_another_id(sqlite_url: str, tmp_path: Path) -> None:
    """A program that took unknown must not drop sent because it has the same number."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with Store(sqlite_url, exclusive=True) as store:
        store.messages.watch([1], NOW)
        observe(store, 1, Status.PENDING)
        back_up(file, tmp_path / "copy.db")
        (unknown,) = observe(store, 1, Status.UNKNOWN)
    file.unlink()
    shutil.copy(tmp_path / "copy.db", file)
    with Store(sqlite_url, exclusive=True) as store:
        (sent,) = observe(store, 1, Status.SENT)
    assert sent.sequence == unknown.sequence
    assert sent.id != unknown.id


def test_next_start_removes_what_a_killed_backup_left(database: Path, tmp_path: Path) -> None:
    """Also under the name that it had before; what is in use, and what is somebody's own, stays."""
    names = (
        "wbiz-bridge-backup.left",
        "bridge.db.before-0008.abc",
        "wbiz-bridge-backup.used",
        "wbiz-bridge-backup.mine",
    )
    left, old, used, foreign = (tmp_path / f".{name}" for name in names)
    for folder in (left, old, used, foreign):
        folder.mkdir()
        (folder / "copy").write_bytes(b"x" * 1000)
    (foreign / "letter.txt").touch()
    with locked(used):
        Store(f"sqlite:///{database}", exclusive=True).close()
    assert [each.exists() for each in (left, old, used, foreign)] == [False, False, True, True]
    back_up(database, tmp_path / "copy.db")
    assert (used.exists(), foreign.exists()) == (False, True)


@pytest.mark.parametrize(("event", "moment"), [("sqlite3.connect", "it begins"), ("os.rename", "it is all written")])
def test_kill_during_the_copy_before_a_migration_leaves_nothing(
    database: Path, upgraded: Callable[[], None], event: str, moment: str
) -> None:
    """SIGKILL, each time at one certain moment of the copy; the next start has no more than it needs beside it."""
    folder = database.parent
    upgraded()
    for _ in range(2):
        arguments = [sys.executable, "-c", _KILLED, event, f"sqlite:///{database}", migrate.SCRIPTS, "9000"]
        killed = subprocess.run(arguments, check=False, timeout=60, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, f"{moment}: {killed.stderr}"
        (left,) = folder.glob(".wbiz-bridge-backup.*")
        assert (left / "copy").exists()
    with Store(f"sqlite:///{database}", exclusive=True) as store:
        assert revision(store._database) == "9000"
    files = {each.name for each in folder.iterdir() if each.name.startswith((".", "bridge.db"))}
    assert files == {"bridge.db", "bridge.db.lock", "bridge.db.before-9000"}


def told(record: Recorded) -> tuple[int, str, int]:
    data = json.loads(record.body)["data"]
    return data["message_id"], data["current"]["status"], data["sequence"]


def assert_settled(folder: Path, sink: Sink, count: int, database: str | None = None) -> None:
    """Wait until this many webhooks have come and nothing is queued."""
    sink.wait_for(count)
    deadline = time.monotonic() + 15
    while True:
        with Store(database or f"sqlite:///{folder}/bridge.db") as store:
            if not store.summaries.queued()[0]:
                break
        assert time.monotonic() < deadline, "something is still queued"
        time.sleep(0.05)
    assert sink.count == count


def config(simulator: Simulator, sink: Sink) -> dict[str, Any]:
    return bridge_config(simulator, [webhook(sink, events=["message.*"])], [1, 2, 3], poll={"every": "250ms"})


def test_the_name_of_a_database_shows_no_password() -> None:
    database = Database("postgresql+psycopg://me:hidden-word@db.example/bridge?password=hidden-too&sslpassword=hidden")
    assert database.name == "postgresql://me:***@db.example/bridge"
    database.close()
