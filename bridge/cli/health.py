"""What ``wbiz-bridge status`` says: the counts, and what is wrong."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from bridge.cli import output
from bridge.daemon import ALIVE, ALIVE_FOR
from bridge.events import SOURCE
from bridge.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store import Summary

_LAGS_AFTER = timedelta(minutes=5)


def judge(summary: Summary, receivers: Sequence[str], now: datetime) -> list[str]:
    """List what is wrong, in words for the person on call; an empty list when all is well."""
    faults = []
    seen = _last_beat(summary)
    if seen is None:
        faults.append("the daemon is not running: nobody polls or delivers (start it: wbiz-bridge run)")
    elif now - seen > ALIVE_FOR:
        faults.append(f"the daemon is not running: its last sign of life was {output.ago(seen, now)}")
    source = json.loads(summary.facts.get(SOURCE, "{}"))
    if source:
        since = datetime.fromisoformat(source["failing_since"])
        faults.append(f"WbizTool's status API is down since {output.ago(since, now)}: {source['reason']}")
    if summary.oldest_due is not None and now - summary.oldest_due > _LAGS_AFTER:
        faults.append(f"polling lags: the oldest poll was due {output.ago(summary.oldest_due, now)}")
    for gate in summary.gates:
        if gate.failures and gate.receiver in receivers:
            probe = f", next try {output.ago(gate.probe_at, now)}" if gate.probe_at else ""
            faults.append(
                f"receiver {gate.receiver} fails since {output.ago(gate.failing_since, now)}: {gate.reason}{probe}"
            )
    for name, counts in summary.deliveries.items():
        owed = counts.get(DeliveryState.OWED, 0)
        if owed and name not in receivers:
            faults.append(f"{owed} deliveries are owed to {name}, which is not in the configuration any more")
    return faults


def describe(summary: Summary, faults: Sequence[str], now: datetime) -> None:
    """Print the glance."""
    console = Console(highlight=False)
    console.print("[bold red]something is wrong[/]" if faults else "[bold green]all is well[/]")
    for fault in faults:
        typer.echo(f"  - {fault}")
    counts = ", ".join(f"{count} {status or 'not seen yet'}" for status, count in sorted(_statuses(summary).items()))
    typer.echo(f"messages   {counts or 'none'}; {summary.polled} still polled")
    for name, states in sorted(summary.deliveries.items()):
        typer.echo(f"receiver   {name}: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if any(DeliveryState.DEAD in states for states in summary.deliveries.values()):
        typer.echo("           dead letters were given up: see `wbiz-bridge deliveries --state dead`")
    if summary.oldest_owed is not None:
        typer.echo(f"owed       the oldest delivery since {output.ago(summary.oldest_owed, now)}")


def summary_json(summary: Summary, faults: Sequence[str], now: datetime) -> dict[str, Any]:
    """Arrange the glance for programs."""
    seen = _last_beat(summary)
    return {
        "ok": not faults,
        "faults": list(faults),
        "daemon": {"running": seen is not None and now - seen <= ALIVE_FOR, "seen_at": output.stamp(seen)},
        "messages": {"by_status": _statuses(summary), "polled": summary.polled},
        "oldest_due": output.stamp(summary.oldest_due),
        "oldest_owed": output.stamp(summary.oldest_owed),
        "receivers": {
            name: {str(state): count for state, count in states.items()} for name, states in summary.deliveries.items()
        },
        "gates": {
            gate.receiver: {
                "shut": gate.shut,
                "failures": gate.failures,
                "failing_since": output.stamp(gate.failing_since),
                "probe_at": output.stamp(gate.probe_at),
                "paused_until": output.stamp(gate.paused_until),
                "reason": gate.reason,
            }
            for gate in summary.gates
        },
    }


def _statuses(summary: Summary) -> dict[str, int]:
    return {str(status) if status else "not seen yet": count for status, count in summary.statuses.items()}


def _last_beat(summary: Summary) -> datetime | None:
    beat = summary.facts.get(ALIVE)
    return datetime.fromisoformat(beat) if beat else None
