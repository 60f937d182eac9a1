"""How fast receivers are called. Those that one limit at the other side holds for share their pace."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from bridge.domain.outcome import Retry
from bridge.transport.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from bridge.domain.clock import Clock
    from bridge.domain.model import Attempt
    from bridge.receivers.base_config import ReceiverConfig

LONGEST = timedelta(minutes=1)
"""How long the others wait, at most, because one was asked to: after that they find out for themselves."""


class Paces:
    """Hands out rate limiters. What nobody uses any more is forgotten.

    Args:
        clock: Tells the time to wait by.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shared: WeakValueDictionary[tuple[str, str, float | None], RateLimiter] = WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, settings: ReceiverConfig) -> RateLimiter:
        """Return a receiver's limiter: its own, or that of all with the same limit, rate and place."""
        per_second = settings.rate_limit.per_second if settings.rate_limit else None
        if settings.shared_limit is None:
            return RateLimiter(per_second, self._clock)
        key = (*settings.shared_limit, per_second)
        with self._lock:
            found = self._shared.get(key)
            if found is None:
                found = self._shared[key] = RateLimiter(per_second, self._clock)
            return found

    def heed(self, settings: ReceiverConfig, attempt: Attempt) -> None:
        """Let all receivers of an account wait as long as one of them was asked to."""
        outcome = attempt.outcome
        if settings.shared_limit is None or not isinstance(outcome, Retry) or outcome.after is None:
            return
        account, _ = settings.shared_limit
        seconds = min(outcome.after, LONGEST).total_seconds()
        with self._lock:
            concerned = [limiter for key, limiter in self._shared.items() if key[0] == account]
        for limiter in concerned:
            limiter.pause(seconds)
