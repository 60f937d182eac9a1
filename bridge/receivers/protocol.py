"""Receivers: how events are written for those who get them, and what their answers mean. No I/O.

A receiver renders events into one POST and reads the answer to it. It says whether a retry makes sense and nothing
else: it never sleeps, retries, logs, or touches network or database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

from bridge import __version__
from bridge.receivers.event_formats import TEST_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event, Post
    from bridge.domain.outcome import Outcome
    from bridge.domain.threads import Thread
    from bridge.transport.message import Reply, Request

    Done = Callable[[Callable[[], "Handed"]], None]
    """Gets what returns what came of handing events over, or raises what was raised meanwhile."""

USER_AGENT = f"wbiztool-bridge/{__version__}"
"""How the bridge names itself to receivers."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the bridge tells receivers of itself.

    ``source`` names it to receivers of CloudEvents (:func:`bridge.receivers.event_formats.source_of`), and ``pages`` is
    where people see it, for links; None where they don't. ``zone`` is in which they read times.
    """

    source: str = TEST_SOURCE
    pages: str | None = None
    zone: tzinfo = UTC


class Receiver(Protocol):
    """Knows how one kind of receiver is notified, and how it answers."""

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""
        ...

    def render(self, events: Sequence[Event], at: datetime) -> Request:
        """Write events as one POST.

        Args:
            events: At least one; receivers that don't group take exactly one.
            at: The attempt's time, aware, in UTC.

        Raises:
            ValueError: It can't take that many events in one POST, or an event holds what JSON can't.
        """
        ...

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Say what an answer means for the delivery. No answer whatsoever raises.

        Args:
            reply: The answer as it came, with any status and any bytes.
            at: When it came, aware, in UTC.
        """
        ...


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing events over: the outcome, and what was answered, as it came.

    ``http_status`` is None where nothing was answered, or not over HTTP. ``posted`` is the post to which what follows
    can answer; None where it was an answer itself, or nothing can.
    """

    outcome: Outcome
    answer: str = ""
    http_status: int | None = None
    posted: Post | None = None


class Sender(Protocol):
    """A receiver and the way to it. Safe to use from several threads at once."""

    @property
    def name(self) -> str:
        """The name that the configuration gives the receiver."""
        ...

    def begin(self, events: Sequence[Event], clock: Clock, done: Done, thread: Thread | None = None) -> None:
        """Begin to hand events over, once, and return at once. What ``done`` gets returns what came of it, or raises.

        Args:
            events: At least one; exactly one where the receiver takes no batches.
            clock: Tells the attempt's time, and when the answer came.
            done: Called once, by any thread, unless this raises.
            thread: Where they belong, if the receiver has threads.

        Raises:
            TransportError: Nothing that can be read came back. Its text is for people, and says why.
            UnrenderableError: The receiver's template can't be rendered for these events. The same.
            Exception: A fault of the bridge's own with these events.
        """
        ...

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Arrange for JSON what would be handed over, with its secrets. Nothing is sent. Raises as :meth:`begin`.

        Args:
            events: As there.
            at: The attempt's time, aware, in UTC.
        """
        ...

    def close(self) -> None:
        """End what is being handed over, and let go of what is kept open."""
        ...
