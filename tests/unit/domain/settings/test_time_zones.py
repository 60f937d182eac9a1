"""Which time zone was meant by what is none."""

from __future__ import annotations

import zoneinfo

import pytest

from bridge.domain.settings import time_zones
from bridge.domain.settings.time_zones import suggested_zone

ALLOWED = "allowed: names such as Asia/Kolkata or UTC"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("IST", "did you mean `Asia/Kolkata`, `Europe/Dublin` or `Asia/Jerusalem`?"),
        ("pst", "did you mean `America/Los_Angeles` or `Asia/Manila`?"),
        ("CEST", "did you mean `Europe/Berlin`?"),
        ("India", "did you mean `Asia/Kolkata`?"),
        ("indian", "did you mean `Asia/Kolkata`?"),
        ("in", "did you mean `Asia/Kolkata`?"),
        ("UK", "did you mean `Europe/London`?"),
        ("Spain", "did you mean `Europe/Madrid`, `Africa/Ceuta` or `Atlantic/Canary`?"),
        ("US", "name a city of that country, such as `America/New_York`"),
        ("Asia/Mumbai", "did you mean `Asia/Kolkata`?"),
        ("new york", "did you mean `America/New_York`?"),
        ("Asia/Kolkatta", "did you mean `Asia/Kolkata`?"),
        ("asia/kolkata", "did you mean `Asia/Kolkata`?"),
        ("utc", "did you mean `UTC`?"),
        ("UTC+5:30", "an offset is no name: name a city, such as Asia/Kolkata"),
        ("+05:30", "an offset is no name: name a city, such as Asia/Kolkata"),
        ("GMT+1", "an offset is no name: name a city, such as Asia/Kolkata"),  # Etc/GMT+1 is UTC-1
        ("Asia", ALLOWED),
        ("Europe/Munich", ALLOWED),  # not Zurich
        ("XST", ALLOWED),
        ("", ALLOWED),
        ("x" * 10_000, ALLOWED),
    ],
)
def test_zone_is_suggested(written: str, meant: str) -> None:
    assert suggested_zone(written) == meant


def test_tables_name_zones_that_there_are() -> None:
    listed = [zone for zones in time_zones._ABBREVIATIONS.values() for zone in zones]
    assert {*listed, *time_zones._PLACES.values()} <= zoneinfo.available_timezones()


def test_tables_say_nothing_that_the_database_knows() -> None:
    assert not {*time_zones._ABBREVIATIONS} & zoneinfo.available_timezones()
