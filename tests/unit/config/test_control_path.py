"""Where the daemon's socket is, and what of a configuration leads there."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.control_path import candidates, control_path, of_unit, unit_environ, unit_files
from bridge.config.peek import Peek

SQLITE = "sqlite:////srv/state/bridge.db"
POSTGRES = "postgresql+psycopg://bridge@127.0.0.1/bridge"
CONFIG = Path("/home/me/config.yaml")
STATE = {"XDG_STATE_HOME": "/home/me/state"}


def asked(environ: dict[str, str], config: Path, control: Path | None, database: str | None) -> list[str]:
    return [str(path) for path in candidates(environ, config, control, database)]


def test_systemd_says_where_it_is() -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/wbiz-bridge:/run/other"}
    assert control_path(environ, SQLITE, CONFIG) == Path("/run/wbiz-bridge/control.sock")


def test_without_systemd_it_is_beside_the_database() -> None:
    assert control_path({}, SQLITE, CONFIG) == Path("/srv/state/bridge.db.sock")


def test_with_postgresql_it_is_in_the_users_folder_and_of_this_configuration() -> None:
    session = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    one, other = (control_path(session, POSTGRES, Path(f"/home/me/{name}/config.yaml")) for name in "ab")
    assert one.parent == other.parent == Path("/run/user/1000/wbiz-bridge")
    assert one != other
    assert one.name.startswith("config-")


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, where a user is a number."""

    def nobody(_: int) -> NoReturn:
        raise KeyError

    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(ValueError, match="this user has no home folder: say where commands find the bridge"):
        control_path({}, POSTGRES, CONFIG)
    assert asked({}, CONFIG, None, POSTGRES) == []
    (path, *_) = asked({"XDG_RUNTIME_DIR": "/tmp"}, CONFIG, None, POSTGRES)
    assert path == str(control_path({"XDG_RUNTIME_DIR": "/tmp"}, POSTGRES, CONFIG))
    assert path.startswith("/tmp/wbiz-bridge/config-")


@pytest.mark.parametrize(
    ("config", "socket"),
    [
        ("/etc/wbiz-bridge/config.yaml", "/run/wbiz-bridge/control.sock"),
        ("/etc/wbiz-bridge/shop/config.yaml", "/run/wbiz-bridge@shop/control.sock"),
        ("/etc/wbiz-bridge/shop/deep/config.yaml", None),
        ("/etc/other/config.yaml", None),
    ],
)
def test_a_units_configuration_leads_to_its_socket(config: str, socket: str | None) -> None:
    assert of_unit(Path(config)) == (socket and Path(socket))


def test_a_command_reads_a_units_configuration_as_the_unit_does() -> None:
    assert unit_environ(Path("/etc/wbiz-bridge/shop/config.yaml")) == {
        "STATE_DIRECTORY": "/var/lib/wbiz-bridge@shop",
        "CREDENTIALS_DIRECTORY": "/etc/wbiz-bridge/shop",
    }
    assert unit_environ(CONFIG) == {}
    assert Path("/etc/systemd/system/wbiz-bridge@.service") in unit_files(Path("/etc/wbiz-bridge/shop/config.yaml"))
    assert list(unit_files(CONFIG)) == []


def test_what_says_more_goes_first() -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/here"}
    assert asked(environ, Path("/etc/wbiz-bridge/config.yaml"), Path("/tmp/x.sock"), SQLITE)[:4] == [
        "/tmp/x.sock",
        "/run/here/control.sock",
        "/run/wbiz-bridge/control.sock",
        "/srv/state/bridge.db.sock",
    ]


@given(st.sampled_from([SQLITE, POSTGRES]), st.sampled_from([{}, {"RUNTIME_DIRECTORY": "/run/here"}]))
def test_a_command_looks_where_the_daemon_is(database: str, environ: dict[str, str]) -> None:
    assert str(control_path(environ, database, CONFIG)) in asked(environ, CONFIG, None, database)


@pytest.mark.parametrize(
    ("text", "control", "database"),
    [
        ("control: run/me.sock\ndatabase: sqlite:///b.db\n", "run/me.sock", "sqlite:///{folder}/b.db"),
        ("'control': /abs.sock\nmessages:\n  - 1\n", "/abs.sock", "sqlite:////state/bridge.db"),
        ("messages: [1]\ncontrol:\n  ${PLACE}/x.sock # here\nlog: {}\n", "/place/x.sock", "sqlite:////state/bridge.db"),
        ('{"control": "x.sock", "database": "sqlite:////a/b.db"}', "x.sock", "sqlite:////a/b.db"),
        ("control: ${NOT_SET}\n", None, "sqlite:////state/bridge.db"),
        ("control: off\n", None, "sqlite:////state/bridge.db"),
        ("  control: nested\nwbiztool:\n  control: x\n  database: y\n", None, "sqlite:////state/bridge.db"),
        ("control: [\ndatabase: sqlite:///b.db\n", None, "sqlite:////state/bridge.db"),
        ("database: postgresql://me@h/db\nreceivers: [wrong\n", None, "postgresql://me@h/db"),
        ("database: [wrong]\n", None, None),
        ("database_file: url.txt\n", None, "sqlite:////from/file.db"),
    ],
)
def test_two_keys_are_read_whatever_the_rest_is(
    tmp_path: Path, text: str, control: str | None, database: str | None
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "url.txt").write_text("sqlite:////from/file.db\n")
    said = Peek(tmp_path / "config.yaml", {"PLACE": "/place", "STATE_DIRECTORY": "/state"})
    assert said.control == (control and tmp_path / control)
    assert said.database == (database and database.format(folder=tmp_path))
    assert said.switched_off == (text == "control: off\n")


@given(st.text(max_size=200).map(lambda text: f"control: {text}\n{text}") | st.text(max_size=200))
def test_no_text_is_too_odd(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert Peek(path, {}).control is None or text.strip()
