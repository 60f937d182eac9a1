"""A call is made again while that may help, without a thread that waits for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from bridge.transport.retried_call import RetriedCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.transport.rate_limiter import RateLimiter

ATTEMPTS = 3
FAULT = ValueError("our own fault")


class Later(RetriedCall[int]):
    """One that does not wait: what it would do later, its world does."""

    def __init__(self, world: World, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._world = world

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self._world.later.append((seconds, step))


@dataclass
class World:
    """Results that come one after the other; steps that are to be called later, and when."""

    results: list[int | Exception | None]
    delays: list[float | None] = field(default_factory=list)
    is_open: bool = True
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    ends: list[int | Exception | None] = field(default_factory=list)
    calls: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[Callable[[], int | None]], None] | None = None

    def delay(self) -> float | None:
        return self.delays.pop(0) if self.delays else 0.0

    def open(self) -> bool:
        return self.is_open

    def call(self, ended: Callable[[Callable[[], int | None]], None]) -> None:
        self.calls += 1
        result = self.results.pop(0)
        if result is FAULT:
            raise FAULT

        def get() -> int | None:
            if isinstance(result, Exception):
                raise result
            return result

        ended(get)

    def begin(self) -> None:
        retried: RetriedCall[int] = Later(
            self,
            self.call,
            passing=lambda result: result is not None and result < 0,
            retrying=tenacity.Retrying(
                stop=tenacity.stop_after_attempt(ATTEMPTS),
                wait=tenacity.wait_exponential(multiplier=2),
                retry=tenacity.retry_if_result(lambda result: result is not None and result < 0),
            ),
            limiter=self,
            stop=self.stop,
            done=self.ends.append,
        )
        retried.begin()

    def run(self) -> list[float]:
        """Call what is to be called later; the seconds that were waited."""
        waited = []
        while self.later:
            seconds, step = self.later.pop(0)
            waited.append(seconds)
            step()
        return waited


@given(st.lists(st.integers(-5, 5) | st.none() | st.just(RuntimeError("raised")) | st.just(FAULT), min_size=ATTEMPTS))
def test_it_ends_once_with_the_first_result_that_is_no_passing_fault_or_the_last(
    results: list[int | Exception | None],
) -> None:
    world = World([*results])
    world.begin()
    waited = world.run()
    tried = results[:ATTEMPTS]
    last = next((n for n, each in enumerate(tried) if not isinstance(each, int) or each >= 0), ATTEMPTS - 1)
    assert world.ends == [tried[last]]
    assert (world.calls, len(waited)) == (last + 1, last)


def test_stop_ends_a_wait_of_an_hour_at_once() -> None:
    world, ended = World([7], delays=[3600.0]), threading.Event()

    def done(result: int | Exception | None) -> None:
        world.ends.append(result)
        ended.set()

    retried: RetriedCall[int] = RetriedCall(
        world.call,
        passing=lambda _: False,
        retrying=tenacity.Retrying(),
        limiter=cast("RateLimiter", world),
        stop=world.stop,
        done=done,
    )
    retried.begin()
    world.stop.set()
    assert ended.wait(10)
    assert (world.calls, world.ends) == (0, [None])


def test_waits_become_longer() -> None:
    world = World([-1, -1, -1])
    world.begin()
    assert world.run() == [2, 4]


def test_each_call_waits_for_its_moment() -> None:
    world = World([-1, 7], delays=[3.0, 5.0])
    world.begin()
    assert (world.calls, world.run()) == (0, [3.0, 2, 5.0])
    assert world.ends == [7]


@pytest.mark.parametrize("why", ["stop", "no part of the rate", "none any more", "stop while it waits"])
def test_none_is_made_when_it_may_not_be(why: str) -> None:
    world = World([7], delays=[3.0])
    if why == "stop":
        world.stop.set()
    elif why == "no part of the rate":
        world.delays = [None]
    elif why == "none any more":
        world.is_open = False
    world.begin()
    world.stop.set()
    world.run()
    assert (world.calls, world.ends) == (0, [None])
