"""Metrics to fill, short ways to read what they show, and promtool's word on them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.daemon.metrics.registry import Metrics
from bridge.domain.model import Attempt, Delivery, DeliveryState, Event, EventType
from bridge.domain.outcome import Delivered
from bridge.domain.summary import Summary
from tests.world.clock import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from bridge.domain.outcome import Outcome

EMPTY = Summary({}, 0, None, {}, None, (), {})


def metrics(summary: Summary = EMPTY, receivers: Sequence[str] = ("crm", "ops")) -> Metrics:
    """Metrics of a bridge in which the store knows this much."""
    return Metrics(lambda: summary, FakeClock(), lambda: receivers)


def told(message_id: int = 12346, type_: EventType = EventType.MESSAGE_FAILED) -> Event:
    """An event about a message."""
    current = {"status": str(type_).removeprefix("message."), "error": "Invalid phone number"}
    data = {"message_id": message_id, "label": "Invoice 88", "previous": {"status": "pending"}, "current": current}
    return Event(f"evt_{message_id}", type_, START, f"message/{message_id}", 2, data, message_id)


def delivery(
    state: DeliveryState, receiver: str = "crm", message_id: int = 12346, *, finished_at: datetime = START
) -> Delivery:
    """A delivery of it, as it is after its first round."""
    reason = None if state is DeliveryState.DELIVERED else "HTTP 502 Bad Gateway"
    finished = None if state is DeliveryState.QUEUED else finished_at
    return Delivery(7, told(message_id), receiver, state, 1, START, START, START, finished, reason)


def attempt(outcome: Outcome, seconds: float = 0.25) -> Attempt:
    """An attempt to make it."""
    return Attempt(START, seconds, outcome, 204 if isinstance(outcome, Delivered) else 502)


def shown(of: Metrics) -> Iterator[tuple[str, dict[str, str], float]]:
    """Scrape, and read each sample: its name, its labels, its value."""
    body, _ = of.render()
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def value(of: Metrics, name: str, **labels: str) -> float | None:
    """Scrape, and read one sample; None where there is no such series."""
    found = [number for other, its, number in shown(of) if other == f"wbiz_bridge_{name}" and its == labels]
    return found[0] if found else None


def assert_promtool_accepts(*arguments: str | Path, text: bytes = b"") -> None:
    """Let promtool check something; a fault is shown in its own words."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (it comes with Prometheus; .ci/promtool gets it)")
    done = subprocess.run([program, *arguments], input=text, capture_output=True, check=False, timeout=60)
    # `check metrics` says what it would have otherwise, and fails only where the text is unreadable.
    assert (done.returncode, done.stderr.decode()) == (0, ""), done.stdout.decode()
