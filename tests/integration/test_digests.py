"""Bursts become few posts: the first event at once, what follows together, nothing before its time, nothing twice."""

from __future__ import annotations

import re
import shutil
import time
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import DeliveryState, Status
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.simulator.api import Simulator
from bridge.simulator.faulty_server import Answer
from bridge.simulator.sink import Sink
from bridge.store.store import Store
from tests.world import dispatching, listed
from tests.world.bridge import ERROR, Bridge
from tests.world.clock import FakeClock
from tests.world.records import fail_some
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.delivery.parcel import Parcel, Sent


class Bench(dispatching.Bench):
    """The dispatcher of a Slack receiver; its digests are counted by what they carry."""

    def __init__(self, store: Store, sink: Sink, *, gather: bool = True) -> None:
        settings = SlackReceiverConfig.model_validate({"name": "crm", "slack": sink.url})
        super().__init__(store, settings, FakeClock(), concurrency=1, gather=gather)
        self.sink = sink
        self.carried: list[list[int | None]] = []

    def fail(self, *ids: int) -> None:
        """Let messages fail now."""
        fail_some(self.store, ids, self.clock.now())

    def work(self, room: int = 1) -> float | None:
        """Post what may be posted, one at a time."""
        return super().work(room)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; the dispatcher looks when it said it would."""
        end = self.clock.monotonic() + seconds
        while (wait := self.work()) is not None and self.clock.monotonic() + wait <= end:
            self.clock.advance(wait)
        self.clock.advance(end - self.clock.monotonic())
        self.work()

    def send(self, parcel: Parcel) -> Sent:
        self.carried.append([delivery.event.message_id for delivery in parcel.deliveries])
        return super().send(parcel)


@pytest.fixture
def store(sqlite_url: str, tmp_path: Path, _sqlite_made: Path) -> Iterator[Store]:
    """On SQLite only: what differs between databases is tested where the queue is."""
    shutil.copy(_sqlite_made, tmp_path / "bridge.db")
    with Store(sqlite_url, exclusive=True) as opened:
        yield opened


@pytest.fixture
def ops(store: Store) -> Iterator[Bench]:
    with Sink() as sink:
        bench = Bench(store, sink)
        yield bench
        bench.sender.close()


def test_first_event_is_posted_at_once_and_what_follows_together(ops: Bench) -> None:
    ops.fail(1)
    assert ops.work() is None
    ops.clock.advance(4)
    ops.fail(2)
    assert ops.work() == 26.0, "30 seconds after the last post"
    ops.fail(3)
    ops.clock.advance(25.9)
    ops.work()
    assert ops.carried == [[1]]
    ops.pass_time(0.1)
    assert ops.carried == [[1], [2, 3]]
    ops.clock.advance(30)
    ops.fail(4)
    ops.work()
    assert ops.carried == [[1], [2, 3], [4]], "nothing was posted for half a minute"


@pytest.mark.slow
def test_49_failures_spread_over_a_minute_are_3_posts(ops: Bench) -> None:
    for id_ in range(1, 50):
        ops.fail(id_)
        ops.work()
        ops.pass_time(60 / 49)
    ops.pass_time(60)
    assert len(ops.carried) == 3
    assert ops.carried[0] == [1]
    assert sorted(id_ or 0 for each in ops.carried for id_ in each) == list(range(1, 50))


def test_post_that_was_not_taken_is_tried_again_with_all_it_carried(ops: Bench) -> None:
    """A failed post starts no wait: nobody has read it, so that its retry and new events go when they are due."""
    ops.sink.answer = lambda _: Answer.status(404)
    ops.fail(1, 2)
    ops.work()
    ops.sink.answer = lambda _: Answer.ok()
    ops.clock.advance(2)
    ops.fail(3)
    ops.work()
    assert ops.carried == [[1, 2], [1, 2, 3]]
    assert {each.state for each in listed.deliveries(ops.store)} == {DeliveryState.DELIVERED}


def test_what_is_due_later_on_purpose_stays_behind(ops: Bench) -> None:
    """As deliveries of a receiver with ``hold`` are: neither a digest nor a probe takes them along."""
    ops.fail(1)
    fail_some(ops.store, [2], ops.clock.now() + timedelta(minutes=10))
    assert ops.work() == 600.0
    ops.sink.answer = lambda _: Answer.status(404)
    ops.clock.advance(60)
    ops.fail(3)
    ops.pass_time(120)
    assert ops.store.deliveries.breaker("crm").is_open
    ops.sink.answer = lambda _: Answer.ok()
    ops.pass_time(60)
    assert 2 not in {id_ for each in ops.carried for id_ in each}
    ops.pass_time(360)
    assert ops.carried[-1] == [2]


def test_single_pass_holds_nothing_back(store: Store) -> None:
    with Sink() as sink:
        ops = Bench(store, sink, gather=False)
        ops.fail(1)
        ops.work()
        ops.fail(2)
        ops.work()
        ops.sender.close()
    assert ops.carried == [[1], [2]]


def test_what_waits_for_the_next_post_is_told_until_when(ops: Bench) -> None:
    ops.fail(1)
    ops.work()
    ops.fail(2)
    ops.clock.advance(5)
    wait = ops.work()
    assert wait is not None
    gathers = {"crm": timedelta(seconds=30)}
    waits = ops.store.history.waits(ops.clock.now(), UTC, gathers)
    assert waits.posts["crm"] == ops.clock.now() + timedelta(seconds=wait)


@pytest.mark.slow
def test_49_failures_within_a_shortened_minute_are_at_most_4_posts(tmp_path: Path) -> None:
    """The first within two seconds, and the counts add up.

    The minute and ``wait`` are both a twentieth of what they are in production: what counts is how many times ``wait``
    fits into it. At 1.5 s, it is still longer than the second that Slack needs between two messages.
    """
    minute, ids = 3.0, range(1, 50)
    with Simulator() as simulator, Sink() as slack:
        ops = {"name": "ops", "slack": slack.url, "events": ["failed"], "group": {"wait": f"{minute / 2}s"}}
        with Bridge(tmp_path / "bridge", simulator, [ops], others=ids):
            began = time.monotonic()
            for id_ in ids:
                simulator.account.put(id_, Status.FAILED, ERROR)
                time.sleep(max(0.0, began + id_ * minute / len(ids) - time.monotonic()))
            until(lambda: sum(map(counted, posts(slack))) >= len(ids), 10)
        took = slack.records()[0].at - began
    assert took < 2, took
    assert len(posts(slack)) <= 4
    assert sum(map(counted, posts(slack))) == len(ids)


def posts(slack: Sink) -> list[str]:
    return [record.body.decode() for record in slack.records()]


def counted(post: str) -> int:
    """How many failures a post says it tells of."""
    found = re.search(r"([\d,]+) WhatsApp messages failed", post)
    return int(found[1]) if found else 1
