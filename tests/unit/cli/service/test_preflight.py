"""A bridge that a service could not run is not made into one: it is said why, and what to do."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import bridge
from bridge.cli.service.preflight import Place, here, obstacle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Told = Callable[[Place], str | None]


@pytest.fixture
def good(tmp_path: Path) -> Place:
    """A bridge at a good place, as seen by `told`."""
    files = Place(tmp_path / "opt/bin/wbiz-bridge", tmp_path / "usr/bin/python3", tmp_path / "opt/lib/bridge.py")
    for file in (files.program, files.python, files.package):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(0o755)
    return files


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The obstacle on a system whose top is the test's folder."""
    return lambda place: obstacle(place, hidden=[tmp_path / "home"], top=tmp_path)


def test_this_bridge_is_found_where_it_runs() -> None:
    found = here()
    assert found.program.parent == found.python.parent
    assert str(found.python) == sys.executable
    assert str(found.package) == bridge.__file__


def test_a_bridge_that_everybody_may_use_is_good(good: Place, told: Told) -> None:
    assert told(good) is None


@pytest.mark.parametrize("name", ["program", "python", "package"])
def test_what_is_in_a_home_folder_is_hidden_from_services(name: str, good: Place, told: Told, tmp_path: Path) -> None:
    file = tmp_path / "home" / "me" / name
    file.parent.mkdir(parents=True)
    file.touch(0o755)
    why = told(replace(good, **{name: file}))
    assert f"{file}, is in {tmp_path / 'home'}, which systemd hides from services." in str(why)
    assert "-m venv /opt/wbiz-bridge" in str(why)


def test_a_link_into_a_home_folder_is_no_way_in(good: Place, told: Told, tmp_path: Path) -> None:
    hidden = tmp_path / "home" / "python3"
    hidden.parent.mkdir()
    hidden.touch(0o755)
    good.python.unlink()
    good.python.symlink_to(hidden)
    assert str(told(good)).startswith(f"its Python, {hidden}, is in {tmp_path / 'home'}, ")


def test_what_only_its_owner_may_use_is_told_with_the_command_that_opens_it(good: Place, told: Told) -> None:
    good.python.parent.chmod(0o700)
    assert str(told(good)).endswith(f" chmod -R o+rX {good.python.parent}")
    good.python.parent.chmod(0o755)
    good.package.chmod(0o600)
    assert str(told(good)).endswith(f" chmod -R o+rX {good.package}")


def test_a_program_that_is_not_there_is_said(good: Place, told: Told) -> None:
    good.program.unlink()
    assert str(told(good)).startswith(f"the program, {good.program}, is not there.")
