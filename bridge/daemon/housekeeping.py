"""Keeps what is scheduled, and what is kept, in line with the time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.domain.clock import stepped
from bridge.domain.errors import BridgeError
from bridge.domain.poll_schedule import LAZILY
from bridge.source.report_response import window

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.store.store import Store

SMALLEST_STEP = timedelta(seconds=2)
"""Less than that is the ordinary unevenness between two clocks."""

LARGE_STEP = timedelta(hours=1)
DOUBTED_FOR = timedelta(days=1)
"""How long nothing is forgotten for its age after a clock was set forward by more than that: it may be a mistake."""


class Housekeeping:
    """Follows the wall clock where it was set, bounds what is scheduled, and forgets what is old.

    Args:
        config: The configuration that is in force.
    """

    def __init__(self, store: Store, clock: Clock, listener: Listener, config: Callable[[], Config]) -> None:
        self._store = store
        self._clock = clock
        self._listener = listener
        self._config = config
        self._prune_from = float("-inf")
        self._clamps = False

    def follow_clock(self) -> bool:
        """Follow the wall clock, and say whether it was set."""
        step, followed = stepped(self._clock), False
        try:
            followed = follow_clock(self._clock, self._store)
        except BridgeError as error:
            self._listener.step_failed("following the clock", error)
        if followed and step > LARGE_STEP:
            self._prune_from = self._clock.monotonic() + DOUBTED_FOR.total_seconds()
        self._clamps |= followed  # what was in flight meanwhile was scheduled by the old time
        self._clamp_where_asked()
        return followed

    def clamp(self) -> None:
        """Bound what is scheduled, and what is wrong, by the configuration; at the next beat again, if that fails."""
        self._clamps = True
        self._clamp_where_asked()

    def keep(self) -> None:
        """Bound what is scheduled, and forget what is older than the configuration keeps.

        Raises:
            BridgeError: The store failed.
        """
        self._clamp()
        if self._clock.monotonic() >= self._prune_from:
            now, config = self._clock.now(), self._config()
            reported = now - window(config.discover.days) if config.discover.report else None
            self._store.prune(now - config.retention, reported)

    def _clamp_where_asked(self) -> None:
        if self._clamps:
            try:
                self._clamp()
                self._clamps = False
            except BridgeError as error:
                self._listener.step_failed("bounding the schedule", error)

    def _clamp(self) -> None:
        now, config = self._clock.now(), self._config()
        longest = config.poll.schedule.longest
        lazy = max(longest, LAZILY, config.discover.relaxed)
        self._store.clamp_time(now + longest, now + lazy, now)
        self._store.incidents.forget_unwatched(config.receiver_names, numbers_watched=config.numbers.watch)


def follow_clock(clock: Clock, store: Store) -> bool:
    """Follow a wall clock that was set, moving what is scheduled by as much. True if it was set.

    The order keeps everything from being due in between: a clock set forward may be read only when the schedule has
    moved, one set back must be read before it does.
    """
    step = stepped(clock)
    if abs(step) < SMALLEST_STEP:
        return False
    if not store.node.alone:
        clock.follow(step)  # the schedule is by the other nodes' clocks, too
    elif step > timedelta(0):
        store.shift_time(step)
        clock.follow(step)
    else:
        clock.follow(step)
        try:
            store.shift_time(step)
        except BridgeError:
            clock.follow(-step)  # both or neither: the next beat tries again
            raise
    return True
