"""Senders: over HTTP, and by calls that block."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.domain.errors import raise_again
from bridge.receivers.protocol import Handed
from bridge.transport.client import HttpClient
from bridge.transport.message import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event
    from bridge.domain.threads import Thread
    from bridge.receivers.base_config import HttpReceiverConfig
    from bridge.receivers.protocol import Done, Receiver
    from bridge.transport.message import Reply, Request

    Calls = Generator[Request, Reply, Handed]


class CallingSender(ABC):
    """Hands over by calls over HTTP, each of which depends on the answers before it.

    Args:
        name: The name that the configuration gives the receiver.
        client: Makes the calls.
    """

    def __init__(self, name: str, client: HttpClient) -> None:
        self.name = name
        self._client = client
        self.close = client.close

    def begin(self, events: Sequence[Event], clock: Clock, done: Done, thread: Thread | None = None) -> None:
        """Begin the calls: each begins when the one before has been answered."""
        calls = self._calls(events, thread, clock)

        def go_on(step: Callable[[], Request]) -> None:
            try:
                request = step()
            except StopIteration as end:
                handed: Handed = end.value
                done(lambda: handed)
            except Exception as error:  # noqa: BLE001 -- raised again where it is heard
                done(partial(raise_again, error))
            else:
                self._client.begin(request, request.path, lambda get: go_on(partial(_resume, calls, get)))

        go_on(partial(next, calls))

    @abstractmethod
    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Show the first call."""

    @abstractmethod
    def _calls(self, events: Sequence[Event], thread: Thread | None, clock: Clock) -> Calls:
        """Make the calls of one attempt: it is sent their answers, or what is raised in place of one."""


def _resume(calls: Calls, get: Callable[[], Reply]) -> Request:
    try:
        reply = get()
    except Exception as error:  # noqa: BLE001 -- raised again by most calls
        return calls.throw(error)
    return calls.send(reply)


class HttpSender(CallingSender):
    """Hands over by one POST.

    Args:
        receiver: Writes the POST and reads its answer.
        client: Makes it.
    """

    def __init__(self, receiver: Receiver, client: HttpClient) -> None:
        super().__init__(receiver.name, client)
        self._receiver = receiver

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Show the POST."""
        return self._client.preview(self._receiver.render(events, at))

    def _calls(self, events: Sequence[Event], thread: Thread | None, clock: Clock) -> Calls:
        del thread  # of those that have threads
        reply = yield self._receiver.render(events, clock.wall())
        # The receiver compares both with its own clock: the signature's time, and the date until which we are to wait.
        return Handed(self._receiver.read(reply, clock.wall()), reply.text, reply.status)


class BlockingSender(ABC):
    """Hands over by calls that block: each in a thread of its own."""

    @abstractmethod
    def hand_over(self, events: Sequence[Event]) -> Handed:
        """Hand events over, once, and return what came of it. Raises as ``done`` of :meth:`Sender.begin` does."""

    def begin(self, events: Sequence[Event], clock: Clock, done: Done, thread: Thread | None = None) -> None:
        """Hand events over in a thread of the system."""
        del clock, thread  # waits are the system's, and threads are of those that have them

        def work() -> None:
            try:
                handed = self.hand_over(events)
            except Exception as error:  # noqa: BLE001 -- raised again where it is heard
                done(partial(raise_again, error))
            else:
                done(lambda: handed)

        try:
            threading.Thread(target=work, name="hand over", daemon=True).start()
        except RuntimeError:
            raise TransportError("the system starts no more threads") from None


def over_http(settings: HttpReceiverConfig, receiver: Receiver) -> HttpSender:
    """Build what sends to a receiver over HTTP.

    Raises:
        TransportError: Its address can't be called.
    """
    return HttpSender(receiver, client_for(settings))


def client_for(settings: HttpReceiverConfig) -> HttpClient:
    """Build the way to a receiver's address.

    Raises:
        TransportError: It can't be called.
    """
    return HttpClient(
        settings.url.get_secret_value(),
        timeout=settings.timeout,
        connections=settings.concurrency,
        tls=settings.tls,
        proxy=settings.proxy_in_clear,
    )
