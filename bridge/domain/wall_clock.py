"""From a time that clocks in a time zone show to the moment at which they do. Pure."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo


def first_moment(shown: datetime, zone: tzinfo) -> datetime:
    """Return the first moment at which clocks in a zone show that time, or have skipped it.

    A time that clocks skip, when they are set forward, is the moment when they are set; one that they show twice counts
    the first time.

    Args:
        shown: Without a zone.
        zone: Where.
    """
    moment = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shown(moment, zone) == shown:
        return moment
    # In a gap, Python counts from the time before it, or after it: clocks are set between the two (PEP 495).
    first, last = round(shown.replace(tzinfo=zone, fold=1).timestamp()), round(moment.timestamp())
    skipped = bisect_left(
        range(first, last), shown, key=lambda second: _shown(datetime.fromtimestamp(second, UTC), zone)
    )
    return datetime.fromtimestamp(first + skipped, UTC)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
