"""``.env`` beside the configuration: read for ``${NAME}`` and nothing else, strictly, and without showing a value."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import env_file
from bridge.config.peek import Peek
from tests.unit.config.test_watcher import reloader
from tests.unit.config.world import ENVIRON, LEAST, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "KEY=key-of-the-file\nSLACK='https://hooks.slack.com/services/T0/B0/of-the-file'\n"
FORM = "this line is not of the form NAME=value (quotes must be closed)"


@pytest.fixture
def common() -> Iterator[Folder]:
    """A folder that every user may enter: pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Folder(Path(folder))


def api_key(folder: Folder, environ: dict[str, str]) -> str:
    return folder.load(LEAST, environ).wbiztool.api_key.get_secret_value()


def test_file_says_what_the_environment_does_not(folder: Folder) -> None:
    before = dict(os.environ)
    folder.write(FILE, ".env")
    loaded = folder.load(LEAST, {})
    assert set(loaded.secrets()) == {"key-of-the-file", "https://hooks.slack.com/services/T0/B0/of-the-file"}
    assert dict(os.environ) == before
    assert loaded.warnings() == folder.load(LEAST, ENVIRON).warnings()


@pytest.mark.parametrize(("environ", "key"), [({"KEY": "of-the-shell"}, "of-the-shell"), ({}, "key-of-the-file")])
def test_environment_wins(folder: Folder, environ: dict[str, str], key: str) -> None:
    folder.write(FILE, ".env")
    assert api_key(folder, environ) == key


def test_file_says_nothing_but_variables(folder: Folder) -> None:
    """What the bridge itself takes from its environment stays as it is: state folder, socket, what may be run."""
    folder.write(f"{FILE}STATE_DIRECTORY=/elsewhere\nRUNTIME_DIRECTORY=/elsewhere\nWBIZ_BRIDGE_COMMANDS=off\n", ".env")
    loaded = folder.load(f"{LEAST}      - command: [/bin/true]\n", {"STATE_DIRECTORY": "/state"})
    assert (loaded.database, str(loaded.control)) == ("sqlite:////state/bridge.db", "/state/bridge.db.sock")


def test_included_lists_may_name_its_variables(folder: Folder) -> None:
    folder.write(f"{FILE}ID=77\n", ".env")
    folder.write("- ${ID}\n", "lists/more.yaml")
    assert list(folder.load(f"{LEAST}    messages: [{{include: lists/more.yaml}}]\n", {}).watchlist.ids()) == [77]


def test_unset_variable_is_told_where_it_can_be_put(folder: Folder) -> None:
    (fault,) = folder.faults(LEAST, {"SLACK": ENVIRON["SLACK"]})
    assert fault == (
        "config.yaml:1:37: wbiztool.api_key: the variable KEY is not set "
        "(set it, put it into .env beside the configuration, or give a default: ${KEY:-default})"
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\n\n# B=2\n  export C = 3 # three\r\nD=\n", {"A": "1", "C": "3", "D": ""}),
        ("A='one # $B ${C} $$'\nB=\"two\\nlines\"\n", {"A": "one # $B ${C} $$", "B": "two\nlines"}),
        ("A='several\nlines'\nB=#2", {"A": "several\nlines", "B": "#2"}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_assignments_are_read_as_other_tools_do_and_not_looked_at_again(
    folder: Folder, text: str, values: dict[str, str]
) -> None:
    folder.write(text, ".env")
    assert env_file.read_env_file(folder.path / "config.yaml") == env_file.EnvFile(folder.path / ".env", values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A=1\n\n\na-secret-without-a-name\n", [(4, FORM)]),
        ("A=1\r\n \r\nB = 'a-secret\r\nC=3\r\n", [(3, FORM)]),
        ("a-secret 5\n=a-secret\nA='a-secret' b\n", [(1, FORM), (2, FORM), (3, FORM)]),
        ("A=a-secret\nB=2\nA=a-secret\n", [(3, "this name appears twice (first in line 1); keep one")]),
    ],
)
def test_wrong_line_is_named_and_not_shown(folder: Folder, text: str, told: list[tuple[int, str]]) -> None:
    folder.write(text, ".env")
    faults = folder.faults(LEAST)
    assert faults == [f".env:{line}:1: {what}" for line, what in told]
    assert "a-secret" not in repr(env_file.read_env_file(folder.path / "config.yaml"))


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    values, faults = env_file.parse(text)
    assert all(1 <= line <= text.count("\n") + text.count("\r") + 1 for line, _ in faults)
    assert all(isinstance(value, str) for value in values.values())


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"KEY=1\nSLACK=\xff\xfe", ".env:2:7: not UTF-8 text (save the file with the encoding UTF-8)"),
        (b"x" * 70_000, ".env:1:1: the file is too large (allowed: up to 64 KiB)"),
        (b"PK\x03\x04", ".env:1:1: this is not a plain text file but a Word, Excel or zip file: save it as plain text"),
    ],
)
def test_what_is_no_such_file_is_refused(folder: Folder, content: bytes, fault: str) -> None:
    folder.write(content, ".env")
    (told,) = folder.faults(LEAST)
    assert told.startswith(fault)


def test_pipe_is_not_waited_for(folder: Folder) -> None:
    os.mkfifo(folder.path / ".env")
    assert folder.faults(LEAST) == [".env:1:1: this is a pipe, not a file"]


def test_link_that_leads_nowhere_is_a_fault(folder: Folder) -> None:
    (folder.path / ".env").symlink_to("gone")
    assert folder.faults(LEAST) == [".env:1:1: no such file"]


def test_folder_of_that_name_is_none(folder: Folder) -> None:
    """People call virtual environments so."""
    (folder.path / ".env").mkdir()
    assert folder.faults(LEAST) == []


def test_root_takes_nothing_from_another_user(folder: Folder) -> None:
    if os.geteuid():
        pytest.skip("not on this platform: only root can give a file away")
    os.chown(folder.write("KEY=a-secret\n", ".env"), 12345, -1)
    (fault,) = folder.faults(LEAST)
    assert fault.startswith(".env:1:1: owned by another user, so root does not read it: `chown root` it")


def test_file_that_others_may_read_is_warned_of(common: Folder) -> None:
    file = common.write(FILE, ".env")
    file.chmod(0o644)
    (warning,) = common.load(LEAST, {}).warnings()[1:]
    assert warning == (
        f"every user of this machine can read {file}, which holds values of the configuration: chmod o-r {file}"
    )
    file.chmod(0o600)
    assert common.load(LEAST, {}).warnings()[1:] == ()


@pytest.mark.parametrize("before", [None, FILE])
def test_change_of_the_file_is_a_change_of_the_configuration(folder: Folder, before: str | None) -> None:
    if before is not None:
        folder.write(before, ".env")
    following = reloader(folder)
    folder.write("MORE=1\n", ".env")
    following.changed()
    assert following.changed()
    following.read()
    (folder.path / ".env").unlink()
    following.changed()
    assert following.changed()


def test_daemon_is_found_by_a_path_that_the_file_holds(folder: Folder) -> None:
    path = folder.write("control: ${RUN}/x.sock\ndatabase: ${URL:-sqlite:///other.db}\nreceivers: [wrong\n")
    folder.write("RUN=/of-the-file\nURL=sqlite:////b.db\n", ".env")
    assert str(Peek(path, {}).control) == "/of-the-file/x.sock"
    assert str(Peek(path, {"RUN": "/of-the-shell"}).control) == "/of-the-shell/x.sock"
    assert Peek(path, {}).database == "sqlite:////b.db"
