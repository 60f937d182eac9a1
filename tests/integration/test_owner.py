"""A database belongs to one account: every command refuses it to another one, and changes nothing in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bridge.domain.account import AccountId
from bridge.domain.clock import SystemClock
from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.store.owner import ACCOUNT, adopt
from bridge.store.store import Store
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.records import statements
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.sink import Sink

COMMANDS = [
    ["run"], ["run", "--accept-base-url"], ["poll"], ["poll", "--accept-base-url"], ["watch", "9"], ["unwatch", "1"],
    ["messages"], ["events"], ["deliveries"], ["deliveries", "retry", "--all"], ["status"],
]  # fmt: skip
SQLITE_ONLY = [["check"], ["backup", "copy.db"], ["move", "--dry-run", "--to", "postgresql://127.0.0.1:1/none"]]


@pytest.fixture
def second() -> Iterator[Simulator]:
    """Another account than the simulator's: its API has nothing in common with that."""
    with Simulator(Account(SystemClock(), 4321)) as running:
        yield running


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


def owner_of(url: str) -> AccountId:
    with Store(url) as store:
        return AccountId(**json.loads(store.fact(ACCOUNT) or ""))


@pytest.mark.slow
def test_database_of_another_account_is_refused_by_every_command(
    tmp_path: Path, database_url: str, simulator: Simulator, second: Simulator, sink: Sink
) -> None:
    simulator.account.put(1, Status.SENT)
    write_config(tmp_path, bridge_config(simulator, sink, [1], database=plain(database_url)))
    assert command(tmp_path, "poll").returncode == 0
    write_config(tmp_path, bridge_config(second, sink, [1], database=plain(database_url)))
    sqlite = database_url.startswith("sqlite")
    for arguments in COMMANDS + (SQLITE_ONLY if sqlite else []):
        done = command(tmp_path, *arguments)
        assert done.returncode == 78, arguments
        said = done.stderr.strip().splitlines()[-1]
        assert "belongs to another WbizTool account: client id 1234 at" in said, arguments
        assert "the configuration has client id 4321 at" in said
        assert "set `database:` in the configuration" in said
        assert "Traceback" not in done.stderr
    assert (second.polls.total(), sink.count) == (0, 1), "neither account heard of the other's messages"
    assert not (tmp_path / "copy.db").exists()
    assert owner_of(database_url) == AccountId(1234, simulator.base_url)


@pytest.mark.slow
def test_default_database_is_not_shared_by_two_folders(
    tmp_path: Path, simulator: Simulator, second: Simulator, sink: Sink
) -> None:
    """The file in the user's state folder, which nobody named, is where two accounts would meet."""
    home = {"XDG_STATE_HOME": str(tmp_path / "home")}
    folders = {}
    for name, api in (("one", simulator), ("two", second)):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        write_config(folders[name], bridge_config(api, sink, [1], database=None))
    with Daemon(folders["one"], extra=home) as daemon:
        daemon.wait_until_ready()
        file = tmp_path / "home" / "wbiz-bridge" / "bridge.db"
        for folder in folders.values():
            shown = command(folder, "status", "--json", extra=home)
            assert json.loads(shown.stdout)["database"] == str(file)
        ended = command(folders["two"], "run", extra=home)
        assert ended.returncode == 78, "not 75: to wait until the other one has ended would not help"
        assert "belongs to another WbizTool account" in ended.stderr
        assert f"\ndatabase: {file}\n" in command(folders["one"], "check", extra=home).stdout
        assert f"\ndatabase   {file}\n" in command(folders["one"], "status", extra=home).stdout
        assert daemon.stop()[0] == 0
    assert second.polls.total() == 0


@pytest.mark.slow
def test_new_address_of_an_account_is_accepted_once_by_flag(
    tmp_path: Path, database_url: str, simulator: Simulator, sink: Sink
) -> None:
    with Store(database_url, account=AccountId(simulator.client_id, "https://old.example/api/v1")):
        pass
    write_config(tmp_path, bridge_config(simulator, sink, [1], database=plain(database_url)))
    refused = command(tmp_path, "poll")
    assert refused.returncode == 78
    assert "at https://old.example/api/v1, but the configuration has that client id at " in refused.stderr
    assert "run `wbiz-bridge run --accept-base-url` (or `poll`) once" in refused.stderr
    assert command(tmp_path, "poll", "--accept-base-url").returncode == 0
    assert command(tmp_path, "poll").returncode == 0
    assert owner_of(database_url) == AccountId(simulator.client_id, simulator.base_url)


def test_database_from_before_is_adopted(tmp_path: Path, database_url: str, simulator: Simulator, sink: Sink) -> None:
    with Store(database_url) as store:
        assert store.fact(ACCOUNT) is None
    write_config(tmp_path, bridge_config(simulator, sink, [1], database=plain(database_url)))
    assert command(tmp_path, "watch", "7").returncode == 0
    assert owner_of(database_url) == AccountId(simulator.client_id, simulator.base_url)


def test_broken_configuration_reads_no_other_accounts_database(
    tmp_path: Path, simulator: Simulator, second: Simulator, sink: Sink
) -> None:
    write_config(tmp_path, bridge_config(simulator, sink, [1]))
    assert command(tmp_path, "watch", "7").returncode == 0
    write_config(tmp_path, bridge_config(second, sink, [1], retention="soon"))
    done = command(tmp_path, "messages")
    assert done.returncode == 78
    assert "belongs to another WbizTool account" in done.stderr
    assert "7" not in done.stdout


@pytest.mark.waits
@pytest.mark.parametrize("key", ["client_id", "base_url"])
def test_reload_with_another_account_is_refused_as_a_whole(
    tmp_path: Path, simulator: Simulator, second: Simulator, sink: Sink, key: str
) -> None:
    simulator.account.put(1)
    settings = bridge_config(simulator, sink, [1])
    write_config(tmp_path, settings)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        sink.wait_for(1)
        other = account(second) if key == "client_id" else account(simulator, base_url="https://new.example/api/v1")
        write_config(tmp_path, {**settings, "wbiztool": other, "messages": [1, 2]})
        until(lambda: "config_reload_refused" in daemon.log())
        assert f"wbiztool.{key}: the " in daemon.log()
        assert "can't change while the bridge runs" in daemon.log()
        simulator.account.put(1, Status.SENT)
        sink.wait_for(2)
        assert "something is wrong" in command(tmp_path, "status").stdout
        assert daemon.stop()[0] == 0
    assert second.polls.total() == 0
    assert simulator.polls[2] == 0, "nothing of the refused configuration is in force"


def test_two_accounts_that_meet_on_a_new_database_do_not_both_get_it(database_url: str) -> None:
    statement = f"DELETE FROM meta WHERE key = '{ACCOUNT}'"
    one, other = AccountId(1, "https://wbiztool.com/api/v1"), AccountId(2, "https://wbiztool.com/api/v1")
    with Store(database_url, account=one) as store:
        statements(store, statement)
        with Store(database_url, account=other):
            pass
        adopt(store._database, other)
        with pytest.raises(Exception, match="belongs to another WbizTool account"):
            adopt(store._database, one)
    assert owner_of(database_url) == other


def test_names_show_no_password(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    url = sa.make_url("postgresql://bridge:hunter-two@127.0.0.1:1/none").render_as_string(hide_password=False)
    write_config(tmp_path, bridge_config(simulator, sink, [1], database=url))
    for arguments in (["check"], ["check", "--json"], ["status"], ["status", "--json"]):
        done = command(tmp_path, *arguments)
        assert "127.0.0.1:1/none" in done.stdout
        assert "hunter-two" not in done.stdout + done.stderr
