"""Commands beside a real daemon, which they find at its Unix socket; and where none runs."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, environment, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

pytestmark = pytest.mark.slow

TOKEN = "token-0123456789abcdef"


def said(folder: Path, *arguments: str) -> Any:
    done = command(folder, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


@pytest.fixture
def daemon(tmp_path: Path, simulator: Simulator, sink: Sink) -> Iterator[Daemon]:
    """A daemon that watches 1, which has failed, and 2, which is pending."""
    simulator.account.put(1, Status.FAILED, "Invalid phone number")
    simulator.account.put(2)
    write_config(tmp_path, bridge_config(simulator, sink, [1, 2]))
    with Daemon(tmp_path) as started:
        started.wait_until_ready()
        sink.wait_for(2)
        yield started


def spoil(folder: Path) -> None:
    """Leave a configuration that nobody could load, but for where its database is."""
    (folder / "config.yaml").write_text("database: sqlite:///bridge.db\nwbiztool: {api_key: ${NOT_SET}}\nnonsense")


def test_commands_ask_the_daemon_and_need_neither_secrets_nor_a_right_configuration(
    daemon: Daemon, simulator: Simulator, sink: Sink
) -> None:
    folder = daemon.folder
    spoil(folder)
    assert said(folder, "watch", "7", "--label", "Invoice 7", "--tag", "team=billing", "7")["watched"] == [7]
    until(lambda: simulator.polls[7] >= 1)
    (seven,) = [each for each in said(folder, "messages") if each["id"] == 7]
    assert (seven["label"], seven["tags"]) == ("Invoice 7", {"team": "billing"})
    done = command(folder, "unwatch", "7", "1", "99", "--json")
    assert json.loads(done.stdout) == {"unwatched": [7], "listed_in_configuration": [1], "not_watched": [99]}
    assert done.returncode == 1, "1 is still watched"
    assert [each["data"]["message_id"] for each in said(folder, "events", "--message", "1")] == [1]
    assert {each["state"] for each in said(folder, "deliveries", "--receiver", "crm")} == {"delivered"}
    before = sink.count
    assert said(folder, "test", "crm")["outcome"] == "delivered"
    assert sink.count == before + 1


def test_status_is_the_daemons(daemon: Daemon) -> None:
    until(lambda: command(daemon.folder, "status").returncode == 0)
    shown = said(daemon.folder, "status")
    assert (shown["ok"], shown["daemon"]["running"]) == (True, True)
    assert shown["messages"]["by_status"] == {"failed": 1, "pending": 1}
    assert shown["configuration"] == str(daemon.folder / "config.yaml")


def test_socket_is_its_owners_alone(daemon: Daemon) -> None:
    path = daemon.folder / "bridge.db.sock"
    mode = path.stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    assert daemon.stop()[0] == 0
    assert not path.exists()


def test_others_are_refused_in_words(simulator: Simulator, sink: Sink) -> None:
    if os.geteuid():
        pytest.skip("not on this platform: only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_config(folder, bridge_config(simulator, sink, [1])).chmod(0o644)
        with Daemon(folder) as daemon:
            daemon.wait_until_ready()
            for each in (["status"], ["messages"], ["watch", "3"], ["backup", "/tmp/never"]):
                done = command(folder, *each, first=as_nobody)
                assert done.returncode == 1
                assert f"may not ask the daemon at {folder}/bridge.db.sock" in done.stderr
                assert done.stdout == ""


def as_nobody() -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def test_a_stale_socket_is_replaced_and_taken_for_no_daemon(daemon: Daemon) -> None:
    folder = daemon.folder
    daemon.kill()
    assert (folder / "bridge.db.sock").exists()
    done = command(folder, "status")
    assert done.returncode == 3, "its last sign of life was a moment ago"
    assert "the daemon is not running" in done.stdout
    assert f"note: no daemon is running on {folder}/bridge.db" in command(folder, "messages").stderr
    with Daemon(folder) as again:
        again.wait_until_ready()
        assert said(folder, "status")["daemon"]["running"]
        assert again.stop()[0] == 0


def test_a_socket_that_somebody_removes_is_made_again(daemon: Daemon) -> None:
    (daemon.folder / "bridge.db.sock").unlink()
    until((daemon.folder / "bridge.db.sock").exists, 10)
    assert said(daemon.folder, "status")["daemon"]["running"]


@pytest.mark.parametrize("kind", ["file", "answered"])
def test_a_place_that_is_taken_is_left_alone_and_everything_else_runs(
    tmp_path: Path, simulator: Simulator, sink: Sink, kind: str
) -> None:
    simulator.account.put(1)
    place = tmp_path / "taken.sock"
    write_config(tmp_path, {**bridge_config(simulator, sink, [1]), "control": "taken.sock"})
    with closing(socket.socket(socket.AF_UNIX)) as other:
        if kind == "file":
            place.write_text("precious")
        else:
            other.bind(str(place))
            other.listen(100)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            words = "a file is there that is no socket" if kind == "file" else "another program answers there"
            assert f"commands cannot reach this bridge at {place}: {words}" in daemon.log()
            assert daemon.stop()[0] == 0
        assert place.exists()


def test_a_path_that_is_too_long_is_told_by_check_and_the_daemon_goes_on(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.put(1)
    write_config(tmp_path, {**bridge_config(simulator, sink, [1]), "control": f"{'x' * 100}.sock"})
    assert "a socket's path has at most 107 bytes" in command(tmp_path, "check").stderr
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        assert "a socket's path has at most 107 bytes" in daemon.log()
        assert command(tmp_path, "messages").returncode == 0


@pytest.mark.waits
def test_control_may_be_off_and_cannot_change(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, [1])
    write_config(tmp_path, {**settings, "control": False})
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        assert not list(tmp_path.glob("*.sock"))
        assert "no daemon is running" not in command(tmp_path, "messages").stderr, "it says so in its database"
        write_config(tmp_path, {**settings, "control": "other.sock"})
        until(lambda: "another socket for commands needs a restart" in daemon.log(), 10)


def test_a_backup_is_the_callers(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = daemon.folder
    place = tmp_path_factory.mktemp("elsewhere")
    done = command(folder, "backup", str(place / "copy.db"))
    assert (done.returncode, "checked" in done.stdout) == (0, True)
    assert stat.S_IMODE((place / "copy.db").stat().st_mode) == 0o600
    with closing(sqlite3.connect(place / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM events").fetchone() == (2,)
    again = command(folder, "backup", str(place / "copy.db"))
    assert (again.returncode, "replace it with --force" in again.stderr) == (2, True)
    assert command(folder, "backup", "--force", str(place / "copy.db")).returncode == 0
    assert command(folder, "backup", "/dev/full/x").returncode == 1
    assert [each.name for each in place.iterdir()] == ["copy.db"]
    assert not [each for each in folder.iterdir() if "backup" in each.name]


def test_following_goes_on_when_the_daemon_comes_back(daemon: Daemon, simulator: Simulator) -> None:
    folder = daemon.folder
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "events", "--follow", "--json"],
        cwd=folder,
        env=environment({"PYTHONPATH": str(Path(__file__).parents[2])}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        first = {json.loads(follower.stdout.readline())["type"] for _ in range(2)}
        assert first == {"message.failed", "message.pending"}
        daemon.kill()
        assert "waiting for it" in follower.stderr.readline()
        simulator.account.put(2, Status.SENT)
        with Daemon(folder) as again:
            again.wait_until_ready()
            assert json.loads(follower.stdout.readline())["type"] == "message.sent"
            follower.terminate()


def test_another_bridge_is_asked_by_its_address_with_its_token(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.put(1)
    http = {"listen": "127.0.0.1:0", "token": TOKEN}
    write_config(tmp_path, {**bridge_config(simulator, sink, [1]), "http": http, "control": False})
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    (nowhere / "token").write_text(f"{TOKEN}\n")
    (nowhere / "wrong").write_text("wrong-0123456789abcdef")
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: '"event": "started"' in daemon.log())
        (url,) = (json.loads(line)["http"] for line in daemon.log().splitlines() if '"event": "started"' in line)
        assert [each["id"] for each in said(nowhere, "messages", "--server", url)] == [1]
        shown = said(nowhere, "watch", "5", "--server", url, "--token-file", "token")
        assert shown == {"watched": [5], "already_watched": []}
        variables = {"WBIZ_BRIDGE_SERVER": url, "WBIZ_BRIDGE_TOKEN_FILE": "token"}
        assert command(nowhere, "watch", "6", extra=variables).stdout == "watching 6\n"
        for more, words in (
            ((), "wants a token: --token-file FILE"),
            (("--token-file", "wrong"), "refuses the token"),
        ):
            done = command(nowhere, "watch", "8", "--server", url, *more)
            assert (done.returncode, words in done.stderr) == (77, True)
    gone = command(nowhere, "messages", "--server", url)
    assert (gone.returncode, "does not answer: 127.0.0.1:" in gone.stderr) == (75, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("status", "--instance", "shop"), 3, "no daemon answers at /run/wbiz-bridge@shop/control.sock"),
        (("messages", "--control", "/nowhere.sock"), 75, "no daemon answers at /nowhere.sock"),
        (("messages", "--control", "x", "--instance", "y"), 2, "--control and --instance name different daemons"),
        (("messages", "--server", "nonsense"), 2, "--server: not the address of a bridge"),
        (("messages", "--server", "http://u:secret@h/"), 2, "--server: not the address of a bridge"),
        (("messages", "--server", "http://127.0.0.1:9", "--token-file", "none"), 2, "No such file"),
        (("messages",), 78, "no configuration found"),
        (("deliveries", "--control", "/nowhere.sock", "retry", "--all"), 75, "no daemon answers at /nowhere.sock"),
    ],
)
def test_who_names_no_daemon_is_told(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = command(tmp_path, *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done
    assert "secret" not in done.stderr


def test_the_longest_labels_and_tags_of_many_messages_fit(daemon: Daemon) -> None:
    tags = [f"--tag={number:02}{'ä' * 62}={'😀' * 200}" for number in range(20)]
    ids = [str(number) for number in range(1000, 1400)]
    done = command(daemon.folder, "watch", *ids, "--label", "😀" * 1000, *tags)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(said(daemon.folder, "messages", "-n", "1000")) == 402
