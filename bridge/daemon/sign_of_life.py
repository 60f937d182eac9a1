"""The bridge's signs of life: in the database, for commands and the page, and as its status in systemd."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.daemon import systemd
from bridge.domain.clock import isoformat
from bridge.domain.errors import BridgeError
from bridge.domain.health import ALIVE, ALIVE_FOR, judge, status_line, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.store.store import Store


_PAUSES = 200
"""For how many times as long as a count took, none is made for systemd's status: among a million messages that
are polled, it takes a fifth of a second."""

_LONGEST_PAUSE = 60.0  # seconds


class SignOfLife:
    """Says that the bridge lives, and how it does.

    Args:
        store: Where to.
        clock: Tells the time.
        listener: Notified where the database can't be written.
        receivers: Names those of the configuration that is in force.
        zone: Tells in which zone it is read.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        listener: Listener,
        receivers: Callable[[], Sequence[str]],
        zone: Callable[[], tzinfo],
    ) -> None:
        self._store = store
        self._clock = clock
        self._listener = listener
        self._receivers = receivers
        self._zone = zone
        self._given_at: float | None = None
        self._count_from = float("-inf")
        self._hurried = False

    def hurry(self) -> None:
        """Let the next one have a status, because that has changed."""
        self._hurried = True

    def give(self) -> None:
        """Give one, with a status."""
        self.hurry()
        self.give_in_turn()

    def give_in_turn(self) -> None:
        """Give one; unless it is hurried, it has a status only as often as counts take a small part of the time."""
        try:
            self._store.set_fact(ALIVE, isoformat(self._clock.now()))
            self._given_at = self._clock.monotonic()
        except BridgeError as error:
            self._listener.step_failed("giving a sign of life", error)
        if self._hurried or self._clock.monotonic() >= self._count_from:
            self._hurried = False  # before the count: what changes meanwhile is said by the next one
            self._give_status()

    def _give_status(self) -> None:
        began, summary = self._clock.monotonic(), None
        try:
            summary = self._store.summaries.summary()
            ended = self._clock.monotonic()
            self._count_from = ended + min(_PAUSES * (ended - began), _LONGEST_PAUSE)
            health = judge(summary, self._receivers(), self._clock.now(), self._zone())
        except BridgeError as error:
            health = unreadable(error)
        systemd.notify(f"STATUS={status_line(health, summary)}")

    def is_fresh(self) -> bool:
        """Tell whether the latest one was written to the database a moment ago."""
        return self._given_at is not None and self._clock.monotonic() - self._given_at <= ALIVE_FOR.total_seconds()

    def take_back(self) -> None:
        """Say that the bridge has ended. With other nodes, the bridge as a whole has not."""
        if self._store.node.alone:
            with suppress(BridgeError):
                self._store.set_fact(ALIVE, "")
