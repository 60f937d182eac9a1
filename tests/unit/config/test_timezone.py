"""The time zone in which people read and write times."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from bridge.config import machine_zone as module
from bridge.config.machine_zone import machine_zone
from tests.unit.config.world import LEAST, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KOLKATA = ZoneInfo("Asia/Kolkata")
_QUIET = '        quiet: {from: "22:00", to: "08:00"%s}\n'


@pytest.fixture(autouse=True)
def _as_the_machine_is() -> Iterator[None]:
    machine_zone.cache_clear()
    yield
    machine_zone.cache_clear()
    time.tzset()


def test_time_zone_is_that_of_the_configuration(folder: Folder) -> None:
    config = folder.load(f"{LEAST}    timezone: Asia/Kolkata\n")
    assert config.timezone == config.zone == KOLKATA


def test_time_zone_of_a_variable_is_taken(folder: Folder) -> None:
    assert folder.load(f'{LEAST}    timezone: "${{ZONE:-Asia/Kolkata}}"\n').zone == KOLKATA


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("Asia/Calcuta", "unknown time zone (did you mean `Asia/Calcutta`?)"),
        ("kolkata", "unknown time zone (did you mean `Asia/Kolkata`?)"),
        ("Mars/Olympus", "unknown time zone (allowed: names such as Asia/Kolkata or UTC)"),
        ("../../etc/passwd", "unknown time zone (allowed: names such as Asia/Kolkata or UTC)"),
        ("5.5", "unknown time zone (an offset is no name: name a city, such as Asia/Kolkata)"),
        ("", "has no value"),
        ("[Asia/Kolkata]", "unknown time zone"),
    ],
)
def test_time_zone_that_does_not_exist_is_told_once_with_its_place(folder: Folder, written: str, fault: str) -> None:
    """Also where quiet hours would take it."""
    (found,) = folder.faults(f"timezone: {written}\n{LEAST.replace('    ', '', 1)}".replace("\n    ", "\n"))
    assert found.startswith("config.yaml:1:")
    assert "timezone: " in found
    assert fault in found


def test_quiet_hours_without_a_time_zone_have_that_of_the_configuration(folder: Folder) -> None:
    def zone(quiet: str, top: str) -> tuple[object, bool]:
        config = folder.load(f"{LEAST}{_QUIET % quiet}{top}")
        (receiver,) = config.receivers
        assert receiver.quiet is not None
        return receiver.quiet.timezone, any("quiet hours are in UTC" in each for each in config.warnings())

    assert zone("", "    timezone: Asia/Kolkata\n") == (KOLKATA, False)
    assert zone(", timezone: Asia/Tokyo", "    timezone: Asia/Kolkata\n") == (ZoneInfo("Asia/Tokyo"), False)
    assert zone("", "") == (UTC, True)


@pytest.mark.parametrize(
    ("named", "winter", "summer"), [("Europe/Berlin", 1, 2), (":Europe/Berlin", 1, 2), ("Etc/UTC", 0, 0), ("UTC", 0, 0)]
)
def test_machine_s_zone_is_what_its_variable_names(
    monkeypatch: pytest.MonkeyPatch, named: str, winter: int, summer: int
) -> None:
    monkeypatch.setenv("TZ", named)
    zone = machine_zone()
    assert str(zone) == {"Etc/UTC": "UTC"}.get(named, named.removeprefix(":"))
    for month, hours in ((1, winter), (7, summer)):
        assert zone.utcoffset(datetime(2026, month, 1)) == timedelta(hours=hours)  # noqa: DTZ001 -- by its clocks


def test_machine_s_zone_may_be_rules_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "IST-5:30")
    time.tzset()
    assert machine_zone().utcoffset(None) == timedelta(hours=5.5)
    monkeypatch.undo()


def test_machine_s_zone_is_that_of_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A link with a name, as usual; or a copy, as containers have; or nothing."""
    monkeypatch.delenv("TZ", raising=False)
    folder = tmp_path / "zoneinfo" / "Asia"
    folder.mkdir(parents=True)
    file = tmp_path / "localtime"
    monkeypatch.setattr(module, "_FILE", file)
    assert machine_zone() == ZoneInfo("UTC")
    file.symlink_to(folder / "Kolkata")
    machine_zone.cache_clear()
    assert machine_zone() == KOLKATA
    file.unlink()
    from importlib.resources import files  # noqa: PLC0415 -- only here

    file.write_bytes(files("tzdata").joinpath("zoneinfo/Europe/Berlin").read_bytes())
    machine_zone.cache_clear()
    assert machine_zone().utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)  # noqa: DTZ001 -- by its clocks
