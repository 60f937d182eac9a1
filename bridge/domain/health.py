"""Is the bridge well? One rule for ``status``, ``/health`` and the heartbeat. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from bridge.domain import failure_rate, numbers
from bridge.domain.check import Check, counted, lasting
from bridge.domain.clock import ago, isoformat
from bridge.domain.errors import REPORT_IT, BridgeError
from bridge.domain.events import SOURCE, receiver_subject
from bridge.domain.quarantine import Kind
from bridge.domain.receiver_check import receiver_check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from bridge.domain.quarantine import SetAside
    from bridge.domain.summary import Summary

ALIVE = "alive_at"
"""The fact by which other processes see that a daemon runs: when it last said so. It is taken back at a clean end."""

ALIVE_FOR = timedelta(seconds=30)

RELOAD = "reload"
"""The fact that tells how the daemon's latest reading of the configuration ended (see :class:`Reload`)."""

REPORT = "report_standing"
"""The fact that tells since when the account's report cannot be read, and why (see
:mod:`bridge.source.failure_tracker`)."""

NUMBERS = "numbers_standing"
"""The same of the account's numbers."""

HTTP = "http_standing"
"""The same of the address at which HTTP is to listen."""

LAGS_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Health:
    """How the bridge does: checks by name, which are ``database``, ``source``, … and ``receiver/NAME`` for each."""

    checks: Mapping[str, Check]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.ok for check in self.checks.values())

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, in words for the person on call."""
        return tuple(check.why or name for name, check in self.checks.items() if not check.ok)

    def as_json(self) -> dict[str, Any]:
        """Arrange it for programs."""
        checks = {name: check.as_json() for name, check in self.checks.items()}
        return {"ok": self.ok, "faults": list(self.faults), "checks": checks}


@dataclass(frozen=True, slots=True)
class Reload:
    """How the latest reading of the configuration ended: with the new one in force, or with faults and the old one."""

    at: datetime
    faults: tuple[str, ...] = ()

    @classmethod
    def read(cls, fact: str | None) -> Self | None:
        """Read the fact; None where nothing was reloaded yet."""
        known = json.loads(fact or "{}")
        return cls(datetime.fromisoformat(known["at"]), tuple(known.get("faults", ()))) if known else None

    def written(self) -> str:
        """Write the fact."""
        return json.dumps({"at": isoformat(self.at), "faults": self.faults}, ensure_ascii=False)


def status_line(health: Health, summary: Summary | None) -> str:
    """Say in one line how the bridge does: what is wrong first, then how much there is to do."""
    parts = []
    if not health.ok:
        first, *more = health.faults
        parts.append(first + (f" (and {len(more)} more)" if more else ""))
    if summary is not None:
        queued = sum(map(summary.queued, summary.deliveries))
        parts.append(f"messages watched: {summary.polled}, deliveries queued: {queued}")
    return "; ".join(" ".join(part.split()) for part in parts)


def look(read: Callable[[], Summary], receivers: Sequence[str], now: datetime, zone: tzinfo = UTC) -> Health:
    """Read the store's summary and judge it; a database that can't be read is what is wrong then."""
    try:
        return judge(read(), receivers, now, zone)
    except BridgeError as error:
        return unreadable(error)


def unreadable(error: BridgeError) -> Health:
    """Say that the database can't be read: how the rest does is in it, so that nobody knows."""
    return Health({"database": Check(ok=False, why=str(error))})


def judge(summary: Summary, receivers: Sequence[str], now: datetime, zone: tzinfo = UTC) -> Health:
    """Say how the bridge does.

    Args:
        summary: What the store knows.
        receivers: The names of those in the configuration.
        now: When.
        zone: In which words tell of times.
    """
    breakers = {breaker.receiver: breaker for breaker in summary.breakers}
    checks = {
        "database": Check(ok=not summary.write_fault, why=summary.write_fault or None),
        "scheduler": _scheduler(last_beat(summary.facts), now, writable=not summary.write_fault),
        "configuration": _of_fact(summary.facts, RELOAD, _configuration, now),
        SOURCE: _of_fact(summary.facts, SOURCE, _source, now),
        "report": _of_fact(summary.facts, REPORT, _report, now),
        "numbers": _of_fact(summary.facts, NUMBERS, _numbers, now),
        "http": _of_fact(summary.facts, HTTP, _http, now),
        "internal errors": _internal_errors(summary.set_aside, now),
        "messages": _of_fact(summary.facts, failure_rate.FAILING, _messages, now),
        "connections": _of_fact(summary.facts, numbers.NUMBERS, _connections, now),
        "polling": _polling(summary.oldest_due, now),
        "deliveries": _deliveries(summary, now),
        **{receiver_subject(name): receiver_check(name, breakers.get(name), summary, now, zone) for name in receivers},
    }
    for name in summary.deliveries:
        queued = summary.queued(name)
        if queued and name not in receivers:
            why = f"{counted(queued, 'delivery is', 'deliveries are')} queued for {name}, "
            checks[receiver_subject(name)] = Check(ok=False, why=why + "which is no longer in the configuration")
    return Health(checks)


def last_beat(facts: Mapping[str, str]) -> datetime | None:
    """Tell when a daemon last said that it runs; None if none did, or the latest ended as it should."""
    beat = facts.get(ALIVE)
    try:
        return datetime.fromisoformat(beat) if beat else None
    except ValueError:  # somebody has damaged it: a daemon that runs writes it again within seconds
        return None


def is_alive(beat: datetime | None, now: datetime) -> bool:
    """Tell whether a daemon runs. A beat far in the future proves nothing: the clock was set back since."""
    return beat is not None and abs(now - beat) <= ALIVE_FOR


def _scheduler(beat: datetime | None, now: datetime, *, writable: bool) -> Check:
    if is_alive(beat, now):
        return Check()
    if beat is not None and not writable:
        why = f"the daemon was last seen {ago(beat, now)}: it cannot write to the database"
        return Check(ok=False, why=why, since=beat)
    if beat is None:
        return Check(
            ok=False, why="the daemon is not running: nothing is polled or delivered (start it: wbiz-bridge run)"
        )
    return Check(ok=False, why=f"the daemon is not running: it was last seen {ago(beat, now)}", since=beat)


def _of_fact(
    facts: Mapping[str, str], name: str, judge: Callable[[str | None, datetime], Check], now: datetime
) -> Check:
    """Judge by one of the database's facts; one that somebody has damaged is a fault, and keeps nothing else back."""
    try:
        return judge(facts.get(name), now)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Check(ok=False, why=f"the database's record of the {name.partition('_')[0]} status is unreadable")


def _internal_errors(set_aside: Sequence[SetAside], now: datetime) -> Check:
    """Name what internal errors concern: one of each kind, the latest, and how many there are."""
    if not set_aside:
        return Check()
    latest = set_aside[0]
    again = f", next try {ago(latest.retry_at, now)}" if latest.retry_at > now else ""
    more = f" (and {len(set_aside) - 1} more)" if len(set_aside) > 1 else ""
    why = f"internal error, {REPORT_IT}: {latest} has been set aside for {lasting(latest.since, now)}"
    if latest.kind is Kind.STEP:
        why = f"internal error, {REPORT_IT}: {latest} has been failing for {lasting(latest.since, now)}"
    return Check(ok=False, why=f"{why}: {latest.error}{again}{more}", since=min(each.since for each in set_aside))


def _configuration(fact: str | None, now: datetime) -> Check:
    reload = Reload.read(fact)
    if reload is None:
        return Check()
    if not reload.faults:
        return Check(since=reload.at)
    first, *more = reload.faults
    why = f"the configuration changed {ago(reload.at, now)} but is invalid; the previous one is still active: "
    return Check(ok=False, why=why + first + (f" (and {len(more)} more)" if more else ""), since=reload.at)


def _failing(words: str) -> Callable[[str | None, datetime], Check]:
    """Judge by what is kept while something fails. ``words`` gets for how long it has, and why."""

    def judged(fact: str | None, now: datetime) -> Check:
        known = json.loads(fact or "{}")
        if not known:
            return Check()
        since = datetime.fromisoformat(known["failing_since"])
        return Check(ok=False, why=words.format(lasting(since, now), known["reason"]), since=since)

    return judged


_source = _failing("WbizTool's status API has been down for {}: {}")
_report = _failing("the account's report has been unreadable for {}, so new messages are not found: {}")
_numbers = _failing("the account's numbers have been unreadable for {}, so a lost one is not noticed: {}")
_http = _failing("{1} (for {0}; retried every few seconds)")


def _messages(fact: str | None, now: datetime) -> Check:
    """Say which messages fail too often. The check stays ok: the bridge itself is fine."""
    failing = sorted(failure_rate.read(fact).items(), key=lambda item: item[1].since)
    if not failing:
        return Check()
    (group, first), *more = failing
    share = f"{first.counts.share:g}% of {first.counts.finals}"
    why = f"{group} have been failing for {lasting(first.since, now)}: {share} at first"
    return Check(
        why=why + (f" (and {counted(len(more), 'more group', 'more groups')})" if more else ""), since=first.since
    )


def _connections(fact: str | None, now: datetime) -> Check:
    """Name the numbers that are disconnected. The check stays ok: the bridge itself is fine."""
    lost = sorted((each for each in numbers.read(fact).values() if each.is_lost), key=lambda each: each.since)
    if not lost:
        return Check()
    first, *more = (f"number {each.number.shown} for {lasting(each.since, now)}" for each in lost)
    return Check(why=f"disconnected in WbizTool: {', '.join((first, *more))}", since=lost[0].since)


def _polling(oldest_due: datetime | None, now: datetime) -> Check:
    if oldest_due is None or oldest_due >= now:
        return Check()
    late = now - oldest_due > LAGS_AFTER
    why = f"polling lags: the oldest poll was due {ago(oldest_due, now)}" if late else None
    return Check(ok=not late, why=why, since=oldest_due)


def _deliveries(summary: Summary, now: datetime) -> Check:
    """Tell of what is queued. That is no fault: whose it is, and what is held, the receivers' own checks say."""
    queued = sum(summary.queued(name) for name in summary.deliveries if summary.held_by(name, now) is None)
    if summary.oldest_queued is None or not queued or summary.oldest_queued > now:  # the last: it is held back
        return Check()
    oldest = lasting(summary.oldest_queued, now)
    why = f"{counted(queued, 'delivery is', 'deliveries are')} queued, the oldest for {oldest}"
    return Check(why=why, since=summary.oldest_queued)
