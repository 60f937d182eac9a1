"""What ``wbiz-bridge status`` shows: what is wrong, and the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.cli.console import console
from bridge.domain.clock import ago, in_words
from bridge.domain.health import is_alive, last_beat
from bridge.domain.json_views import stamp
from bridge.domain.model import DeliveryState
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.domain.health import Health
    from bridge.domain.summary import NodeSeen, Summary


def describe(health: Health, summary: Summary | None, now: datetime) -> None:
    """Print the glance; without a summary, the database could not be read."""
    console().print("[bold green]all is well[/]" if health.ok else "[bold red]something is wrong[/]")
    for fault in health.faults:
        output.say(f"  - {squeezed(fault)}")
    if summary is not None:
        _describe_counts(summary, now)


def health_json(health: Health, summary: Summary | None, now: datetime) -> dict[str, Any]:
    """Arrange the glance for programs; without a summary, the database could not be read."""
    return health.as_json() | (_counts(summary, now) if summary is not None else {})


def _describe_counts(summary: Summary, now: datetime) -> None:
    counts = ", ".join(f"{count} {status or 'not seen yet'}" for status, count in sorted(_statuses(summary).items()))
    output.say(f"messages   {counts or 'none'}; {summary.polled} still polled")
    if summary.unreadable:
        output.say(f"unreadable {summary.unreadable} of them: WbizTool's answers can't be read (`wbiz-bridge events`)")
    for name, states in sorted(summary.deliveries.items()):
        output.say(f"receiver   {name}: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if any(DeliveryState.DEAD in states for states in summary.deliveries.values()):
        output.say("           dead letters were given up: see `wbiz-bridge deliveries --state dead`")
    if summary.oldest_due is not None and summary.oldest_due < now:
        output.say(f"due        the longest overdue poll since {ago(summary.oldest_due, now)}")
    for node in summary.nodes:
        output.say(f"node       {_node(node, now)}")
    if summary.oldest_queued is not None:
        output.say(f"queued     the oldest delivery since {ago(summary.oldest_queued, now)}")


def _node(node: NodeSeen, now: datetime) -> str:
    if node.lease_until < now:
        return f"{node.name}: not heard of any more, others take over"
    receivers = f"; delivers to {', '.join(node.receivers)}" if node.receivers else ""
    return f"{node.name}: {node.share:.0%} of the rate{receivers}; for {in_words((now - node.since).total_seconds())}"


def _counts(summary: Summary, now: datetime) -> dict[str, Any]:
    seen = last_beat(summary.facts)
    return {
        "daemon": {"running": is_alive(seen, now), "seen_at": stamp(seen)},
        "messages": {"by_status": _statuses(summary), "polled": summary.polled, "unreadable": summary.unreadable},
        "oldest_due": stamp(summary.oldest_due),
        "oldest_queued": stamp(summary.oldest_queued),
        "receivers": {
            name: {str(state): count for state, count in states.items()} for name, states in summary.deliveries.items()
        },
        "breakers": {
            breaker.receiver: {
                "state": str(breaker.state(now)),
                "failures": breaker.failures,
                "failing_since": stamp(breaker.failing_since),
                "probe_at": stamp(breaker.probe_at),
                "paused_until": stamp(breaker.paused_until),
                "reason": breaker.reason,
                "announced_down": breaker.down_since is not None,
            }
            for breaker in summary.breakers
        },
        "internal_errors": [
            {
                "of": str(each),
                "since": stamp(each.since),
                "failures": each.count,
                "error": each.error,
                "retry_at": stamp(each.retry_at),
            }
            for each in summary.set_aside
        ],
        "nodes": [
            {
                "name": node.name,
                "since": stamp(node.since),
                "lease_until": stamp(node.lease_until),
                "share": node.share,
                "receivers": list(node.receivers),
            }
            for node in summary.nodes
        ],
    }


def _statuses(summary: Summary) -> dict[str, int]:
    return {str(status) if status else "not seen yet": count for status, count in summary.statuses.items()}
