"""How fast receivers are called. Receivers that post to one place with one token share their pace."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from bridge.transport.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from bridge.domain.clock import Clock
    from bridge.receivers.base_config import ReceiverConfig


class Paces:
    """Hands out rate limiters. Those that are no longer used are forgotten.

    Args:
        clock: Tells the time to wait by.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shared: WeakValueDictionary[tuple[str, str, float | None], RateLimiter] = WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, settings: ReceiverConfig) -> RateLimiter:
        """Return a receiver's limiter: its own, or that of all with the same limit, place and rate."""
        per_second = settings.rate_limit.per_second if settings.rate_limit else None
        if settings.shared_limit is None:
            return RateLimiter(per_second, self._clock)
        key = (*settings.shared_limit, per_second)
        with self._lock:
            found = self._shared.get(key)
            if found is None:
                found = self._shared[key] = RateLimiter(per_second, self._clock)
            return found
