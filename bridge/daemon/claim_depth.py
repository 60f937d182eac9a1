"""How many jobs a worker pool claims ahead of those that are under way."""

from __future__ import annotations

DEPTH = 4
"""Jobs claimed for each that may be under way, at most: the next ones are at hand while results are gathered and
recorded, and still few are claimed that could wait elsewhere."""

FAST_DEPTH = 32
"""The same where jobs end fast: the fewer looks and transactions, the cheaper."""

LEAD = 0.1
"""Seconds between two looks, where that is to be had by a depth between the two."""


def depth(before: int, seconds: float, size: int) -> int:
    """Say how many jobs may be claimed from now on, where ``before`` many lasted for so long. Pure.

    Args:
        before: How many could be claimed until now.
        seconds: Since the look before this one.
        size: How many are under way at once.
    """
    if seconds < LEAD / 2:
        return min(2 * before, FAST_DEPTH * size)
    return max(before // 2, DEPTH * size) if seconds > 2 * LEAD else before
