"""Summaries in the configuration: as they are written, what is wrong with its place, and what they say of events."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from bridge.config.machine_zone import machine_zone
from bridge.daemon.summary_watch import summary_rules
from bridge.domain.model import EventType
from bridge.domain.quiet_hours import EVERY_DAY
from bridge.domain.routing import subscribed
from bridge.domain.summary_schedule import SummaryRule
from tests.unit.config.world import LEAST, Folder


def rule(folder: Folder, written: str) -> SummaryRule:
    (found,) = summary_rules(folder.load(f"{LEAST}        summary: {written}\n")).values()
    return found


def test_summary_is_read_as_it_is_written(folder: Folder) -> None:
    found = rule(folder, '{at: "09:00", days: [mon-fri], timezone: Asia/Kolkata}')
    assert found == SummaryRule(time(9), ZoneInfo("Asia/Kolkata"), frozenset(range(5)))
    assert rule(folder, "{at: 9:05, days: mon, timezone: UTC}") == SummaryRule(
        time(9, 5), ZoneInfo("UTC"), frozenset({0})
    )


def test_summary_is_by_the_clock_of_the_machine_where_nothing_else_is_said(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    request.addfinalizer(machine_zone.cache_clear)
    machine_zone.cache_clear()
    found = rule(folder, "{at: 09:00}")
    assert (str(found.zone), found.days) == ("Asia/Kolkata", EVERY_DAY)
    (found,) = summary_rules(folder.load(f"{LEAST}        summary: {{at: 09:00}}\n    timezone: Asia/Tokyo\n")).values()
    assert str(found.zone) == "Asia/Tokyo", "or of the configuration's"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("{at: 9am}", '4:19: receivers[0].summary.at: not a time of day (allowed: "00:00" to "23:59")'),
        ("{days: [mon]}", "4:14: receivers[0].summary: at is missing"),
        ("{at: 09:00, days: []}", "4:32: receivers[0].summary.days: an empty list; give a value or remove the key"),
        ("{at: 09:00, days: [fry]}", "4:33: receivers[0].summary.days[0]: not a day (allowed: mon, tue,"),
        (
            "{at: 09:00, timezone: Asia/Kolkatta}",
            "4:36: receivers[0].summary.timezone: unknown time zone (did you mean `Asia/Kolkata`?)",
        ),
        ("{at: 09:00, zone: UTC}", "4:26: receivers[0].summary.zone: unknown key ("),
        ("09:00", "4:14: receivers[0].summary: must be a section, for example `summary: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder: Folder, written: str, fault: str) -> None:
    found = folder.faults(f"{LEAST}        summary: {written}\n")
    assert any(each.startswith(f"config.yaml:{fault}") for each in found), found


def test_receiver_may_get_nothing_but_its_summary(folder: Folder) -> None:
    config = folder.load(f"{LEAST}        events: [summary]\n        summary: {{at: 09:00, timezone: UTC}}\n")
    assert not any("receiver" in each for each in config.warnings())
    (receiver,) = config.receivers
    assert [type_ for type_ in EventType if subscribed(receiver.subscription, type_)] == [EventType.SUMMARY]


def test_summary_among_the_events_without_a_time_is_warned_of(folder: Folder) -> None:
    config = folder.load(f"{LEAST}        events: [summary]\n")
    (warning,) = (each for each in config.warnings() if each.startswith("receiver"))
    assert "`summary` is among its events, but it has no `summary:` that says when" in warning
