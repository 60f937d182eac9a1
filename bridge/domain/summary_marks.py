"""What was last summed up for whom: a fact in the store. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.domain.activity import slot_of
from bridge.domain.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Mapping

SUMMARIES = "summaries"
"""The fact's name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was last summed up for a receiver: all before ``until``, the beginning of a slot.

    The next summary is the first one that is due after ``after``, by the ``rule`` that is written down here.
    """

    until: datetime
    after: datetime
    rule: str


@dataclass(frozen=True, slots=True)
class DueSummary:
    """A summary that is to be made: it covers ``since`` until ``until``, and was due at ``due``."""

    receiver: str
    since: datetime
    until: datetime
    due: datetime


def counted_from(marks: Mapping[str, Mark]) -> int:
    """Return the first slot in which may still be counted: all before it is summed up.

    What is recorded late, or by a clock that was set back, counts there, so that no summary misses it.
    """
    return max((slot_of(mark.until) for mark in marks.values()), default=0)


@lru_cache(maxsize=4)
def read(fact: str | None) -> Mapping[str, Mark]:
    """Read the fact. Of one that somebody has damaged, nothing is known."""
    try:
        stored: dict[str, Any] = json.loads(fact or "{}")
        return {
            name: Mark(_moment(each["until"]), _moment(each["after"]), str(each["rule"]))
            for name, each in stored.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def written(marks: Mapping[str, Mark]) -> str:
    """Write the fact."""
    return json.dumps(
        {
            name: {"until": isoformat(mark.until), "after": isoformat(mark.after), "rule": mark.rule}
            for name, mark in sorted(marks.items())
        }
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the bridge writes moments with their zone")
    return moment
