"""Hours of the day in a time zone: each slot is in the one that the zone's clocks show."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.activity import slot_after, slot_of, start_of
from bridge.domain.hours_of_day import SLOTS_OF_DAY, SLOTS_OF_HOUR, same_offset, waits_by_hour

DAYS = timedelta(days=1)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"])
def test_slots_are_in_the_hours_that_clocks_show(zone: str) -> None:
    here = ZoneInfo(zone)
    begin = datetime(2026, 3, 1, tzinfo=here)
    slots = range(slot_of(begin), slot_after(begin + 60 * DAYS))
    found = [(slot, ahead) for part, ahead in same_offset(slots, here) for slot in part]
    assert [slot for slot, _ in found] == list(slots)
    for slot, ahead in found:
        assert (slot + ahead) % SLOTS_OF_DAY // SLOTS_OF_HOUR == start_of(slot).astimezone(here).hour


def test_no_hour_is_left_out() -> None:
    found = waits_by_hour([(5, "10", 2), (5, "12", 1)])
    assert len(found) == 24
    assert [hour for hour, waits in enumerate(found) if waits] == [5]
    assert found[5] is not None
    assert found[5].count == 3
