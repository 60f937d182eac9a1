"""Which pages of the account's report are worth a call? Most rows are of messages that are finished. Pure."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from bridge.source.report_response import PAGE


@dataclass(frozen=True, slots=True)
class Reading:
    """What the report was like when it was read: its rows, and the pages that showed something unfinished, in order."""

    total: int
    unfinished: tuple[int, ...]


def next_page(before: Reading | None, number: int, total: int) -> int | None:
    """Say which page to read after page ``number``; None when the others would tell nothing new.

    It is not documented whether the newest rows come first or last. So the pages are read at the beginning and at the
    end, as many as hold what came since the reading ``before``, and those that showed something unfinished then, where
    that may have moved to by now. All are read without such a reading, and when rows have gone, nobody knows which.

    Args:
        before: The latest reading.
        number: The page that was read last, from 1.
        total: How many rows it said that there are.
    """
    following, last = number + 1, -(-total // PAGE)
    if following > last:
        return None
    grown = -1 if before is None else total - before.total
    if before is None or grown < 0:
        return following
    moved = -(-grown // PAGE)
    if following <= 1 + moved:
        return following
    end = before.total // PAGE + 1  # where rows are that came after all others
    place = bisect_left(before.unfinished, following - moved)
    wanted = before.unfinished[place] if place < len(before.unfinished) else end
    found = max(following, min(wanted, end))
    return found if found <= last else None
