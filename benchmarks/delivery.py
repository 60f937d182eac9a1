"""What does it cost to deliver 10,000 events, signed and durable, to one fast receiver? What does Alertmanager take?

Everything is queued in the store before the daemon starts; measured is from its first POST to its last. Alertmanager
gets as many alerts, ungrouped, for a webhook; it keeps what it has not sent in memory only. It waits for some seconds
before it sends the first, so that it has read all of them by then: only sending is measured. It is measured where it
is installed (Debian's package is called prometheus-alertmanager).

Alertmanager's CPU varies by a third from run to run: it sends as many at once as it can, over a connection each. So the
ratio is the median of ratios, each of two runs that follow one another.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from benchmarks.measure import CORE, Running, daemon, median, table, until
from benchmarks.polling import KEY
from benchmarks.stub import Stub, pin, stub
from bridge.domain.model import Details, Observation, Status
from bridge.domain.routing import Subscription
from bridge.domain.transition_detector import judge
from bridge.store.poll_results import PollResult
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 10_000
WARM_UP = 500
"""Deliveries before the measurement: connections are made, statements compiled."""

GROUP_WAIT = 6
"""Seconds before Alertmanager sends anything: it has read all alerts after two to four."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_MIB = 1024 * 1024


class Cost(NamedTuple):
    """Seconds of the processor, seconds in all, bytes of memory at the peak."""

    cpu: float
    seconds: float
    memory: int


def main(runs: int) -> None:
    """Print the table."""
    binary = alertmanager()
    costs: dict[str, list[Cost]] = {"the bridge": []}
    if binary:
        costs["Alertmanager"] = []
    for _ in range(runs):
        costs["the bridge"].append(bridge())
        if binary:
            costs["Alertmanager"].append(peer(binary))
    ours = costs["the bridge"]
    if binary:
        pairs = zip(ours, costs["Alertmanager"], strict=True)
        print("CPU, bridge / Alertmanager:", ", ".join(f"{our.cpu:.2f} / {its.cpu:.2f} s" for our, its in pairs))
    print(f"{EVENTS:,} events to one fast receiver, {runs} runs in turn, medians:")
    table(
        ("", "CPU", "events/s", "memory", "CPU: bridge / this", "memory: bridge / this"),
        [
            (
                name,
                f"{median([cost.cpu for cost in each]):.2f} s",
                f"{EVENTS / median([cost.seconds for cost in each]):,.0f}",
                f"{median([cost.memory for cost in each]) / _MIB:.0f} MiB",
                f"{median([our.cpu / its.cpu for our, its in zip(ours, each, strict=True)]):.2f}",
                f"{median([our.memory / its.memory for our, its in zip(ours, each, strict=True)]):.2f}",
            )
            for name, each in costs.items()
        ],
    )
    if not binary:
        print("Alertmanager is not installed, so not measured")
    print("limits: at least 2,000 events/s; of Alertmanager, at most 1.2 times the CPU and half the memory")


def bridge() -> Cost:
    """Measure the daemon."""
    with stub() as server, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        owe(f"sqlite:///{folder}/bridge.db")
        settings = {
            "wbiztool": {"client_id": 1, "api_key": KEY, "base_url": f"{server.url}/api/v1"},
            "database": "sqlite:///bridge.db",
            "receivers": [{"name": "crm", "webhook": server.url, "secret": SECRET, "concurrency": 16}],
        }
        with daemon(folder, settings) as process:
            return watch(process, server)


def owe(url: str) -> None:
    """Let a store owe the events."""
    now = datetime.now(UTC)
    failed = Observation(Status.FAILED, now, "Invalid phone number")
    with Store(url, exclusive=True) as store:
        store.messages.watch(range(1, WARM_UP + EVENTS + 1), now, Details(label="Invoice 88", tags={"team": "billing"}))
        found = store.messages.claim(now, WARM_UP + EVENTS, ())
        polls = [PollResult(message, judge(message, failed, timedelta(0)), now, None) for message in found]
        store.record_polls(polls, [Subscription("crm")])


def watch(process: Running, server: Stub) -> Cost:
    """Read what a process uses while the stub gets the events."""
    until(lambda: server.calls >= WARM_UP)
    first, before = process.read(), server.calls
    until(lambda: server.calls >= WARM_UP + EVENTS)
    last = process.read()
    share = EVENTS / (WARM_UP + EVENTS - before)
    return Cost((last.cpu - first.cpu) * share, (last.at - first.at) * share, process.peak)


def alertmanager() -> str | None:
    """Find Alertmanager's binary; None where it is not installed."""
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def peer(binary: str) -> Cost:
    """Measure Alertmanager."""
    with stub() as server, tempfile.TemporaryDirectory() as place, running(binary, Path(place), server.url) as (at, it):
        now = datetime.now(UTC).isoformat()
        alerts = [
            {
                "labels": {"alertname": "failed", "message_id": str(number), "team": "billing"},
                "annotations": {"error": "Invalid phone number", "label": "Invoice 88"},
                "startsAt": now,
            }
            for number in range(WARM_UP + EVENTS)
        ]
        for start in range(0, len(alerts), 500):
            body = json.dumps(alerts[start : start + 500]).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{at}/api/v2/alerts", body, {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request).close()
        assert not server.calls, "Alertmanager began to send before it had everything"
        return watch(it, server)


@contextmanager
def running(binary: str, folder: Path, url: str) -> Iterator[tuple[int, Running]]:
    """Run Alertmanager on loopback, at a free port."""
    route = {"receiver": "crm", "group_by": ["..."], "group_wait": f"{GROUP_WAIT}s", "group_interval": "1h"}
    receiver = {"name": "crm", "webhook_configs": [{"url": url, "send_resolved": False}]}
    (folder / "am.yml").write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    process = subprocess.Popen(
        [binary, "--config.file=am.yml", "--storage.path=data", *options],
        cwd=folder,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: pin(CORE),  # noqa: PLW1509 -- no threads run here
        env={**os.environ, "GOMAXPROCS": "1"},
    )
    try:
        until(lambda: _answers(port))
        yield port, Running(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    time.sleep(0.05)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
    except OSError:
        return False
    return True
