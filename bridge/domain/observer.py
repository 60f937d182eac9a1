"""What can be listened to: the core says what happened, and knows neither logs nor metrics nor pages."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Attempt, Delivery, Event, Expired
    from bridge.domain.mute import Mute
    from bridge.domain.poll_answer import Answer


class Listener:
    """Hears everything and does nothing; a listener overrides what it cares for. It must neither raise nor block."""

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:
        """Hear that a message was polled, what came of it, and how long that took with its retries."""

    def event_recorded(self, event: Event) -> None:
        """Hear of an event, once it is committed."""

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Hear of a round of attempts, with the deliveries it carried as they are now, once that is committed."""

    def tested(self, receiver: str, event: Event, made: Attempt) -> None:
        """Hear that a test event was sent to a receiver, and what came of it. It is nowhere recorded."""

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Hear of deliveries given up because their receiver failed for all of their time, once that is committed."""

    def dropped(self, receiver: str, count: int) -> None:
        """Hear that deliveries to a receiver are not made, on purpose, once that is committed."""

    def muted(self, mute: Mute) -> None:
        """Hear that a receiver is muted: once when that begins, and once when the bridge starts meanwhile."""

    def unmuted(self, mute: Mute) -> None:
        """Hear that a mute is over, as it was at its end."""

    def reloaded(self, faults: Sequence[str], changed: Sequence[str] = ()) -> None:
        """Hear that the configuration was read again: it is in force, or it has faults and the one before is.

        What has changed is the names of settings, receivers and lists, without their values.
        """

    def stopping(self, why: str) -> None:
        """Hear that the daemon was asked to stop, or must, and why."""

    def stopped(self, queued: int | None) -> None:
        """Hear that it has stopped, and how many deliveries are queued; None where the database can't be read."""

    def listens(self, address: str) -> None:
        """Hear that HTTP is served at an address, which could not be had before."""

    def paced(self, used: float) -> None:
        """Hear that WbizTool is called faster or slower: by this part of the configured rate."""

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        """Hear that the account's report was read: how many messages were new, how many changed, how long it took."""

    def heartbeat_taken(self) -> None:
        """Hear that the heartbeat was sent and taken."""

    def step_failed(self, where: str, error: BridgeError) -> None:
        """Hear that a step failed and will be tried again."""

    def answered(self, status: int) -> None:
        """Hear that a request over HTTP was answered, with this status; 499 where its client had gone."""

    def internal_error(self, where: str, error: BaseException) -> None:
        """Hear of a fault of the bridge's own: what it concerns is set aside, and everything else goes on.

        Args:
            where: One word for its kind, and what it concerns: ``message 12345``, ``step discover``.
            error: What was raised. Its text may hold anything.
        """


class Listeners(Listener):
    """Passes on what it hears to several. One that raises keeps nothing from the others."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        # What is heard for each poll is not passed on to those who do nothing with it.
        self._caring = {
            name: [each for each in listeners if getattr(type(each), name) is not getattr(Listener, name)]
            for name in _HEARD
        }

    def internal_error(self, where: str, error: BaseException) -> None:
        """Pass it on; where a listener fails at this, nobody is left who could hear of it."""
        for listener in self._listeners:
            with suppress(Exception):
                listener.internal_error(where, error)


def _pass_on(name: str) -> Callable[..., None]:
    def pass_on(self: Listeners, *heard: Any) -> None:
        for listener in self._caring[name]:
            try:
                getattr(listener, name)(*heard)
            except Exception as error:  # noqa: BLE001 -- what happened has been committed
                self.internal_error(f"listener {type(listener).__name__}", error)

    return pass_on


_HEARD: Final = [name for name in vars(Listener) if not name.startswith("_") and name not in vars(Listeners)]
for _name in _HEARD:
    setattr(Listeners, _name, _pass_on(_name))
