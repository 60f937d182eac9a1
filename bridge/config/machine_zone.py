"""The time zone of the machine, for where the configuration names none."""

from __future__ import annotations

import os
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import tzinfo

_FILE = Path("/etc/localtime")
_NO_ZONE = (ZoneInfoNotFoundError, ValueError, OSError)  # no such name, a strange one, a folder of zones


@cache
def machine_zone() -> tzinfo:
    """Return it, with its rules for daylight saving: as ``$TZ`` names it, else as ``/etc/localtime`` says."""
    wanted = os.environ.get("TZ", "").removeprefix(":")
    try:
        zone = ZoneInfo(wanted or _linked())
    except _NO_ZONE:
        return _unnamed(wanted)
    return ZoneInfo("UTC") if zone.key == "Etc/UTC" else zone  # as people write it


def _linked() -> str:
    """Name the zone that ``/etc/localtime`` is a link to."""
    return str(_FILE.readlink()).partition("/zoneinfo/")[2]  # not what that is a link to, in its turn: an older name


def _unnamed(wanted: str) -> tzinfo:
    if not wanted:
        try:
            with _FILE.open("rb") as file:
                return ZoneInfo.from_file(file, key="the machine's time zone")
        except _NO_ZONE:
            return ZoneInfo("UTC")
    zone = datetime.now().astimezone().tzinfo  # the C library's: $TZ may hold rules in place of a name
    assert zone is not None
    return zone
