"""Quiet hours in the configuration: as they are written, quoted or not, and what is wrong with its place."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.quiet_hours import EVERY_DAY, QuietHours
from tests.unit.config.world import LEAST, Folder

_IN_UTC = "its quiet hours are in UTC"


def quiet(folder: Folder, written: str) -> QuietHours:
    (receiver,) = folder.load(f"{LEAST}        quiet: {written}\n").receivers
    assert receiver.quiet is not None
    return receiver.quiet.hours


def test_quiet_hours_are_read_as_they_are_written(folder: Folder) -> None:
    found = quiet(
        folder,
        '{from: "22:00", to: "08:00", days: [mon-fri], timezone: Asia/Kolkata, except: [source.down, failed]}',
    )
    week = frozenset(range(5))
    exempt = ("source.down", "message.failed")
    assert found == QuietHours(time(22), time(8), ZoneInfo("Asia/Kolkata"), week, exempt)


def test_times_need_no_quotes(folder: Folder) -> None:
    """Other YAML 1.1 readers take 22:00 for 1320, and 08:00 for text."""
    found = quiet(folder, "{from: 22:00, to: 8:05}")
    assert (found.begin, found.end, found.days) == (time(22), time(8, 5), EVERY_DAY)


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("mon", {0}),
        ("[sat-sun]", {5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("[Mon, WED-thu]", {0, 2, 3}),
        ("sun-sat", set(range(7))),
    ],
)
def test_days_may_be_single_ones_or_ranges(folder: Folder, written: str, days: set[int]) -> None:
    assert quiet(folder, f"{{from: 22:00, to: 08:00, days: {written}}}").days == days


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("{from: 22:00, to: 22:00}", "4:30: receivers[0].quiet.to: the same as from (allowed: another time of day)"),
        ("{from: 24:00, to: 08:00}", '4:19: receivers[0].quiet.from: not a time of day (allowed: "00:00" to "23:59")'),
        ("{from: 2200, to: 08:00}", '4:19: receivers[0].quiet.from: not a time of day (allowed: "00:00" to "23:59")'),
        ("{from: 22:00}", "4:12: receivers[0].quiet: to is missing"),
        (
            "{from: 22:00, to: 08:00, days: [mon, fry]}",
            "4:49: receivers[0].quiet.days[1]: not a day (allowed: mon, tue, wed, thu, fri, sat, sun, and ranges such",
        ),
        (
            "{from: 22:00, to: 08:00, timezone: Asia/Calcuta}",
            "4:47: receivers[0].quiet.timezone: unknown time zone (did you mean `Asia/Calcutta`?)",
        ),
        (
            "{from: 22:00, to: 08:00, timezone: kolkata}",
            "4:47: receivers[0].quiet.timezone: unknown time zone (did you mean `Asia/Kolkata`?)",
        ),
        (
            "{from: 22:00, to: 08:00, timezone: IST}",
            "4:47: receivers[0].quiet.timezone: unknown time zone (did you mean `Asia/Kolkata`, `Europe/Dublin` or",
        ),
        (
            "{from: 22:00, to: 08:00, timezone: ../../etc/passwd}",
            "4:47: receivers[0].quiet.timezone: unknown time zone (",
        ),
        ("{from: 22:00, to: 08:00, timezone: Asia}", "4:47: receivers[0].quiet.timezone: unknown time zone ("),
        (
            "{from: 22:00, to: 08:00, except: [sorce.down]}",
            "4:46: receivers[0].quiet.except[0]: unknown event type (did you mean `source.down`?)",
        ),
        ("{from: 22:00, til: 08:00}", "4:26: receivers[0].quiet.til: unknown key ("),
        ("22:00-08:00", "4:12: receivers[0].quiet: must be a section, for example `quiet: {from:"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder: Folder, written: str, fault: str) -> None:
    found = folder.faults(f"{LEAST}        quiet: {written}\n")
    assert any(each.startswith(f"config.yaml:{fault}") for each in found), found


def test_quiet_hours_without_a_time_zone_are_warned_of(folder: Folder) -> None:
    def warned(written: str) -> bool:
        config = folder.load(f"{LEAST}        quiet: {written}\n")
        return any(_IN_UTC in each for each in config.warnings())

    assert warned("{from: 22:00, to: 08:00}")
    assert not warned("{from: 22:00, to: 08:00, timezone: UTC}")
