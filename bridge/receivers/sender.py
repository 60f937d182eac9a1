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
    from bridge.receivers.protocol import Receiver
    from bridge.transport.message import Reply, Request

    Calls = Generator[Request, Reply, Handed]


class HttpSender:
    """Leads to a receiver over HTTP.

    Args:
        receiver: Writes the POST and reads its answer.
        channel: Leads to it.
    """

    def __init__(self, receiver: Receiver, channel: HttpClient) -> None:
        self.name = receiver.name
        self._receiver = receiver
        self._channel = channel
        self.close = channel.close

    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Make one POST."""
        request = self._receiver.render(events, clock.wall())
        return self._handed(lambda: self._channel.send(request, request.path), clock)

    def begin(
        self,
        events: Sequence[Event],
        clock: Clock,
        done: Callable[[Callable[[], Handed]], None],
        thread: Thread | None = None,
    ) -> None:
        """Begin one POST."""
        del thread  # of those that have threads
        request = self._receiver.render(events, clock.wall())
        self._channel.begin(request, request.path, lambda get: done(partial(self._handed, get, clock)))

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Show the POST."""
        return self._channel.preview(self._receiver.render(events, at))

    def _handed(self, get: Callable[[], Reply], clock: Clock) -> Handed:
        # The receiver compares both with its own clock: the signature's time, and the date until which we are to wait.
        reply = get()
        return Handed(self._receiver.read(reply, clock.wall()), reply.text, reply.status)


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

    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Make the calls, outside of any thread."""
        calls = self._calls(events, None, clock)
        step = partial(next, calls)
        while True:
            try:
                request = step()
            except StopIteration as end:
                handed: Handed = end.value
                return handed
            step = partial(_resume, calls, partial(self._client.send, request, request.path))

    def begin(
        self,
        events: Sequence[Event],
        clock: Clock,
        done: Callable[[Callable[[], Handed]], None],
        thread: Thread | None = None,
    ) -> None:
        """Begin the calls: each begins when the one before has been answered."""
        calls = self._calls(events, thread, clock)

        def go_on(step: Callable[[], Request]) -> None:
            try:
                request = step()
            except StopIteration as end:
                done(partial(_same, end.value))
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


def _same(handed: Handed) -> Handed:
    return handed


class BlockingSender(ABC):
    """Hands over by calls that block: each in a thread of its own."""

    @abstractmethod
    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Hand events over, once."""

    @abstractmethod
    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Show what would be handed over."""

    def begin(
        self,
        events: Sequence[Event],
        clock: Clock,
        done: Callable[[Callable[[], Handed]], None],
        thread: Thread | None = None,
    ) -> None:
        """Hand events over in a thread of the system."""
        del thread  # of those that have threads

        def work() -> None:
            try:
                handed = self.hand_over(events, clock)
            except Exception as error:  # noqa: BLE001 -- raised again where it is heard
                done(partial(raise_again, error))
            else:
                done(lambda: handed)

        _start(work)


def _start(step: Callable[[], None]) -> None:
    try:
        threading.Thread(target=step, name="hand over", daemon=True).start()
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
