"""What ``wbiz-bridge status`` shows: what is wrong, and the counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.cli.console import console
from bridge.domain.check import counted
from bridge.domain.clock import ago, in_words
from bridge.domain.events import receiver_subject
from bridge.domain.model import DeliveryState
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_MOMENT = timedelta(seconds=1)  # as late as this, nothing is late

_LABELS = {"not seen yet": "not polled yet"}
"""What people read for a key of ``by_status``, where that is not the key."""


def describe(status: Mapping[str, Any], now: datetime) -> None:
    """Print the bridge's status.

    Args:
        status: As ``GET /v1/status`` has it; without counts where the database could not be read.
        now: When.
    """
    console().print(_headline(status), soft_wrap=True, highlight=False)
    for fault in (*status["faults"], *_outside(status)):
        output.say(f"  - {squeezed(fault)}")
    if "messages" in status:
        _describe_counts(status, now)
    output.say(f"database   {status['database']}")
    for warning in status["warnings"]:
        output.say(f"warning    {warning}")


def _headline(status: Mapping[str, Any]) -> str:
    """Say how the bridge does, and that something is wrong that it only reports, with markup."""
    if not status["ok"]:
        return "[bold red]something is wrong[/]"
    if open_ := status.get("incidents", {}).get("open"):
        are = counted(open_, "incident is", "incidents are")
        return f"[bold yellow]the bridge works; {are} open[/] (`wbiz-bridge incidents`)"
    return "[bold yellow]the bridge works, but:[/]" if _outside(status) else "[bold green]all is well[/]"


def _outside(status: Mapping[str, Any]) -> list[str]:
    """List what is wrong outside of the bridge. A remote bridge may be older."""
    checks = (status["checks"].get(name, {}) for name in ("messages", "connections"))
    return [check["why"] for check in checks if check.get("ok") and check["why"]]


def _describe_counts(status: Mapping[str, Any], now: datetime) -> None:
    messages, receivers = status["messages"], status["receivers"]
    by_status = {_LABELS.get(status, status): count for status, count in messages["by_status"].items()}
    output.say(
        f"messages   {_counts(by_status)}; {messages['polled']} being polled" if by_status else "messages   none"
    )
    if messages["unreadable"]:
        unreadable = messages["unreadable"]
        output.say(f"unreadable {unreadable} of them: WbizTool's answers can't be read (`wbiz-bridge events`)")
    if any(status.get("incidents", {}).values()):
        output.say(f"incidents  {_counts(status['incidents'])}: see `wbiz-bridge incidents`, `wbiz-bridge ack`")
    held = status.get("held", {})
    configured = configured_in(status)
    for name in sorted({*receivers, *held, *configured}):
        states = {_state(state, count): count for state, count in receivers.get(name, {}).items()}
        counts = _counts(states) or "nothing yet"
        words = f"; {held[name]['why']}, {held[name]['count']} held" if name in held else ""
        words += "" if name in configured else " (not in the configuration)"
        output.say(f"receiver   {name}: {counts}{words}")
    if any(DeliveryState.DEAD in states for states in receivers.values()):
        output.say("           dead letters were given up: see `wbiz-bridge deliveries --state dead`")
    for name, summary in sorted(status.get("summaries", {}).items()):
        output.say(f"summary    {name}: {_next(output.moment(summary['next_due']), now)}")
    due = output.moment(status["oldest_due"])
    if due is not None and due < now - _MOMENT:
        output.say(f"due        the most overdue poll was due {ago(due, now)}")
    for node in status["nodes"]:
        output.say(f"node       {_node(node, now)}")
    queued = output.moment(status["oldest_queued"])
    if queued is not None and queued <= now:  # else it is held back
        output.say(f"queued     the oldest delivery was queued {ago(queued, now)}")


def configured_in(status: Mapping[str, Any]) -> list[str]:
    """List the receivers in the configuration."""
    prefix = receiver_subject("")
    return [check.removeprefix(prefix) for check in status["checks"] if check.startswith(prefix)]


def _state(state: str, count: int) -> str:
    """Name a state of deliveries as people read it: ``1 dead letter``, ``2 dead letters``."""
    name = output.STATES.get(state, state)
    return f"{name}s" if state == DeliveryState.DEAD and count != 1 else name


def _next(due: datetime | None, now: datetime) -> str:
    return "due now" if due is None or due <= now else f"next {ago(due, now)}"


def _counts(by_name: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(by_name.items()) if count)


def _node(node: Mapping[str, Any], now: datetime) -> str:
    since, lease_until = output.moment(node["since"]), output.moment(node["lease_until"])
    assert since is not None
    assert lease_until is not None
    if lease_until < now:
        return f"{node['name']}: no longer responding; other nodes take over"
    receivers = f"; delivers to {', '.join(node['receivers'])}" if node["receivers"] else ""
    return f"{node['name']}: {node['share']:.0%} of the rate{receivers}; for {in_words((now - since).total_seconds())}"
