"""Reminds a receiver of what is still wrong. Used by its dispatcher's own thread only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.delivery.batching import Pack
    from bridge.store.store import Store


class Reminding:
    """Queues a receiver's reminders, and drops those that are over before they are sent.

    Args:
        receiver: Whose.
        every: How often it is reminded; None for never.
        store: Knows what is wrong, and when it was sent.
        together: Whether one post tells of several: once one is due, those follow that are due within half the time.
    """

    def __init__(self, receiver: str, every: timedelta | None, store: Store, *, together: bool = False) -> None:
        self._receiver = receiver
        self._store = store
        self._early = every / 2 if together and every is not None else timedelta()
        self.every = every

    def queue_due(self, now: datetime) -> None:
        """Queue what is due."""
        if self.every is not None:
            self._store.reminders.queue_due(self._receiver, now, self._early)

    def next_due(self) -> datetime | None:
        """Return when the next reminder is due; None where there is none."""
        return None if self.every is None else self._store.reminders.next_due(self._receiver)

    def current(self, packs: Sequence[Pack], now: datetime) -> Sequence[Pack]:
        """Leave out what need not be sent any more, and drop it.

        That is reminders, and what `hold` held back, of what is over or acknowledged by now: it may have waited longer,
        for a mute to end or the receiver to come back. What ends it is dropped with it.
        """
        ids = [
            each.id
            for pack in packs
            for each in pack
            if each.reminder or (each.withheld_until is not None and each.is_untried)
        ]
        over = self._store.reminders.drop_over(self._receiver, ids, now) if ids else ()
        return [tuple(each for each in pack if each.id not in over) for pack in packs] if over else packs
