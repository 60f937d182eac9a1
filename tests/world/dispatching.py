"""A dispatcher as the daemon makes it, without a daemon: it works when it is told to, at a time that tests set."""

from __future__ import annotations

import queue
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.delivery.batching import packer_for
from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.holding import Holding
from bridge.delivery.parcel import Parcel, Sent, undivided
from bridge.domain.observer import Listener
from bridge.domain.redaction import Redactor
from bridge.domain.routing import Routes
from bridge.receivers.registry import sender_for
from bridge.transport.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.receivers.protocol import Sender
    from bridge.store.store import Store
    from tests.world.clock import FakeClock


class Bench:
    """Sends to one receiver, in this thread.

    Args:
        store: Has what is queued.
        settings: The receiver's.
        clock: Tells the time.
        concurrency: Calls in flight at once.
        gather: Let events wait for others.
        listener: Hears what happens.
    """

    def __init__(
        self,
        store: Store,
        settings: ReceiverConfig,
        clock: FakeClock,
        *,
        concurrency: int = 4,
        gather: bool = True,
        listener: Listener | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self._concurrency = concurrency
        self._gather = gather
        self._listener = listener or Listener()
        self.sender: Sender
        self.dispatcher: Dispatcher
        self.holding: Holding
        self.restart()

    def restart(self) -> None:
        """Make it anew: what it kept in memory is gone."""
        settings = self.settings
        quiet = None if settings.quiet is None else settings.quiet.hours
        channel = settings.thread_channel
        self.sender = sender_for(settings)
        self.holding = Holding(settings.name, quiet, self.store, self._listener)
        self.dispatcher = Dispatcher(
            self.sender,
            self.store,
            holding=self.holding,
            remind=settings.remind,
            concurrency=self._concurrency,
            settle=timedelta(seconds=30),
            packer=packer_for(settings, gather=self._gather),
            divide=undivided if channel is None else partial(self.store.threads.divide, settings.name, channel),
            pace=RateLimiter(None, self.clock),
            redact=Redactor(),
            routes=Routes(),
            clock=self.clock,
            jitter=lambda: 0.0,
            listener=self._listener,
            stop=threading.Event(),
        )

    def work(self, room: int = 16) -> float | None:
        """Send all that is due, and what becomes due by it. Returns in how many seconds the dispatcher looks again."""
        while parcels := self.dispatcher.claim(room):
            self.dispatcher.record([self.send(parcel) for parcel in parcels])
        return self.dispatcher.next_due()

    def send(self, parcel: Parcel) -> Sent:
        """Make one round of attempts."""
        results: queue.SimpleQueue[Sent | Exception] = queue.SimpleQueue()
        self.dispatcher.begin(parcel, results.put)
        sent = results.get(timeout=20)
        assert isinstance(sent, Sent)
        return sent
