"""One attempt: hand events to a receiver, and note down what came of it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bridge.domain.clock import wall_time
from bridge.domain.errors import UnrenderableError, raise_again
from bridge.domain.model import Attempt, Dead, Delivered, Retry
from bridge.domain.redaction import Redactor, clean_text
from bridge.transport.message import StoppedError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event, Outcome
    from bridge.receivers.protocol import Receiver
    from bridge.transport.client import HttpClient
    from bridge.transport.message import Reply

ANSWER_KEPT = 500
"""Characters of an answer's body that its record keeps."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing events over: the outcome, and what was answered, as it came.

    ``http_status`` is None where nothing was answered, or not over HTTP.
    """

    outcome: Outcome
    answer: str = ""
    http_status: int | None = None


class Sender(Protocol):
    """A receiver and the way to it. Safe to use from several threads at once."""

    @property
    def name(self) -> str:
        """The name that the configuration gives the receiver."""
        ...

    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Hand events over, once.

        Args:
            events: At least one; exactly one where the receiver takes no batches.
            clock: Tells the attempt's time, and when the answer came.

        Raises:
            TransportError: Nothing that can be read came back. Its text is for people, and says why.
            UnrenderableError: The receiver's template can't be rendered for these events. Likewise.
            Exception: A fault of the bridge's own with these events.
        """
        ...

    def begin(self, events: Sequence[Event], clock: Clock, done: Callable[[Callable[[], Handed]], None]) -> None:
        """Begin to hand events over, and return at once. ``done`` gets what returns or raises as :meth:`hand_over`.

        Raises:
            Exception: As :meth:`hand_over` does.
        """
        ...

    def close(self) -> None:
        """End what is being handed over, and let go of what is kept open."""
        ...


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
        request = self._receiver.render(events, wall_time(clock))
        return self._handed(lambda: self._channel.send(request, request.path), clock)

    def begin(self, events: Sequence[Event], clock: Clock, done: Callable[[Callable[[], Handed]], None]) -> None:
        """Begin one POST."""
        request = self._receiver.render(events, wall_time(clock))
        self._channel.begin(request, request.path, lambda get: done(partial(self._handed, get, clock)))

    def _handed(self, get: Callable[[], Reply], clock: Clock) -> Handed:
        # The receiver compares both with its own clock: the signature's time, and the date until which we are to wait.
        reply = get()
        return Handed(self._receiver.read(reply, wall_time(clock)), reply.text, reply.status)


class BlockingSender(ABC):
    """A way that hands over by calls that block: each in a thread of its own."""

    @abstractmethod
    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Hand events over, once."""

    def begin(self, events: Sequence[Event], clock: Clock, done: Callable[[Callable[[], Handed]], None]) -> None:
        """Hand events over in a thread."""

        def work() -> None:
            try:
                handed = self.hand_over(events, clock)
            except Exception as error:  # noqa: BLE001 -- raised again where it is heard
                done(partial(raise_again, error))
            else:
                done(lambda: handed)

        _start(work)


def attempt(sender: Sender, events: Sequence[Event], *, clock: Clock, redact: Redactor) -> Attempt:
    """Hand events to a receiver, once. Whatever happens is in the attempt that is returned.

    Raises:
        StoppedError: The way was closed meanwhile; that says nothing about the receiver.
        Exception: A fault of the bridge's own with these events.
    """
    return _attempt(lambda: sender.hand_over(events, clock), clock.now(), clock.monotonic(), clock, redact)


def begin_attempt(
    sender: Sender,
    events: Sequence[Event],
    done: Callable[[Callable[[], Attempt]], None],
    *,
    clock: Clock,
    redact: Redactor,
) -> None:
    """Begin to hand events to a receiver, once. ``done`` gets what returns it, or raises as :func:`attempt`."""
    at, started = clock.now(), clock.monotonic()

    def ended(get: Callable[[], Handed]) -> None:
        done(lambda: _attempt(get, at, started, clock, redact))

    try:
        sender.begin(events, clock, ended)
    except Exception as error:  # noqa: BLE001 -- raised again where it is heard
        ended(partial(raise_again, error))


def _attempt(get: Callable[[], Handed], at: datetime, started: float, clock: Clock, redact: Redactor) -> Attempt:
    try:
        handed = get()
    except StoppedError:
        raise
    except TransportError as error:
        handed = Handed(Retry(str(error), quick=True))
    except UnrenderableError as error:
        handed = Handed(Dead(str(error), about_event=True))
    # Receivers may echo what they were sent, tokens included.
    answer = redact(clean_text(handed.answer))[:ANSWER_KEPT]
    return Attempt(at, clock.monotonic() - started, _redacted(handed.outcome, redact), handed.http_status, answer)


def _start(step: Callable[[], None]) -> None:
    try:
        threading.Thread(target=step, name="hand over", daemon=True).start()
    except RuntimeError:
        raise TransportError("the system starts no more threads") from None


def _redacted(outcome: Outcome, redact: Redactor) -> Outcome:
    """Take secrets out of the reason: it may quote what a library or a program said."""
    return outcome if isinstance(outcome, Delivered) else replace(outcome, why=redact(clean_text(outcome.why)))
