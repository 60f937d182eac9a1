"""A full disk, a suspended process, few files: the daemon goes on by itself, and says what is wrong."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("not on this platform: only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
def test_after_a_full_disk_the_daemon_goes_on_by_itself(tmp_path: Path, small_disk: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in range(1, 6):
            simulator.account.put(message_id)
        write_config(tmp_path, config(simulator, sink, range(1, 6), database=f"sqlite:///{small_disk}/bridge.db"))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(5)
            fill = small_disk / "fill"
            fill_up(fill)
            for message_id in range(1, 6):
                simulator.account.put(message_id, Status.FAILED, "e" * 60_000)
            until(lambda: "disk is full" in daemon.log() or "input/output error" in daemon.log())
            assert sink.count == 5, "nothing may be told before it is committed"
            fill.unlink()
            told = [json.loads(record.body) for record in sink.wait_for(10, 30)]
            assert daemon.stop()[0] == 0
    assert sorted(event["data"]["message_id"] for event in told[5:]) == [1, 2, 3, 4, 5]
    assert {event["data"]["sequence"] for event in told[5:]} == {2}
    with sqlite3.connect(small_disk / "bridge.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.chaos
def test_full_disk_is_told_within_a_beat(tmp_path: Path, small_disk: Path) -> None:
    """By `status`, by `/health`, and to the service manager; and no more once there is room."""
    with Simulator() as simulator, Sink() as sink, listening(tmp_path / "notify") as manager:
        simulator.account.put(1)
        settings = config(simulator, sink, range(1, 2), database=f"sqlite:///{small_disk}/bridge.db")
        port = free_port()
        write_config(tmp_path, settings | {"http": {"listen": f"127.0.0.1:{port}"}})
        with Daemon(tmp_path, extra={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            until(lambda: manager.status == "messages watched: 1, deliveries queued: 0", 15)
            fill = small_disk / "fill"
            fill_up(fill)
            simulator.account.put(1, Status.FAILED, "e" * 60_000)
            words = f"the database {small_disk}/bridge.db cannot "
            until(lambda: words in daemon.log())
            until(lambda: manager.status.startswith(words), 2)
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 503
            shown = json.loads(command(tmp_path, "status", "--json").stdout)
            assert not shown["checks"]["database"]["ok"]
            assert shown["faults"][0].startswith(words)
            time.sleep(1)
            assert words in command(tmp_path, "status").stdout
            until(lambda: requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 503, 40)
            fill.unlink()
            sink.wait_for(2, 30)
            until(lambda: requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200, 15)
            until(lambda: manager.status == "messages watched: 0, deliveries queued: 0", 30)
            assert json.loads(command(tmp_path, "status", "--json").stdout)["ok"]
            assert daemon.stop()[0] == 0


@pytest.fixture
def closed_by_ext4(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A file system, and what makes it read-only while files in it are open: an error of its own, as on a bad disk."""
    with mounted(tmp_path, 8, ["mkfs.ext4", "-q", "-F"], "loop,errors=remount-ro") as place:
        device = subprocess.run(["findmnt", "-no", "SOURCE", place], capture_output=True, text=True, check=True).stdout
        trigger = Path("/sys/fs/ext4", Path(device.strip()).name, "trigger_fs_error")
        if not trigger.exists():
            pytest.skip("not on this platform: the kernel's ext4 makes no errors when it is asked to")

        def fail() -> None:
            trigger.write_text("x")

        yield place, fail


@contextmanager
def mounted(folder: Path, megabytes: int, make: list[str], options: str) -> Iterator[Path]:
    image, place = folder / "image", folder / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    for done in (
        subprocess.run([*make, image], capture_output=True, check=False),
        subprocess.run(["mount", "-o", options, image, place], capture_output=True, check=False),
    ):
        if done.returncode:
            pytest.skip("not on this platform: only root may mount an image, and not in every container")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
def test_read_only_file_system_is_told_within_a_beat(
    tmp_path: Path, closed_by_ext4: tuple[Path, Callable[[], None]]
) -> None:
    """Also by `status`, which finds no note: the daemon can't leave one. The file system claims to be writable."""
    place, close = closed_by_ext4
    words = f"the database {place}/bridge.db cannot be written: its file system is read-only"
    with told_of(tmp_path, place, close, words) as daemon:
        assert daemon.stop()[0] == 0
    for name in ("run", "poll"):
        ended = command(tmp_path, name)
        assert ended.returncode == 74
        assert f"{place} is on a file system that is mounted read-only" in ended.stderr


@contextmanager
def told_of(folder: Path, place: Path, happen: Callable[[], None], words: str) -> Iterator[Daemon]:
    """A daemon whose database can't be written any more, and everybody who tells it."""
    with Simulator() as simulator, Sink() as sink, listening(folder / "notify") as manager:
        simulator.account.put(1)
        port = free_port()
        settings = config(simulator, sink, range(1, 2), database=f"sqlite:///{place}/bridge.db")
        write_config(folder, settings | {"http": {"listen": f"127.0.0.1:{port}"}})
        with Daemon(folder, extra={"NOTIFY_SOCKET": str(folder / "notify")}) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            until(lambda: manager.status == "messages watched: 1, deliveries queued: 0", 15)
            happen()
            simulator.account.put(1, Status.FAILED, "e" * 60_000)
            until(lambda: words in daemon.log())
            until(lambda: manager.status.startswith(words), 2)
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 503
            assert json.loads(command(folder, "status", "--json").stdout)["faults"][0] == words
            yield daemon


@pytest.mark.chaos
def test_locked_database_is_told(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1)
        write_config(tmp_path, config(simulator, sink, range(1, 2)))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            with sqlite3.connect(tmp_path / "bridge.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                until(lambda: "is locked by another program" in daemon.log(), 30)
                faults = json.loads(command(tmp_path, "status", "--json").stdout)["faults"]
                assert faults[0].endswith("is locked by another program")
                other.execute("ROLLBACK")
            until(lambda: json.loads(command(tmp_path, "status", "--json").stdout)["ok"], 30)
            assert daemon.stop()[0] == 0


class Manager:
    """A service manager: knows the status line that it was sent last."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._status = ""

    @property
    def status(self) -> str:
        while select.select([self._socket], [], [], 0)[0]:
            for line in self._socket.recv(65536).decode().splitlines():
                if line.startswith("STATUS="):
                    self._status = line.removeprefix("STATUS=")
        return self._status

    def close(self) -> None:
        self._socket.close()


def listening(place: Path) -> closing[Manager]:
    return closing(Manager(place))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.slow
def test_a_process_that_was_suspended_goes_on_without_a_storm(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in range(1, 21):
            simulator.account.put(message_id)
        write_config(tmp_path, config(simulator, sink, range(1, 21)))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(20)
            daemon.process.send_signal(signal.SIGSTOP)
            before = simulator.polls.total()
            simulator.account.put(7, Status.FAILED, "while it slept")
            # Longer than several intervals: what was due meanwhile is due once, not once for each interval.
            time.sleep(3)
            assert simulator.polls.total() - before <= 20
            before = simulator.polls.total()
            daemon.process.send_signal(signal.SIGCONT)
            told = json.loads(sink.wait_for(21)[-1].body)
            assert (told["data"]["message_id"], told["data"]["current"]["error"]) == (7, "while it slept")
            assert simulator.polls.total() - before <= 60
            assert daemon.stop()[0] == 0


@pytest.mark.chaos
def test_a_thousand_messages_with_few_files_and_none_leaks(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        for message_id in range(1, 1001):
            simulator.account.put(message_id)
        settings = config(simulator, sink, range(1, 1001))
        settings["wbiztool"]["rate_limit"] = "1000/s"
        write_config(tmp_path, settings)
        with Daemon(tmp_path, most_files=64) as daemon:
            daemon.wait_until_ready()
            assert "LimitNOFILE" in daemon.log(), "it must say what to raise"
            sink.wait_for(1000, 60)
            files = open_files(daemon)
            assert len(files) < 64
            for message_id in range(1, 1001):
                simulator.account.put(message_id, Status.SENT)
            sink.wait_for(2000, 60)
            # As many calls as may be in flight may keep a connection each; a leak would have left thousands.
            assert len(open_files(daemon)) <= len(files) + 20
            assert daemon.stop()[0] == 0
        shown = json.loads(command(tmp_path, "status", "--json").stdout)
        assert shown["messages"]["by_status"] == {"sent": 1000}


def fill_up(file: Path) -> None:
    """Write until the disk is full."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(descriptor)


def open_files(daemon: Daemon) -> list[Path]:
    return list(Path(f"/proc/{daemon.process.pid}/fd").iterdir())


def config(simulator: Simulator, sink: Sink, ids: range, database: str = "sqlite:///bridge.db") -> dict[str, Any]:
    wbiztool, poll = account(simulator, rate_limit="200/s"), {"every": "1s"}
    return bridge_config(
        simulator, [webhook(sink, events=["message.*"])], ids, wbiztool=wbiztool, poll=poll, database=database
    )
