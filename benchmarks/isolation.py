"""Do receivers that hang, fail, drip or flood slow down the others?

Measured: how long the bridge takes to deliver the same events to a good receiver, alone and beside four bad ones that
have the same events. The good one takes ten milliseconds to answer, as real ones take at least: were it infinitely
fast, the processor would be what is shared. Each run has a fresh database; the sinks are processes of their own.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.measure import median, table
from bridge.config import loader, models
from bridge.daemon.supervisor import Supervisor
from bridge.domain.clock import SystemClock
from bridge.domain.model import Observation, Status
from bridge.domain.observer import Listener
from bridge.domain.routing import Subscription
from bridge.domain.transition_detector import judge
from bridge.simulator.faulty_server import Manner
from bridge.simulator.sink import Answer, Sink
from bridge.store.poll_results import PollResult
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 1000
LATENCY = 0.01
BAD = {
    "hangs": Answer.hang(),
    "fails": Answer.status(503),
    "drips": Answer.drip(),
    "floods": Answer(500, manner=Manner.ENDLESS, size=10**9),
}


def main(runs: int) -> None:
    """Print the table."""
    alone, beside = [], []
    for _ in range(runs):
        alone.append(seconds_to_deliver({}))
        beside.append(seconds_to_deliver(BAD))
    print(f"{EVENTS:,} events to a good receiver, {runs} runs in turn, medians:")
    table(
        ("", "seconds", "events/s", "time: this / alone"),
        [
            (
                name,
                f"{median(each):.2f}",
                f"{EVENTS / median(each):.0f}",
                f"{median(list(map(truediv, each, alone))):.2f}",
            )
            for name, each in (("alone", alone), (f"beside {len(BAD)} bad receivers", beside))
        ],
    )


def seconds_to_deliver(bad: dict[str, Answer]) -> float:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        good_url, arrived = stack.enter_context(sink_process(Answer.ok(), LATENCY))
        urls = {name: stack.enter_context(sink_process(answer))[0] for name, answer in bad.items()}
        settings = load(folder, good_url, urls)
        store = stack.enter_context(Store(settings.database, exclusive=True))
        queue(store, ["good", *urls])
        supervisor = Supervisor(store, clock=SystemClock(), listener=Listener())
        started = time.monotonic()
        supervisor.apply(settings)
        while arrived.value < EVENTS:
            time.sleep(0.005)
        seconds = time.monotonic() - started
        supervisor.stop(0.5)
    return seconds


def load(folder: Path, good_url: str, urls: dict[str, str]) -> models.Config:
    receivers = [{"name": "good", "webhook": good_url}]
    receivers += [{"name": name, "webhook": url, "timeout": "1s"} for name, url in urls.items()]
    path = folder / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "wbiztool": {"client_id": 1, "api_key": "unused"},
                "receivers": receivers,
                "database": "sqlite:///bridge.db",
            }
        )
    )
    return loader.load(path, {})


def queue(store: Store, receivers: list[str]) -> None:
    now = datetime.now(UTC)
    store.messages.watch(range(1, EVENTS + 1), now)
    subscriptions = [Subscription(name) for name in receivers]
    failed = Observation(Status.FAILED, now, "Invalid phone number")
    polls = [
        PollResult(message, judge(message, failed, timedelta(0)), now, None)
        for message in store.messages.claim(now, EVENTS, ())
    ]
    store.record_polls(polls, subscriptions)


@contextmanager
def sink_process(answer: Answer, latency: float = 0) -> Iterator[tuple[str, Any]]:
    context = multiprocessing.get_context("spawn")
    count, (mine, theirs) = context.Value("i", 0), context.Pipe()
    process = context.Process(target=_serve, args=(answer, latency, count, theirs))
    process.start()
    yield mine.recv(), count
    mine.send(None)
    process.join()


def _serve(answer: Answer, latency: float, count: Any, pipe: Any) -> None:
    def note(_: object) -> None:
        time.sleep(latency)
        with count.get_lock():
            count.value += 1

    with Sink(lambda _: answer, on_request=note, keep=False) as sink:
        pipe.send(sink.url)
        pipe.recv()
