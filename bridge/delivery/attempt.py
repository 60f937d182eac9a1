"""One attempt: hand events to a receiver, and note down what came of it."""

from __future__ import annotations

import queue
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bridge.domain.errors import UnrenderableError, raise_again
from bridge.domain.model import Attempt
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.redaction import Redactor, clean_text
from bridge.receivers.protocol import Handed
from bridge.transport.message import StoppedError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome
    from bridge.domain.threads import Thread
    from bridge.receivers.protocol import Sender

ANSWER_KEPT = 500
"""Characters of an answer's body that its record keeps."""


def attempt(sender: Sender, events: Sequence[Event], *, clock: Clock, redact: Redactor) -> Attempt:
    """Hand events to a receiver, once. Whatever happens is in the attempt that is returned.

    Raises:
        StoppedError: The way was closed meanwhile; that says nothing about the receiver.
        Exception: A fault of the bridge's own with these events.
    """
    made: queue.SimpleQueue[Callable[[], Attempt]] = queue.SimpleQueue()
    begin_attempt(sender, events, made.put, clock=clock, redact=redact)
    return made.get()()


def begin_attempt(
    sender: Sender,
    events: Sequence[Event],
    done: Callable[[Callable[[], Attempt]], None],
    *,
    thread: Thread | None = None,
    clock: Clock,
    redact: Redactor,
) -> None:
    """Begin to hand events to a receiver, once. ``done`` gets what returns it, or raises as :func:`attempt`."""
    at, started = clock.now(), clock.monotonic()

    def ended(get: Callable[[], Handed]) -> None:
        done(lambda: _attempt(get, at, started, clock, redact))

    try:
        sender.begin(events, clock, ended, thread)
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
    outcome = _redacted(handed.outcome, redact)
    return Attempt(at, clock.monotonic() - started, outcome, handed.http_status, answer, posted=handed.posted)


def _redacted(outcome: Outcome, redact: Redactor) -> Outcome:
    """Take secrets out of the reason: it may quote what a library or a program said."""
    return outcome if isinstance(outcome, Delivered) else replace(outcome, why=redact(clean_text(outcome.why)))
