"""How a receiver is doing: it takes events, it fails, or its deliveries are held. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.check import Check, counted, lasting
from bridge.domain.clock import ago

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.domain.breaker import CircuitBreaker
    from bridge.domain.mute import Hold, Mute
    from bridge.domain.summary import Summary


def receiver_check(name: str, breaker: CircuitBreaker | None, summary: Summary, now: datetime, zone: tzinfo) -> Check:
    """Judge a receiver. That it is muted, or has quiet hours, is no fault, but worth a word: in times of ``zone``."""
    held = summary.held_by(name, now)
    if breaker is not None and breaker.failures and breaker.failing_since is not None:
        how_long = lasting(breaker.failing_since, now)
        begin = f"receiver {name} has been failing for {how_long}: {breaker.reason} ("
        if held is not None:
            return _held_check(f"{begin}not tried: ", held, ")", zone, breaker.failing_since, ok=False)
        return Check(ok=False, why=f"{begin}{_next_try(breaker, summary, now)})", since=breaker.failing_since)
    if breaker is not None and breaker.refused:
        count = counted(len(breaker.refused), "event", "events")
        return Check(ok=False, why=f"receiver {name} refuses {count}: {breaker.reason}")
    if held is not None:
        return _held_check(f"receiver {name} is ", held, f" ({_held_words(name, summary)})", zone, held.since)
    if breaker is not None and breaker.paused_until is not None and breaker.is_paused(now):
        ends = ago(breaker.paused_until, now)
        return Check(why=f"receiver {name} asked for a pause, which ends {ends}: {breaker.reason}")
    return Check()


def _held_check(begin: str, held: Mute | Hold, end: str, zone: tzinfo, since: datetime, *, ok: bool = True) -> Check:
    return Check(ok, f"{begin}{held.state(zone)}{end}", since, (begin, *held.pieces, end))


def _next_try(breaker: CircuitBreaker, summary: Summary, now: datetime) -> str:
    if not summary.queued(breaker.receiver):
        return "nothing is queued; the next event will try it"
    probe_at = max(filter(None, (breaker.probe_at, breaker.paused_until)), default=now)
    return f"next try {ago(probe_at, now)}" if probe_at > now else "the next try is due"


def _held_words(name: str, summary: Summary) -> str:
    """Say how many deliveries are held for a receiver, and how many it will never get."""
    held, mute = summary.queued(name), summary.mutes.get(name)
    words = f"{counted(held, 'delivery is', 'deliveries are')} held"
    return f"{words}, {mute.dropped} not sent" if mute is not None and (mute.drops or mute.dropped) else words
