"""Which time zone a person may have meant: from a misspelt name, an abbreviation, a country or a city.

Countries are those of the time zone database itself (``iso3166.tab`` and ``zone.tab``), in the package tzdata.
"""

from __future__ import annotations

import re
import zoneinfo
from collections import defaultdict
from importlib import resources
from typing import TYPE_CHECKING, Final

from bridge.domain.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SUCH_AS: Final = "such as Asia/Kolkata"
_OFFSET: Final = re.compile(r"(?:utc|gmt)? ?[+-]?[0-9][0-9:.]*", re.IGNORECASE | re.ASCII)
_ALIKE: Final = 0.8
"""How alike two names must be: Mumbai is not Dubai."""

_MOST: Final = 3
_CODE: Final = 2  # letters of a country's code

_CET, _INDIA = "Europe/Berlin", "Asia/Kolkata"
_ABBREVIATIONS: Final[Mapping[str, Sequence[str]]] = {
    "IST": (_INDIA, "Europe/Dublin", "Asia/Jerusalem"),
    "PKT": ("Asia/Karachi",),
    "NPT": ("Asia/Kathmandu",),
    "GST": ("Asia/Dubai",),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "SGT": ("Asia/Singapore",),
    "MYT": ("Asia/Kuala_Lumpur",),
    "PHT": ("Asia/Manila",),
    "WIB": ("Asia/Jakarta",),
    "ICT": ("Asia/Bangkok",),
    "HKT": ("Asia/Hong_Kong",),
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",),
    "AEST": ("Australia/Sydney", "Australia/Brisbane"),
    "AEDT": ("Australia/Sydney",),
    "ACST": ("Australia/Adelaide", "Australia/Darwin"),
    "AWST": ("Australia/Perth",),
    "NZST": ("Pacific/Auckland",),
    "NZDT": ("Pacific/Auckland",),
    "EDT": ("America/New_York",),
    "ET": ("America/New_York",),
    "CDT": ("America/Chicago",),
    "CT": ("America/Chicago",),
    "MDT": ("America/Denver",),
    "MT": ("America/Denver",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "PDT": ("America/Los_Angeles",),
    "PT": ("America/Los_Angeles",),
    "BRT": ("America/Sao_Paulo",),
    "ART": ("America/Argentina/Buenos_Aires",),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "WEST": ("Europe/Lisbon",),
    "CEST": (_CET,),
    "MEZ": (_CET,),
    "EEST": ("Europe/Athens",),
    "MSK": ("Europe/Moscow",),
    "TRT": ("Europe/Istanbul",),
    "WAT": ("Africa/Lagos",),
    "CAT": ("Africa/Maputo",),
    "EAT": ("Africa/Nairobi",),
    "SAST": ("Africa/Johannesburg",),
}
"""Abbreviations that are no names of the database, with the zones that they stand for, the most likely first."""

_PLACES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("usa", "new york city"), "America/New_York"),
    **dict.fromkeys(("california", "san francisco", "seattle"), "America/Los_Angeles"),
    **dict.fromkeys(("uk", "england", "great britain", "united kingdom"), "Europe/London"),
    **dict.fromkeys(("uae", "abu dhabi"), "Asia/Dubai"),
    **dict.fromkeys(("beijing", "peking"), "Asia/Shanghai"),
    **dict.fromkeys(("bombay", "mumbai", "delhi", "new delhi", "pune", "ahmedabad"), _INDIA),
    **dict.fromkeys(("bangalore", "bengaluru", "chennai", "hyderabad"), _INDIA),
}
"""Large places of which the database has no zone, and countries by names that it has not."""


def suggested_zone(name: str) -> str:
    """Say which zone may be meant by a name that is none; where nothing is alike, what names are like."""
    text = " ".join(name.replace("_", " ").split())
    if _OFFSET.fullmatch(text):
        return f"an offset is no name: name a city, {_SUCH_AS}"
    zones = sorted(zoneinfo.available_timezones(), reverse=True)
    for zone in zones:
        if zone.lower() == text.replace(" ", "_").lower():
            return _did_you_mean([zone])
    if found := _ABBREVIATIONS.get(text.upper()):
        return _did_you_mean(found)
    cities = {_city(zone): [zone] for zone in zones if "/" in zone and not zone.startswith("Etc/")}
    places = cities | {place: [zone] for place, zone in _PLACES.items()}
    countries = _countries()
    city = _city(text)
    found = places.get(city) or countries.get(city)
    for names in (places, countries):
        if not found and (near := nearest(city, (name for name in names if len(name) > _CODE), _ALIKE)):
            found = names[near]
    if not found:
        return f"allowed: names {_SUCH_AS} or UTC"
    return _did_you_mean(found) if len(found) <= _MOST else f"name a city of that country, such as `{found[0]}`"


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ").lower()


def _did_you_mean(zones: Sequence[str]) -> str:
    named = [f"`{zone}`" for zone in zones]
    return f"did you mean {' or '.join(filter(None, [', '.join(named[:-1]), named[-1]]))}?"


def _countries() -> dict[str, list[str]]:
    """Return each country's zones, by its code and its name in lower case; nothing where the tables are missing."""
    zones: defaultdict[str, list[str]] = defaultdict(list)
    for code, _, zone, *_ in _table("zone.tab"):
        zones[code].append(zone)
    names = ((code, name.partition(" (")[0]) for code, name in _table("iso3166.tab"))  # "Britain (UK)"
    found = {name.lower(): zones[code] for code, name in names if code in zones}
    return found | {code.lower(): listed for code, listed in zones.items()}


def _table(name: str) -> Iterator[list[str]]:
    try:
        text = (resources.files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):
        return
    yield from (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
