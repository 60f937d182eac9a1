"""What can be wrong with the database, as the person sees it who starts the daemon or a command on it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Sink
from bridge.store.engine import Database
from bridge.store.lock import DaemonLock
from bridge.store.migrate import migrate
from bridge.store.store import Store
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.hurried import be_impatient
from tests.world.power import lay_down_power_over_files
from tests.world.waiting import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

COMMANDS = ("run", "poll", "status", "messages")
USED_FOR = range(1, 301)


class World(NamedTuple):
    """A folder with a configuration, the API that is asked and the receiver that is told."""

    folder: Path
    simulator: Simulator
    sink: Sink

    @property
    def file(self) -> Path:
        return self.folder / "state" / "bridge.db"

    @property
    def calls(self) -> tuple[int, int]:
        """How often the API and the receiver were called."""
        return self.simulator.polls.total(), self.sink.count


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Simulator() as simulator, Sink() as sink:
        (tmp_path / "state").mkdir()
        write_config(tmp_path, config(simulator, sink))
        yield World(tmp_path, simulator, sink)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of some pages, for copies of it to be spoilt."""
    folder = tmp_path_factory.mktemp("used")
    with Simulator() as simulator, Sink() as sink:
        for message_id in USED_FOR:
            simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
        write_config(folder, config(simulator, sink, USED_FOR))
        assert command(folder, "poll").returncode == 0
    return folder / "state" / "bridge.db"


# Not what it should be


def a_folder_that_is_read_only(file: Path, _: Path) -> None:
    file.parent.chmod(0o555)


def a_used_file_in_a_folder_that_is_read_only(file: Path, used: Path) -> None:
    shutil.copy(used, file)
    file.parent.chmod(0o555)


def a_file_in_place_of_the_folder(file: Path, _: Path) -> None:
    file.parent.rmdir()
    file.parent.touch()


def a_directory_in_place_of_the_file(file: Path, _: Path) -> None:
    file.mkdir()


def a_file_that_may_not_be_read(file: Path, used: Path) -> None:
    shutil.copy(used, file)
    file.chmod(0)


def garbage(file: Path, _: Path) -> None:
    file.write_bytes(os.urandom(50_000))


def pages_overwritten_in_the_middle(file: Path, used: Path) -> None:
    whole = bytearray(used.read_bytes())
    for start in range(4096, len(whole), 2 * 4096):
        whole[start : start + 4096] = os.urandom(4096)
    file.write_bytes(whole)


def a_file_cut_short(file: Path, used: Path) -> None:
    file.write_bytes(used.read_bytes()[: 3 * 4096])


def a_schema_of_a_newer_version(file: Path, used: Path) -> None:
    shutil.copy(used, file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


DAMAGED = "the database {file} is damaged: restore a backup, or move it away to start afresh"
WRITES = "user root may not write in {folder}, which belongs to root (mode 0555); fix: chmod u+rwx {folder}"
NONE_YET = "no daemon is running, and there is no database {file} yet: `wbiz-bridge run` creates it"
SPOILT: dict[Callable[[Path, Path], None], tuple[str, str]] = {
    a_folder_that_is_read_only: (f"the database {{file}} cannot be made: {WRITES}", NONE_YET),
    a_used_file_in_a_folder_that_is_read_only: (f"the database {{file}} cannot be written: {WRITES}",) * 2,
    a_file_in_place_of_the_folder: ("the database {file} cannot be made: {folder} is not a folder", NONE_YET),
    a_directory_in_place_of_the_file: ("the database {file} cannot be opened: {file} is a folder: name a file in it",)
    * 2,
    a_file_that_may_not_be_read: (
        "the database {file} cannot be opened: user root may not read and write {file}, which belongs to root (mode 0",
    )
    * 2,
    garbage: ("the database {file} is not a database: restore a backup, or move it away to start afresh",) * 2,
    pages_overwritten_in_the_middle: (DAMAGED, DAMAGED),
    a_file_cut_short: (DAMAGED, DAMAGED),
    a_schema_of_a_newer_version: (
        "the database {file} was made by a newer version of the bridge (its schema is 9999, this version knows up to ",
    )
    * 2,
}
"""What is wrong, and what is said of it: by those who poll and deliver, and by those who look."""


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_database_that_cannot_be_used_is_named_in_one_sentence(
    world: World, used: Path, spoil: Callable[[Path, Path], None]
) -> None:
    spoil(world.file, used)
    before = content(world.file)
    with ThreadPoolExecutor(2) as pool:
        ended = dict(zip(COMMANDS, pool.map(lambda name: ordinary(world.folder, name), COMMANDS), strict=True))
    world.file.parent.chmod(0o755)
    by_workers, by_lookers = (words.format(file=world.file, folder=world.file.parent) for words in SPOILT[spoil])
    for name in ("run", "poll"):
        assert_one_sentence(ended[name], 74, by_workers)
    none_yet = SPOILT[spoil][1] == NONE_YET
    assert_one_sentence(ended["messages"], 1 if none_yet else 74, by_lookers)
    assert ended["status"].returncode == (3 if none_yet else 1)
    assert f"something is wrong\n  - {by_lookers}" in ended["status"].stdout
    assert ended["status"].stderr == ""
    assert world.calls == (0, 0)
    assert content(world.file) == before


def test_who_works_refuses_a_file_that_is_read_only_and_who_looks_reads_it(world: World, used: Path) -> None:
    take_over(world, used)
    world.file.chmod(0o444)
    for name in ("run", "poll"):
        words = f"the database {world.file} cannot be written: user root may not read and write {world.file}, which "
        assert_one_sentence(ordinary(world.folder, name), 74, words)
    assert ordinary(world.folder, "messages", "--status", "failed").returncode == 0
    assert "300 failed; 0 being polled" in ordinary(world.folder, "status").stdout
    assert world.calls == (0, 0)


@pytest.mark.parametrize("name", ["poll", "watch 1"])
def test_a_folder_that_is_missing_is_made(world: World, name: str) -> None:
    world.file.parent.rmdir()
    assert command(world.folder, *name.split()).returncode == 0
    assert world.file.is_file()


def test_the_daemon_makes_a_folder_that_is_missing(world: World) -> None:
    world.file.parent.rmdir()
    with Daemon(world.folder) as daemon:
        daemon.wait_until_ready()
        assert daemon.stop()[0] == 0
    assert world.file.is_file()


# Locked


def test_what_must_write_says_not_now_while_the_file_is_locked_and_what_reads_reads(world: World, used: Path) -> None:
    take_over(world, used)
    with locked(world.file):
        ended = {name: command(world.folder, name, first=be_impatient) for name in COMMANDS}
    for name in ("run", "poll"):
        assert_one_sentence(ended[name], 75, f"the database {world.file} is locked by another program")
    assert ended["messages"].returncode == 0
    assert "300 failed" in ended["status"].stdout
    assert world.calls == (0, 0)


def test_a_new_file_that_somebody_else_locks_is_for_later(world: World) -> None:
    with locked(world.file):
        for name in ("run", "poll", "messages"):
            ended = command(world.folder, name, first=be_impatient)
            assert_one_sentence(ended, 75, f"the database {world.file} is locked by another program")
    assert world.calls == (0, 0)


def test_when_a_lock_ends_the_daemon_goes_on_and_nothing_is_lost_or_repeated(world: World) -> None:
    for message_id in (1, 2, 3):
        world.simulator.account.put(message_id)
    world.sink.answer_next(Answer.hang())
    # At a higher level, one line a minute stands for all.
    write_config(world.folder, config(world.simulator, world.sink) | {"log": {"level": "debug"}})
    with Daemon(world.folder, first=be_impatient) as daemon:
        daemon.wait_until_ready()
        world.sink.wait_for(3)
        with locked(world.file):
            world.sink.release()  # delivered, which can't be noted down now
            for message_id in (1, 2, 3):
                world.simulator.account.put(message_id, Status.FAILED, "Invalid phone number")
            polls = world.simulator.polls.total()
            until(lambda: daemon.log().count(f"the database {world.file} is locked by another program") > 4)
            assert world.simulator.polls.total() - polls <= 6, "what was found is kept, not asked for again and again"
            assert world.sink.count == 3, "nothing may be told before it is committed"
        records = world.sink.wait_for(6)
        assert daemon.stop()[0] == 0
    stories = sorted((told["message_id"], told["sequence"], told["current"]["status"]) for told in data(records))
    assert stories == [(id_, *step) for id_ in (1, 2, 3) for step in ((1, "pending"), (2, "failed"))]
    assert len({record.headers["webhook-id"] for record in records}) == 6
    assert "Traceback" not in daemon.log()
    (queued,) = rows(world.file, "SELECT count(*) FROM deliveries WHERE state <> 'delivered'")
    assert queued == (0,)


def test_a_pass_that_a_lock_holds_up_for_long_ends_and_the_next_one_does_the_rest(world: World) -> None:
    world.simulator.account.put(1, Status.SENT)
    world.sink.answer_next(Answer.hang())
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(command, world.folder, "poll", first=be_impatient)
        world.sink.wait_for(1)
        with locked(world.file):
            world.sink.release()
            ended = polling.result()
    assert ended.returncode == 75
    assert ended.stderr.endswith(f"\nwbiz-bridge: the database {world.file} is locked by another program\n")
    assert command(world.folder, "poll").returncode == 0
    first, again = world.sink.records()
    assert first.headers["webhook-id"] == again.headers["webhook-id"], "at least once: nobody had noted it down"


# Two at the same moment


def test_commands_that_open_a_new_database_at_the_same_moment_all_succeed(world: World) -> None:
    commands = (["watch", "7"], ["poll"], ["watch", "8"])
    with ThreadPoolExecutor(len(commands)) as pool:
        ended = list(pool.map(lambda arguments: command(world.folder, *arguments), commands))
    assert [each.returncode for each in ended] == [0] * len(commands), [each.stderr for each in ended]
    assert rows(world.file, "SELECT id FROM messages WHERE added ORDER BY id") == [(7,), (8,)]


@pytest.mark.parametrize("exclusive", [True, False])
def test_who_comes_while_a_command_makes_the_database_waits_for_that(database_url: str, exclusive: bool) -> None:
    made = Database(database_url)
    lock = DaemonLock(made)
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store, database_url, exclusive=exclusive)
        with pytest.raises(TimeoutError):
            opening.result(0.2)
        migrate(made)
        made.close()
        lock.release()
        with opening.result(5) as store:
            assert store.id


# Damaged while it is in use


def test_a_daemon_whose_database_is_damaged_ends_and_tells_nobody_again_and_again(world: World) -> None:
    world.simulator.account.put(1)
    world.simulator.account.put(2)
    with Daemon(world.folder) as daemon:
        daemon.wait_until_ready()
        until(lambda: daemon.log().count('"event": "delivered"') == 2)
        damage(world.file, "attempts")  # which is written only after a POST
        world.simulator.account.put(1, Status.FAILED, "Invalid phone number")
        assert daemon.process.wait(10) == 74
    assert daemon.log().splitlines()[-1] == f"wbiz-bridge: {DAMAGED.format(file=world.file)}"
    assert "Traceback" not in daemon.log()
    told = data(world.sink.records())
    assert [each["current"]["status"] for each in told] == ["pending", "pending", "failed"]
    before = world.calls
    for name in ("run", "poll"):  # as a service manager would, or cron
        assert_one_sentence(command(world.folder, name), 74, DAMAGED.format(file=world.file))
    assert world.calls == before


def test_a_pass_whose_database_is_damaged_ends(world: World) -> None:
    world.simulator.account.put(1, Status.SENT)
    world.sink.answer_next(Answer.hang())
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(command, world.folder, "poll")
        world.sink.wait_for(1)
        damage(world.file, "attempts")
        world.sink.release()
        ended = polling.result()
    assert ended.returncode == 74
    assert ended.stderr.endswith(f"\nwbiz-bridge: {DAMAGED.format(file=world.file)}\n")
    assert world.sink.count == 1


def config(simulator: Simulator, sink: Sink, ids: range = range(1, 4)) -> dict[str, Any]:
    return bridge_config(simulator, [webhook(sink, events=["message.*"])], ids, database="sqlite:///state/bridge.db")


def ordinary(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user whom file modes hold up: root is, once it has laid down its power over them."""
    if os.geteuid() != 0:
        return command(folder, *arguments)
    if sys.platform != "linux":
        pytest.skip("not on this platform: root can lay down its powers only on Linux")
    return command(folder, *arguments, first=lay_down_power_over_files)


def take_over(world: World, used: Path) -> None:
    """Use a database with the configuration that it was used with: nothing is to be done at the start."""
    shutil.copy(used, world.file)
    write_config(world.folder, config(world.simulator, world.sink, USED_FOR))


def assert_one_sentence(ended: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"wbiz-bridge: {words}")
    assert ended.returncode == code
    assert ended.stdout == ""


def content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep the file locked against other processes' writing."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def damage(file: Path, table: str) -> None:
    """Overwrite a table's first page, as a failing disk would, while others have the file open."""
    ((page,), (size,)) = (
        *rows(file, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'"),
        *rows(file, "PRAGMA page_size"),
    )
    until(lambda: rows(file, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0)
    with file.open("r+b") as whole:
        whole.seek((page - 1) * size)
        whole.write(os.urandom(size))
    rows(file, "UPDATE meta SET value = value")  # after somebody's write, nobody trusts the pages in memory


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        return database.execute(sql).fetchall()


def data(records: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(record.body)["data"] for record in records]
