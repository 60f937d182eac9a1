"""How much of the allowed rate is used: less when the API has too much to do, slowly more when it has not. Pure.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): what several clients of one API do by
themselves then comes to a fair share for each, whatever the API's own limit is.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

CUT = 0.5
"""What is left of the rate after a sign of too much."""

LEAST = 0.05
"""It is never less than this: a single call now and then finds out that it is better."""

RECOVERS_IN = 60.0
"""Seconds of calls that go well, from nothing to the whole rate."""

HOLDS = 1.0
"""Seconds after a cut in which further signs say nothing new: those calls were made before it."""

_TROUBLED = 0.5
"""When that part of the latest calls failed, it is too much. A few failures among many are no matter of the rate."""

_WEIGHT = 0.1
_LONGEST_STEP = 1.0
_NOTHING = 0.01


class Sign(enum.Enum):
    """What a call says about the rate: it went well, failed (5xx, no answer in time), or fewer are asked for (429)."""

    WELL = enum.auto()
    FAILED = enum.auto()
    TOO_MANY = enum.auto()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What part of the rate is used, from LEAST to 1. ``failing`` is the part of the latest calls that failed.

    ``cut_at`` and ``seen_at`` are seconds on a monotonic clock: of the latest cut, and of the latest call.
    """

    share: float = 1.0
    failing: float = 0.0
    cut_at: float = float("-inf")
    seen_at: float = float("-inf")


UNHURT = Allowance()
"""The whole rate, and nothing that failed lately."""


def after(allowance: Allowance, sign: Sign, now: float) -> Allowance:
    """Fold what a call says, which ended at ``now``, into the allowance."""
    if sign is Sign.WELL:
        return _raised(allowance, now)
    failing = allowance.failing + (1 - allowance.failing) * _WEIGHT
    known = replace(allowance, failing=failing, seen_at=now)
    too_much = sign is Sign.TOO_MANY or failing >= _TROUBLED
    if not too_much or now - allowance.cut_at < HOLDS:
        return known
    return replace(known, share=max(LEAST, allowance.share * CUT), failing=0.0, cut_at=now)


def _raised(allowance: Allowance, now: float) -> Allowance:
    if allowance.share == 1.0 and not allowance.failing:
        return allowance  # nearly always
    failing = allowance.failing * (1 - _WEIGHT)
    step = min(max(now - allowance.seen_at, 0.0), _LONGEST_STEP) / RECOVERS_IN
    share = min(1.0, allowance.share + step)
    if share == 1.0 and failing < _NOTHING:
        return UNHURT
    return replace(allowance, share=share, failing=0.0 if failing < _NOTHING else failing, seen_at=now)
