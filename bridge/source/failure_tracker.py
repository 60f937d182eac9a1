"""A trouble that lasts is noted as a fact of the database: whoever asks how the bridge does then hears of it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.domain.clock import isoformat
from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bridge.domain.clock import Clock
    from bridge.store.store import Store


class FailureTracker:
    """Follows whether a step works that is done again and again. A database that fails is reported elsewhere.

    Args:
        fact: The fact: nothing, or ``failing_since`` and ``reason``.
        after: How long it must have failed before that is reported.
    """

    def __init__(self, store: Store, fact: str, after: timedelta, clock: Clock) -> None:
        self._store = store
        self._fact = fact
        self._after = after
        self._clock = clock
        self._since: datetime | None = None
        self._deadline = 0.0
        self._reported = True  # by an earlier process, maybe

    def worked(self) -> None:
        """Note that it worked."""
        self._since = None
        if self._reported:
            with suppress(BridgeError):
                self._store.set_fact(self._fact, "")
                self._reported = False

    def failed(self, why: str) -> None:
        """Note that it failed."""
        if self._since is None:
            self._since = self._clock.now()
            self._deadline = self._clock.monotonic() + self._after.total_seconds()
        if self._clock.monotonic() >= self._deadline:
            with suppress(BridgeError):
                known = {"failing_since": isoformat(self._since), "reason": why}
                self._store.set_fact(self._fact, json.dumps(known, ensure_ascii=False))
                self._reported = True
