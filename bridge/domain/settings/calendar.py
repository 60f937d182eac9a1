"""Times of day, days of the week and time zones, as the configuration writes them.

What :mod:`bridge.domain.settings.validators` says of ValueErrors holds here, too.
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import time
from typing import Final

from bridge.domain.settings.check import Check
from bridge.domain.settings.time_zones import suggested_zone

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_RANGE = rf"(?:{'|'.join(DAYS)})(?:-(?:{'|'.join(DAYS)}))?"
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


def _time_of_day(value: object) -> time:
    if not isinstance(value, str) or not re.fullmatch(_TIME, value, re.ASCII):
        raise ValueError('not a time of day (allowed: "00:00" to "23:59")')
    hours, minutes = value.split(":")
    return time(int(hours), int(minutes))


def _days(value: object) -> frozenset[int]:
    if not isinstance(value, str) or not re.fullmatch(_RANGE, value.lower()):
        raise ValueError(f"not a day (allowed: {', '.join(DAYS)}, and ranges such as mon-fri)")
    first, _, last = value.lower().partition("-")
    begin = DAYS.index(first)
    count = (DAYS.index(last or first) - begin) % len(DAYS) + 1
    return frozenset((begin + step) % len(DAYS) for step in range(count))


def time_zone(value: object) -> zoneinfo.ZoneInfo:
    """Read the name of a time zone of the IANA database."""
    if isinstance(value, str) and _ZONE_NAME.fullmatch(value):
        try:
            return zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # no such name, a strange one, a folder of zones
            pass
    raise ValueError(f"unknown time zone ({suggested_zone(str(value))})")


def is_time_zone(value: object) -> bool:
    """Tell whether it is the name of one."""
    try:
        time_zone(value)
    except ValueError:
        return False
    return True


TIME_OF_DAY: Final = Check(_time_of_day, json_schema={"type": "string", "pattern": f"^{_TIME}$"})
"""Allows ``08:00``, and ``8:00``."""

WEEKDAYS: Final = Check(_days, json_schema={"type": "string", "pattern": f"^(?i:{_RANGE})$"})
"""Allows a day, ``mon``, or a range of them, ``fri-mon``."""

TIME_ZONE: Final = Check(time_zone)
"""Allows a name of the IANA database."""
