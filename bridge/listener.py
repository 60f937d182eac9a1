"""What can be listened to: the core says what happened, and knows neither logs nor metrics nor pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.errors import BridgeError
    from bridge.model import Attempt, Delivery, Event, Expired
    from bridge.source.answer import Answer


class Listener:
    """Hears everything and does nothing; a listener overrides what it cares for. It must neither raise nor block."""

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:
        """Hear that a message was polled, what came of it, and how long that took with its retries."""

    def told(self, event: Event) -> None:
        """Hear of an event, once it is committed."""

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Hear of a round of attempts, with the deliveries it carried as they are now, once that is committed."""

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Hear of deliveries given up because their receiver failed for all of their time, once that is committed."""

    def reloaded(self, faults: Sequence[str], changed: Sequence[str] = ()) -> None:
        """Hear that the configuration was read again: it is in force, or it has faults and the one before is.

        What has changed is the names of settings, receivers and lists, without their values.
        """

    def stopping(self, why: str) -> None:
        """Hear that the daemon was asked to stop, or must, and why."""

    def stopped(self, queued: int | None) -> None:
        """Hear that it has stopped, and how many deliveries are queued; None where the database can't be read."""

    def paced(self, used: float) -> None:
        """Hear that WbizTool is called faster or slower: by this part of the configured rate."""

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        """Hear that the account's report was read: how many messages were new, how many changed, how long it took."""

    def trouble(self, where: str, error: BridgeError) -> None:
        """Hear that a step failed and will be tried again."""


class Listeners(Listener):
    """Passes on what it hears to several."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.polled(message_id, answer, seconds)

    def told(self, event: Event) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.told(event)

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.tried(receiver, deliveries, attempts)

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.expired(receiver, deliveries)

    def reloaded(self, faults: Sequence[str], changed: Sequence[str] = ()) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.reloaded(faults, changed)

    def stopping(self, why: str) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.stopping(why)

    def stopped(self, queued: int | None) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.stopped(queued)

    def paced(self, used: float) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.paced(used)

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.discovered(new, changed, seconds)

    def trouble(self, where: str, error: BridgeError) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.trouble(where, error)
