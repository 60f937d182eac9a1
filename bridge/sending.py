"""One attempt: hand events to a receiver, and note down what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from bridge.clock import wall_time
from bridge.errors import UnrenderableError
from bridge.model import Attempt, Dead, Delivered, Retry
from bridge.redact import Redactor, clean_text
from bridge.transport.message import StoppedError, TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.clock import Clock
    from bridge.model import Event, Outcome
    from bridge.receivers import Receiver
    from bridge.transport.client import HttpClient

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


class Way(Protocol):
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

    def close(self) -> None:
        """Let go of what is kept open."""
        ...


class HttpWay:
    """Leads to a receiver over HTTP.

    Args:
        receiver: Writes the POST and reads its answer.
        channel: Leads to it.
    """

    def __init__(self, receiver: Receiver, channel: HttpClient) -> None:
        self.name = receiver.name
        self._receiver = receiver
        self._channel = channel

    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:
        """Make one POST."""
        # The receiver compares both with its own clock: the signature's time, and the date until which we are to wait.
        request = self._receiver.render(events, wall_time(clock))
        reply = self._channel.send(request, request.path)
        return Handed(self._receiver.read(reply, wall_time(clock)), reply.text, reply.status)

    def close(self) -> None:
        """Close the idle connections."""
        self._channel.close()


def attempt(way: Way, events: Sequence[Event], *, clock: Clock, redact: Redactor) -> Attempt:
    """Hand events to a receiver, once. Whatever happens is in the attempt that is returned.

    Raises:
        StoppedError: The way was closed meanwhile; that says nothing about the receiver.
        Exception: A fault of the bridge's own with these events.
    """
    at, started = clock.now(), clock.monotonic()
    try:
        handed = way.hand_over(events, clock)
    except StoppedError:
        raise
    except TransportError as error:
        handed = Handed(Retry(str(error), quick=True))
    except UnrenderableError as error:
        handed = Handed(Dead(str(error), about_event=True))
    # Receivers may echo what they were sent, tokens included.
    answer = redact(clean_text(handed.answer))[:ANSWER_KEPT]
    return Attempt(at, clock.monotonic() - started, _redacted(handed.outcome, redact), handed.http_status, answer)


def _redacted(outcome: Outcome, redact: Redactor) -> Outcome:
    """Take secrets out of the reason: it may quote what a library or a program said."""
    return outcome if isinstance(outcome, Delivered) else replace(outcome, why=redact(clean_text(outcome.why)))
