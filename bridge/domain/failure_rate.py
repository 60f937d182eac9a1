"""Do too many messages fail? Which groups of them do, and when that is news. Pure.

An alert is about all messages, or about each value of a tag by itself. A group starts to fail when its share of
failures reaches the alert's, and has recovered after staying below half of that for the alert's ``within``: a group
that goes up and down makes at most two events in that time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from bridge.domain.clock import isoformat
from bridge.domain.event_data import RateData, ReasonCount
from bridge.domain.events import HealthChange, account_subject
from bridge.domain.model import EventType, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

FAILING = "failing"
"""The fact that says which groups fail."""

TAGS = "tags."
"""What ``by`` begins with; the tag's name follows."""

FAILURES = frozenset({Status.FAILED, Status.EXPIRED})
"""The final statuses that count as failures."""

MOST_GROUPS = 100
"""How many groups of one alert can be failing at the same time."""

MOST_REASONS = 5
"""How many reasons an event lists, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Alert:
    """When messages fail too often: ``failing`` percent of at least ``of`` that got a final status ``within`` a time.

    ``by`` is ``tags.NAME`` where each value of that tag is a group of its own; None for all messages together.
    """

    failing: Decimal
    of: int
    within: timedelta
    by: str | None = None


class Group(NamedTuple):
    """What an alert judges: all messages, or those whose tag ``by`` has a ``value``; None for those without the tag."""

    by: str | None = None
    value: str | None = None

    @property
    def subject(self) -> str:
        """What events about it have as their subject."""
        return account_subject(self.by, self.value)

    def __str__(self) -> str:
        if self.by is None:
            return "messages"
        tag = self.by.removeprefix(TAGS)
        return f"messages without {tag}" if self.value is None else f"messages of {tag} {self.value}"


class Counts(NamedTuple):
    """How many messages of a group got a final status, and how many of these failed or expired."""

    finals: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """How many failed, in percent, with one decimal."""
        return round(100 * self.failed / self.finals, 1) if self.finals else 0.0


@dataclass(frozen=True, slots=True)
class Failing:
    """A failing group: since when, and since when few of it do, if so. ``counts`` are those at the start."""

    since: datetime
    counts: Counts
    calm_since: datetime | None = None


Known = dict[Group, Failing]
"""The groups that fail. All others are well."""


class Counted(Protocol):
    """What was counted within an alert's time."""

    def counts(self, at: datetime) -> Mapping[str | None, Counts]:
        """Count by the value of the alert's tag; None is all there is for an alert without one."""
        ...

    def reasons(self, value: str | None, at: datetime) -> Sequence[tuple[str | None, int]]:
        """List why those of a group failed, the most frequent first."""
        ...


def look(known: Known, counted: Sequence[tuple[Alert, Counted]], at: datetime) -> tuple[Known, list[HealthChange]]:
    """Judge all groups. Those of an alert that no longer exists are forgotten without an event.

    Args:
        known: Those that fail.
        counted: For each alert, what was counted.
        at: When.
    """
    now: Known = {}
    changes = []
    for alert, window in counted:
        counts = window.counts(at)
        failing = {group.value: group for group in known if group.by == alert.by}
        room = MOST_GROUPS - len(failing)
        for value in dict.fromkeys([*failing, *counts]):
            group = Group(alert.by, value)
            before, seen = known.get(group), counts.get(value, Counts())
            after = judge(alert, seen, before, at)
            if before is None and after is not None:
                room -= 1
                if room < 0:
                    continue
            if after is not None:
                now[group] = after
            if (before is None) != (after is None):
                changes.append(_change(alert, group, seen, window.reasons(value, at), before, at))
    return now, changes


def judge(alert: Alert, counts: Counts, known: Failing | None, at: datetime) -> Failing | None:
    """Tell whether a group fails, given whether it did; None where it does not."""
    if known is None:
        many = counts.finals >= alert.of and 100 * counts.failed >= alert.failing * counts.finals
        return Failing(at, counts) if many else None
    if counts.finals and 200 * counts.failed >= alert.failing * counts.finals:
        return replace(known, calm_since=None)
    calm_since = known.calm_since or at
    return None if at - calm_since >= alert.within else replace(known, calm_since=calm_since)


def failing_groups(known: Known, tags: Mapping[str, str]) -> Iterator[tuple[Group, Failing]]:
    """Find the groups that fail and that a message with these tags belongs to."""
    for group, failing in known.items():
        if group.by is None or tag_of(group.by, tags) == group.value:
            yield group, failing


def tag_of(by: str, tags: Mapping[str, str]) -> str | None:
    """Return the value of the tag that ``by`` names; None where there is none."""
    return tags.get(by.removeprefix(TAGS))


def digest_due(known: Known, tags: Mapping[str, str], every: timedelta, at: datetime) -> datetime | None:
    """Return when the next digest is due for a failure of now; None if the message belongs to no failing group."""
    return min((next_digest(each.since, every, at) for _, each in failing_groups(known, tags)), default=None)


def next_digest(since: datetime, every: timedelta, at: datetime) -> datetime:
    """Return when the next digest is due for a group that has been failing ``since`` then: always after ``at``."""
    return since + every * (max(at - since, timedelta(0)) // every + 1)


def written(known: Known) -> str:
    """Write the fact."""
    groups = [
        {
            **group._asdict(),
            "since": failing.since.isoformat(),
            "calm_since": failing.calm_since and failing.calm_since.isoformat(),
            "counts": failing.counts,
        }
        for group, failing in known.items()
    ]
    return json.dumps(groups, ensure_ascii=False)


def read(fact: str | None) -> Known:
    """Read the fact. One that somebody has damaged reads as empty: a group that still fails is soon noticed again."""
    try:
        return {Group(each["by"], each["value"]): _failing(each) for each in json.loads(fact or "[]")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def shifted(fact: str, step: timedelta) -> str:
    """Write the fact again by a clock that was set: nothing has lasted longer or shorter by that."""
    return written(
        {
            group: replace(each, since=each.since + step, calm_since=each.calm_since and each.calm_since + step)
            for group, each in read(fact).items()
        }
    )


def clamped(fact: str, now: datetime) -> str:
    """Write the fact again where a clock went wrong: nothing has begun later than now."""
    return written(
        {
            group: replace(each, since=min(each.since, now), calm_since=each.calm_since and min(each.calm_since, now))
            for group, each in read(fact).items()
        }
    )


def _failing(each: Mapping[str, Any]) -> Failing:
    calm_since = each["calm_since"]
    return Failing(
        datetime.fromisoformat(each["since"]),
        Counts(*map(int, each["counts"])),
        datetime.fromisoformat(calm_since) if calm_since else None,
    )


def _change(
    alert: Alert,
    group: Group,
    counts: Counts,
    reasons: Sequence[tuple[str | None, int]],
    before: Failing | None,
    at: datetime,
) -> HealthChange:
    data = RateData(
        by=group.by,
        group=group.value,
        failed=counts.failed,
        of=counts.finals,
        share=counts.share,
        within_seconds=int(alert.within.total_seconds()),
        since=isoformat(at if before is None else before.calm_since or at),
        reasons=tuple(ReasonCount(reason=reason, count=count) for reason, count in reasons[:MOST_REASONS]),
        failing_since=None if before is None else isoformat(before.since),
    )
    type_ = EventType.ACCOUNT_FAILING if before is None else EventType.ACCOUNT_RECOVERED
    return HealthChange(type_, group.subject, data)
