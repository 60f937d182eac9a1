"""Keeps calls under a rate, whichever threads make them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.domain.aimd import UNHURT, Sign, after

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.domain.clock import Clock

EARLY = 0.005
"""Seconds by which a call may come before its moment, where moments are closer than that: to wait for a fraction of a
millisecond costs a fifth of what a poll does. Those of the others stay where they are, so that the rate holds."""


class RateLimiter:
    """Hands out moments, evenly spaced, at which a call may be made. Time that passed unused is not saved up.

    Args:
        per_second: The most calls in a second; None for no limit.
        clock: Tells the time to wait by.
        share: Tells what part of the rate is this process's, at each call; none is made while it is 0.
        changed: Called with the part of that which is used, whenever it changes.
    """

    def __init__(
        self,
        per_second: float | None,
        clock: Clock,
        share: Callable[[], float] = lambda: 1.0,
        changed: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._spacing = 0.0 if per_second is None else 1.0 / per_second
        self._clock = clock
        self._share = share
        self._changed = changed
        self._allowance = UNHURT
        self._next = float("-inf")
        self._lock = threading.Lock()

    def delay(self) -> float | None:
        """Take the next moment, and return in how many seconds it is; None while nothing is this process's."""
        share = self._share()
        if not share:
            return None
        with self._lock:
            now = self._clock.monotonic()
            moment = max(now, self._next)
            spacing = self._spacing / (share * self._allowance.share)
            self._next = moment + spacing
        return moment - now if moment - now > (EARLY if spacing < EARLY else 0.0) else 0.0

    def open(self) -> bool:
        """Whether any part of the rate is this process's."""
        return self._share() > 0

    def follow(self, sign: Sign) -> None:
        """Slow down, or become faster again, by what a call said about the rate (:mod:`bridge.domain.aimd`)."""
        if sign is Sign.WELL and self._allowance is UNHURT:
            return  # nearly always
        with self._lock:
            before, self._allowance = self._allowance, after(self._allowance, sign, self._clock.monotonic())
            used = self._allowance.share
        if used != before.share:
            self._changed(used)

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long, beyond those who have their moment already."""
        with self._lock:
            self._next = max(self._next, self._clock.monotonic() + seconds)
